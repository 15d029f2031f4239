"""Run a controller until the campaign has ended, whatever happens to the controller.

The controller is restarted if it was killed, if it waits for jobs that Slurm does not know any more, or if it ended because of a
refusal of Slurm's that passes by itself. It is not restarted if it finished, if a job or the configuration failed, or if this
process gets a signal to end.
"""

from __future__ import annotations

import re
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Literal

from admire.campaign.layout import Layout
from admire.supervise import terminal
from admire.supervise.controller import Controller
from admire.supervise.orphans import treat
from admire.trials import slurm_jobs
from admire.trials.lease import BEATS, PERIOD, Lease

Orphans = Literal["adopt", "wait", "cancel"]
# The supervisor gives up after SHORT_LIVES controllers in a row were killed within SHORT_LIFE seconds of their start.
SHORT_LIFE = 60.0
SHORT_LIVES = 5
HELD = ("JobHeldUser", "JobHeldAdmin", "launch failed requeued held", "JobHoldMaxRequeue")
# A job that waits for one of these reasons may never run: it exceeds a limit, or requests something that it may not use.
NEVER = re.compile(
    "PerJob|PartitionTimeLimit|PartitionNodeLimit|BadConstraints|InvalidAccount|InvalidQOS|NeverSatisfied|NotAllowed|not permitted"
)


@dataclass(frozen=True)
class Settings:
    """The settings of a supervisor.

    Attributes:
        results: the results folder.
        log: the file for the output of controllers and supervisor.
        orphans: treatment of jobs that an earlier controller left. `adopt` lets them run beside the new controller, whose own job
            for the same trial waits behind them in the queue; `wait` waits for their end; `cancel` cancels them.
        hung_after: seconds without any job, on this machine or in the queue, after which a controller counts as hung. It must
            exceed the 180 s after which Snakemake's executor may look for ended jobs.
        poll: seconds between two looks.
    """

    results: Path
    log: Path
    orphans: Orphans = "adopt"
    hung_after: float = 900.0
    poll: float = 15.0


class Watch:
    """The supervisor of one command."""

    def __init__(self, command: list[str], settings: Settings) -> None:
        self.command, self.settings = command, settings
        self.controller: Controller | None = None
        self.told: int | None = None
        self._stuck: set[str] = set()
        # The leases are kept, because only repeated looks at one tell whether a holder on another machine lives.
        self._leases: dict[Path, Lease] = {}

    def run(self) -> int:
        """Run controllers until the campaign ends; returns the exit code of the last one."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # A closed terminal must not end the campaign.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._hear)
        short = 0
        while True:
            self._before_start()
            if self.told is not None:
                return 128 + self.told
            began = time.monotonic()
            self.controller = Controller(self.command, self.settings.log)
            hung = self._watch(self.controller)
            outcome = self.controller.outcome()
            self.controller.show()
            code = self.controller.process.returncode
            if outcome == "finished" or self.told is not None or (outcome == "failed" and not hung):
                self._say(
                    f"the controller {outcome if self.told is None else 'ended upon the signal'}, exit code {code}"
                )
                return code if code >= 0 else 128 - code
            short = short + 1 if outcome == "was killed" and time.monotonic() - began < SHORT_LIFE and not hung else 0
            if short == SHORT_LIVES:
                self._say(
                    f"the controller was killed {short} times within {SHORT_LIFE:.0f} s of its start: it is not started again"
                )
                return 1
            self._say(f"the controller {'hung' if hung else outcome} (exit code {code}): it is started again")

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        """Pass a signal to end on to the controller, which cancels its jobs upon SIGINT and waits for them upon SIGTERM."""
        self.told = number
        if self.controller is not None:
            self.controller.signal(number)

    def _before_start(self) -> None:
        """Wait until no controller elsewhere can still live and Slurm answers; then treat the jobs of earlier controllers."""
        elsewhere = [holder for holder in self._holders() if holder["host"] != socket.gethostname()]
        if elsewhere:
            self._say(f"waiting to learn whether the controller on {elsewhere[0]['host']} still lives")
            self._wait_while(lambda: bool(self._holders()), PERIOD * BEATS * 1.5)
        if self._jobs() is None and self._away():
            self._say("Slurm does not answer: waiting")
            self._wait_while(self._away)
        if self._holders():
            # The controller is that of another campaign in this folder, so the jobs are no orphans. If it is that of the same
            # campaign, the new controller itself will refuse to start.
            return
        left = self._jobs()
        if not left:
            return
        treat(left, self.settings.orphans, self._say)
        if self.settings.orphans != "adopt":
            self._wait_while(lambda: self._jobs() != [])

    def _watch(self, controller: Controller) -> bool:
        """Watch a controller until it has ended; True if it hung and was ended from here."""
        busy = time.monotonic()
        while controller.alive:
            self._pause(lambda: controller.alive)
            controller.show()
            jobs = self._jobs()
            mine = None if jobs is None else [job for job in jobs if job.run == controller.run]
            if mine is None or mine or controller.works or controller.run is None:
                busy = time.monotonic()  # If Slurm does not answer, the controller may have jobs, so it counts as busy.
            self._report_stuck(mine or [])
            if time.monotonic() - busy > self.settings.hung_after:
                self._say("the controller waits, but Slurm knows no job of it")
                controller.end()
                return True
        return False

    def _report_stuck(self, jobs: list[slurm_jobs.Job]) -> None:
        for job in jobs:
            if job.id in self._stuck:
                continue
            if job.why in HELD:
                self._say(f"Slurm job {job.id} is held ({job.why}); `scontrol release {job.id}` releases it")
            elif job.state == "PENDING" and NEVER.search(job.why):
                self._say(
                    f"Slurm job {job.id} may wait for ever ({job.why}); correct its resources, then "
                    f"`scancel {job.id}`: it is submitted again"
                )
            else:
                continue
            self._stuck.add(job.id)

    def _holders(self) -> list[dict]:
        """The living controllers of the campaigns in this folder."""
        found = self.settings.results.glob("campaigns/*/" + Layout(Path()).campaign("*").running.name)
        leases = [self._leases.setdefault(path, Lease(path)) for path in found]
        return [holder for lease in leases if (holder := lease.holder()) is not None]

    def _jobs(self) -> list[slurm_jobs.Job] | None:
        return slurm_jobs.jobs(Path.cwd())

    def _away(self) -> bool:
        return slurm_jobs.present() and slurm_jobs.used(Path.cwd()) and self._jobs() is None

    def _wait_while(self, condition: Callable[[], bool], at_most: float = float("inf")) -> None:
        began = time.monotonic()
        while self.told is None and condition() and time.monotonic() - began < at_most:
            self._pause(lambda: self.told is None)

    def _pause(self, going: Callable[[], bool]) -> None:
        until = time.monotonic() + self.settings.poll
        while going() and time.monotonic() < until:
            time.sleep(min(0.2, self.settings.poll))

    def _say(self, words: str) -> None:
        line = f"admire supervise: {time.strftime('%Y-%m-%d %H:%M:%S')} {words}\n"
        with open(self.settings.log, "a", encoding="utf-8") as stream:
            stream.write(line)
        if self.controller is None:
            terminal.show(line)
        else:
            self.controller.show()
