"""The meaning of Slurm's refusals of a job: some pass by themselves, so the submission waits; a person must fix the others.

The texts are those of Slurm's own table of errors (`src/common/slurm_errno.c` and `src/api/submit.c`, read from the library of
22.05 by slurm_strerror(), codes beside the rows) and of its table of reasons (`job_reason_string()` in
`src/common/slurm_protocol_defs.c`), which sbatch prints on a line of its own before "Job violates accounting/QOS policy". Where a
row says *seen*, tests/slurm or a trial on a real cluster produced the message. A refusal that is not listed counts as lasting, so
that no submission waits for an unknown cause.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """One kind of refusal.

    Attributes:
        words: regular expression for Slurm's text.
        passing: whether the same job may be accepted later without a change.
        means: the meaning in plain words, for messages.
    """

    words: str
    passing: bool
    means: str

    def cause(self, said: str) -> str:
        """The part of Slurm's output `said` that matches `words`."""
        found = re.search(self.words, said)
        return found[0] if found else self.words


UNNAMED_LIMIT = Refusal(r"Job violates accounting/QOS policy", True, "a limit, most likely of submitted jobs, is full")
AWAY = "Slurm's controller does not answer"
FULL = "a limit of submitted jobs is full"
_CLOSED = "the partition or its nodes are closed for now"

# The first row that matches counts. Named reasons stand before the general sentence that sbatch prints after them.
TABLE = (
    # Limits on the number of submitted jobs. AssocMaxSubmitJobLimit, AssocGrpSubmitJobsLimit, QOSMaxSubmitJobPerUserLimit,
    # QOSGrpSubmitJobsLimit and MaxSubmitJobsPerAccount were seen.
    Refusal(r"\b(?:Assoc|QOS)?(?:Max|Grp)SubmitJobs?\w*", True, FULL),
    # Limits on the size of one job. QOSMaxWallDurationPerJobLimit, QOSMaxCpuPerUserLimit, QOSGrpCpuLimit and
    # QOSMinCpuNotSatisfied were seen. Slurm refuses a submission by a limit on all jobs of a user or group together only if this
    # job alone exceeds it.
    Refusal(r"\b(?:Assoc|QOS)(?:Max|Grp|Min)\w+", False, "the job is larger than a limit"),
    # Old releases of Slurm print 2050 without a reason. A job like those accepted before gets it when a count of jobs is full.
    UNNAMED_LIMIT,
    # 1800-1803; seen 29 s after slurmctld was gone, and after 58 s with --test-only.
    Refusal(r"Unable to contact slurm controller", True, AWAY),
    Refusal(r"Communication (?:connection|shutdown) failure", True, AWAY),  # 1001, 1004
    Refusal(r"Message (?:send|receive) failure", True, AWAY),  # 1002, 1003
    Refusal(r"Unexpected missing socket error", True, AWAY),  # 1013
    Refusal(r"Socket timed out", True, AWAY),  # 5004
    Refusal(r"Zero Bytes were transmitted or received", True, AWAY),  # 5005
    # sbatch passes these errors of the operating system on.
    Refusal(r"Connection (?:refused|timed out|reset by peer)|No route to host", True, AWAY),
    Refusal(r"(?:backup controller|Controller is) in standby mode", True, AWAY),  # 2027, 2131
    # 1007, and munge's own text when its daemon is away.
    Refusal(r"Protocol authentication error|Munge encode failed", True, "Slurm's authentication does not answer"),
    # EAGAIN: sbatch tries 15 times before it gives up, because the whole cluster's MaxJobCount is full. The first text was seen.
    Refusal(r"temporarily unable to accept job|Resource temporarily unavailable", True, "Slurm's whole queue is full"),
    Refusal(r"Unable to create job record, try again", True, "Slurm's whole queue is full"),  # 2007
    Refusal(
        r"RPC (?:rate )?limit exceeded|Backing off for further communication", True, "Slurm gets too many queries"
    ),  # 23.02
    Refusal(r"I/O error writing script/environment to file", True, "Slurm's own disk is full"),  # 2019
    Refusal(r"Unable to connect to database", True, "Slurm's database does not answer"),  # 7000
    Refusal(r"Required partition not available \(inactive or drain\)", True, _CLOSED),  # 2070, seen
    Refusal(r"Partition in DOWN state", True, _CLOSED),  # 2101
    Refusal(r"Required node not available \(down, drained or reserved\)", True, _CLOSED),  # 2068
    Refusal(r"Requested partition configuration not available now", True, _CLOSED),  # 2015
    Refusal(r"Requested nodes are busy", True, _CLOSED),  # 2016
    Refusal(r"maintenance reservation", True, _CLOSED),  # 2118
    Refusal(
        r"Requested reservation (?:not usable now|is in use)", True, "the reservation is not usable for now"
    ),  # 2056, 2055
    Refusal(r"System submissions disabled", True, "the cluster takes no jobs for now"),  # 2105
    Refusal(r"Requested operation is presently disabled", True, "the cluster takes no jobs for now"),  # 2037
    # 2074 passes because usage decays.
    Refusal(r"breached requested QOS usage threshold", True, "the account has used up its share for now"),
    Refusal(r"Invalid partition name specified", False, "there is no such partition"),  # 2000, seen
    Refusal(
        r"No partition specified or system default partition", False, "the cluster has no default partition"
    ),  # 2001
    Refusal(r"Access/permission denied", False, "not allowed"),  # 2002
    Refusal(r"User's group not permitted to use this partition", False, "not allowed in this partition"),  # 2003
    Refusal(r"Requested nodes not in this partition", False, "the partition does not have it"),  # 2004
    Refusal(r"More processors requested than permitted", False, "the partition does not have it"),  # 2005
    Refusal(r"Node count specification invalid", False, "the partition does not have it"),  # 2006
    Refusal(r"Requested node configuration is not available", False, "the partition does not have it"),  # 2014, seen
    Refusal(r"Memory required by task is not available", False, "the partition does not have it"),  # 2044
    Refusal(r"CPU count specification invalid", False, "the partition does not have it"),  # 2069
    Refusal(
        r"Invalid account or account/partition combination", False, "the account may not be used here"
    ),  # 2045, seen
    Refusal(r"Requested time limit is invalid", False, "the time is missing or beyond a limit"),  # 2051, seen
    Refusal(r"Access denied to requested reservation", False, "the reservation is not ours"),  # 2052
    Refusal(r"Requested reservation is invalid", False, "there is no such reservation"),  # 2053
    # 2029, 2048, 2066 (seen), 2072, 2115, 2119
    Refusal(
        r"Invalid (?:feature|license|qos|generic resource \(gres\)|GRES|Trackable RESource \(TRES\)) specification",
        False,
        "there is no such thing",
    ),
)


def read(said: str) -> Refusal | None:
    """The kind of refusal in sbatch's output; None if it is not in the table."""
    return next((row for row in TABLE if re.search(row.words, said)), None)


def passing(said: str) -> Refusal | None:
    """The kind of refusal in sbatch's output if it passes by itself; otherwise None."""
    found = read(said)
    return found if found is not None and found.passing else None
