"""Slurm's refusals: those that pass are told from those that last; one test per row of the table."""

from __future__ import annotations

import pytest

from admire.cluster import refusals

FAILED = "sbatch: error: Batch job submission failed: "
POLICY = f"{FAILED}Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"
PASSING = [
    f"sbatch: error: AssocMaxSubmitJobLimit\n{POLICY}",
    f"sbatch: error: AssocGrpSubmitJobsLimit\n{POLICY}",
    f"sbatch: error: QOSMaxSubmitJobPerUserLimit\n{POLICY}",
    f"sbatch: error: QOSGrpSubmitJobsLimit\n{POLICY}",
    f"sbatch: error: MaxSubmitJobsPerAccount\n{POLICY}",
    POLICY,
    f"{FAILED}Unable to contact slurm controller (connect failure)",
    "allocation failure: Unable to contact slurm controller (connect failure)",
    f"{FAILED}Communication connection failure",
    f"{FAILED}Message receive failure",
    f"{FAILED}Unexpected missing socket error",
    f"{FAILED}Socket timed out on send/recv operation",
    f"{FAILED}Zero Bytes were transmitted or received",
    f"{FAILED}Connection refused",
    "sbatch: error: _slurm_connect: connect to 10.0.0.1:6817: No route to host",
    f"{FAILED}Slurm backup controller in standby mode",
    f"{FAILED}Controller is in standby mode, try a different controller",
    f"{FAILED}Protocol authentication error",
    'sbatch: error: If munged is up, restart it\nsbatch: error: Munge encode failed: Failed to access "/run/munge"',
    "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying",
    f"{FAILED}Resource temporarily unavailable",
    f"{FAILED}Unable to create job record, try again",
    "sbatch: error: RPC rate limit exceeded by user 1000 with 1001 requests, sleeping and retrying",
    f"{FAILED}I/O error writing script/environment to file",
    f"{FAILED}Unable to connect to database",
    f"{FAILED}Required partition not available (inactive or drain)",
    f"{FAILED}Partition in DOWN state",
    f"{FAILED}Required node not available (down, drained or reserved)",
    f"{FAILED}Requested partition configuration not available now",
    "allocation failure: Requested nodes are busy",
    f"{FAILED}Job can not start due to maintenance reservation.",
    f"{FAILED}Requested reservation not usable now",
    f"{FAILED}System submissions disabled",
    f"{FAILED}Requested operation is presently disabled",
    f"{FAILED}Requested account has breached requested QOS usage threshold",
]
LASTING = [
    f"sbatch: error: QOSMaxWallDurationPerJobLimit\n{POLICY}",
    f"sbatch: error: QOSMaxCpuPerUserLimit\n{POLICY}",
    f"sbatch: error: QOSMinCpuNotSatisfied\n{POLICY}",
    f"sbatch: error: AssocMaxGRESPerJob\n{POLICY}",
    "sbatch: error: invalid partition specified: nope\n" + FAILED + "Invalid partition name specified",
    f"{FAILED}No partition specified or system default partition",
    f"{FAILED}Access/permission denied",
    f"{FAILED}User's group not permitted to use this partition",
    f"{FAILED}Requested nodes not in this partition",
    f"{FAILED}More processors requested than permitted",
    f"{FAILED}Node count specification invalid",
    "allocation failure: Requested node configuration is not available",
    f"{FAILED}Memory required by task is not available",
    "sbatch: error: CPU count per node can not be satisfied\n" + FAILED + "CPU count specification invalid",
    f"{FAILED}Invalid account or account/partition combination specified",
    f"{FAILED}Requested time limit is invalid (missing or exceeds some limit)",
    f"{FAILED}Access denied to requested reservation",
    f"{FAILED}Requested reservation is invalid",
    f"{FAILED}Invalid generic resource (gres) specification",
    f"{FAILED}Invalid qos specification",
    f"{FAILED}Invalid license specification",
]


@pytest.mark.parametrize("said", PASSING)
def test_a_refusal_that_passes_is_a_reason_to_wait(said: str) -> None:
    assert refusals.passing(said) is not None


@pytest.mark.parametrize("said", [*LASTING, "sbatch: unrecognized option '--colour'", "the site's own words", ""])
def test_any_other_is_somebodys_to_mend(said: str) -> None:
    assert refusals.passing(said) is None


def test_every_row_has_its_message() -> None:
    assert {refusals.read(said) for said in PASSING + LASTING} == set(refusals.TABLE)
    assert all(refusals.read(said).passing for said in PASSING) and not any(
        refusals.read(said).passing for said in LASTING
    )


def test_a_limit_is_named_in_slurms_words() -> None:
    assert refusals.read(PASSING[0]).cause(PASSING[0]) == "AssocMaxSubmitJobLimit"
