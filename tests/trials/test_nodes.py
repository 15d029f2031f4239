"""A node on which trainings break before their first step is left out, within bounds, until something comes further there."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admire.campaign.layout import Layout, TrialLayout
from admire.trials import nodes as module
from admire.trials import slurm_jobs
from admire.trials.attempts import Attempts
from admire.trials.nodes import Nodes


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    cluster(monkeypatch, "a", "b", "c", "d")
    return Layout(tmp_path)


def cluster(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(slurm_jobs, "usable_nodes", lambda partition, gpu: list(names))


def attempt(
    monkeypatch: pytest.MonkeyPatch,
    trial: TrialLayout,
    node: str,
    outcome: str = "error",
    step: int = 0,
    begun: int = 0,
) -> None:
    monkeypatch.setenv("SLURMD_NODENAME", node)
    attempts = Attempts(trial.attempts)
    attempts.begin(1, begun)
    attempts.end(1, outcome, step, 1.0, "OSError: libcuda.so.1" if outcome == "error" else None)  # type: ignore[arg-type]


def left_out(results: Layout, trial: TrialLayout, **more: int) -> list[str]:
    return Nodes(results.root).to_leave_out(trial, None, None, **more)


def test_its_own_next_try_goes_elsewhere_and_others_after_the_second_break(results, monkeypatch) -> None:
    one, other = results.trial("S", "a" * 16), results.trial("S", "b" * 16)
    attempt(monkeypatch, one, "a")
    assert left_out(results, one) == ["a"] and left_out(results, other) == []
    attempt(monkeypatch, results.trial("M", "c" * 16, 0.25), "a")
    assert left_out(results, other) == ["a"]


@pytest.mark.parametrize(
    ("outcome", "step"), [("ok", 10), ("failed", 3), ("error", 5), ("interrupted", 8)], ids=lambda value: str(value)
)
def test_a_training_that_came_further_clears_it(results, monkeypatch, outcome, step) -> None:
    trial = results.trial("S", "a" * 16)
    attempt(monkeypatch, trial, "a")
    time.sleep(1.1)  # times are noted in seconds
    attempt(monkeypatch, trial, "a", outcome, step)
    assert left_out(results, trial) == [] and not Nodes(results.root).broken()


def test_one_that_resumes_and_breaks_before_its_first_step_broke_at_once(results, monkeypatch) -> None:
    trial = results.trial("S", "a" * 16)
    attempt(monkeypatch, trial, "a", step=0, begun=40)
    assert left_out(results, trial) == ["a"]


def test_storage_and_interruptions_say_nothing_of_a_node(results, monkeypatch) -> None:
    trial = results.trial("S", "a" * 16)
    attempt(monkeypatch, trial, "a", "storage")
    attempt(monkeypatch, trial, "b", "interrupted")
    assert left_out(results, trial) == []


def test_at_most_half_of_the_nodes_are_left_out_the_worst_ones(results, monkeypatch) -> None:
    trial = results.trial("S", "e" * 16)
    for number, node in enumerate("aabbbccccdd"):
        attempt(monkeypatch, results.trial("S", f"{number:016x}"), node)
    assert left_out(results, trial) == ["b", "c"]
    assert left_out(results, trial, needed=3) == ["c"] and left_out(results, trial, needed=4) == []
    attempt(monkeypatch, trial, "d")
    assert left_out(results, trial) == ["c", "d"], "its own first"
    cluster(monkeypatch, "c")
    assert left_out(results, trial) == [], "there is no other"
    cluster(monkeypatch, "x", "y", "z")
    assert left_out(results, trial) == [], "Slurm refuses names that it does not know"


def test_it_is_forgotten_after_hours(results, monkeypatch) -> None:
    trial = results.trial("S", "a" * 16)
    attempt(monkeypatch, trial, "a")
    before = time.time
    monkeypatch.setattr(module.time, "time", lambda: before() + module.REMEMBERED + 1)
    assert left_out(results, trial) == []


def test_a_job_that_never_came_to_its_attempt_counts(results) -> None:
    trial = results.trial("S", "a" * 16)
    trial.folder.mkdir(parents=True)
    now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    (trial.folder / module.JOBS).write_text(f"a {now} 127 41\nb {now} 75 42\nc {now}\n")
    assert left_out(results, trial) == ["a"]
    assert "did not start, exit code 127" in Nodes(results.root).broken()["a"][0].broke


def test_outside_slurm_nothing_is_left_out(results, monkeypatch) -> None:
    trial = results.trial("S", "a" * 16)
    attempt(monkeypatch, trial, "a")
    monkeypatch.setattr(slurm_jobs, "usable_nodes", lambda partition, gpu: None)
    assert left_out(results, trial) == []
    monkeypatch.delenv("SLURMD_NODENAME")
    other = Layout(results.root / "laptop")
    Attempts(other.trial("S", "b" * 16).attempts).begin(1, 0)
    Attempts(other.trial("S", "b" * 16).attempts).end(1, "error", 0, 1.0, "x")
    assert Nodes(other.root).broken() == {}


@given(st.lists(st.sampled_from("abcdefgh"), max_size=30), st.integers(1, 6), st.integers(1, 8))
def test_there_is_always_room_for_the_job(breaks: list[str], needed: int, count: int) -> None:
    nodes, usable = Nodes("nowhere"), "abcdefgh"[:count]
    nodes.broken = lambda: {node: [module.Visit(node, 0.0, "x")] * breaks.count(node) for node in set(breaks)}  # type: ignore[method-assign]
    nodes._usable[None, None] = (time.monotonic(), list(usable))
    out = nodes.to_leave_out(TrialLayout(Path("nowhere/trials/S/a")), None, None, needed)
    assert set(out) <= set(usable) and len(out) <= count // 2 and (not out or count - len(out) >= needed)


SINFO = """a|cpu*|(null)|idle
b|cpu*|(null)|down*
g|gpu|gpu:a100:4(S:0-1)|mix
h|gpu|gpu:v100:4|drain
i|gpu|gpu:v100:2|alloc"""


@pytest.mark.parametrize(
    ("partition", "gpu", "expected"),
    [(None, None, ["a"]), ("gpu", "gpu", ["g", "i"]), ("gpu", "gpu:a100", ["g"]), ("gpu", "gpu:h100", [])],
)
def test_what_sinfo_says(tmp_path, monkeypatch, partition, gpu, expected) -> None:
    script = tmp_path / "sinfo"
    chosen = "\n".join(line for line in SINFO.splitlines() if partition is None or f"|{partition}" in line)
    script.write_text(f"#!/bin/sh\ncat <<'E'\n{chosen}\nE\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert slurm_jobs.usable_nodes(partition, gpu) == expected
