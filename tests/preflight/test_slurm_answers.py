"""What passes is told from what lasts before a campaign starts, with commands that stand in for Slurm's."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from admire.campaign.loading import load
from admire.campaign.site import Site
from admire.errors import ConfigError
from admire.preflight.slurm_answers import check_slurm

TINY = Path(__file__).parents[1] / "workflow/tiny.yaml"
POLICY = "allocation failure: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"
LIMITED = "AccountingStorageEnforce = associations,limits,qos"
Slurm = Callable[..., None]


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    """Puts Slurm's commands on the path; each is a shell script that also notes its arguments."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def make(refuses: str = "", when: str = "*", held: str = "echo 5", **answers: str) -> None:
        refusal = "; ".join(f'echo "{line}" >&2' for line in refuses.splitlines())
        sbatch = f'case "$*" in *--version*) echo slurm 22.05.8; exit;; *--hold*) {held}; exit;; esac\n'
        sbatch += f'case "$*" in {when}) {refusal}; exit 1;; esac\n' if refuses else ""
        scripts = dict.fromkeys(("srun", "squeue", "scancel", "scontrol", "sinfo", "sacctmgr"), "") | {"sbatch": sbatch}
        scripts |= {name: f"cat <<'A'\n{answer}\nA" for name, answer in answers.items()}
        for name, script in scripts.items():
            (tmp_path / name).write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/{name}.asked\n{script}\n')
            (tmp_path / name).chmod(0o755)

    return make


def ask(**site: object) -> list[tuple[str, bool]]:
    return [(one.words, one.waits) for one in check_slurm(load(TINY), "tiny.yaml", Site("profile", **site))]


def asked(tmp_path: Path, name: str) -> list[str]:
    path = tmp_path / f"{name}.asked"
    return path.read_text().splitlines() if path.exists() else []


def test_what_slurm_would_run_is_accepted(slurm: Slurm) -> None:
    slurm()
    assert all("accepted" in words and not waits for words, waits in ask())


@pytest.mark.parametrize(
    ("refuses", "words"),
    [
        (f"sbatch: error: AssocMaxSubmitJobLimit\n{POLICY}", "AssocMaxSubmitJobLimit"),
        (f"sbatch: error: QOSGrpSubmitJobsLimit\n{POLICY}", "QOSGrpSubmitJobsLimit"),
        (POLICY, "Job violates accounting/QOS policy"),
        ("allocation failure: Required partition not available (inactive or drain)", "inactive or drain"),
        ("allocation failure: System submissions disabled", "submissions disabled"),
    ],
)
def test_what_is_refused_for_now_stops_nothing(slurm: Slurm, refuses: str, words: str) -> None:
    slurm(refuses, squeue="17")
    found = ask()
    assert len(found) > 1 and all(waits and "refused for now" in said and words in said for said, waits in found)


def test_a_slurm_that_does_not_answer_is_asked_once(slurm: Slurm, tmp_path: Path) -> None:
    slurm("allocation failure: Unable to contact slurm controller (connect failure)")
    [(words, waits)] = ask()
    assert waits and "nothing could be asked" in words
    assert sum("--test-only" in line for line in asked(tmp_path, "sbatch")) == 1


@pytest.mark.parametrize("name", ["AssocMaxSubmitJobLimit", "QOSMaxSubmitJobPerUserLimit"])
def test_a_limit_that_refuses_a_user_without_jobs_can_never_fit(slurm: Slurm, name: str) -> None:
    slurm(f"sbatch: error: {name}\n{POLICY}", squeue="")
    with pytest.raises(ConfigError, match=rf"slurm_account: Slurm accepts no job at all \({name}\)"):
        ask()


@pytest.mark.parametrize("name", ["AssocGrpSubmitJobsLimit", "QOSGrpSubmitJobsLimit", "MaxSubmitJobsPerAccount"])
@pytest.mark.parametrize("limit", ["0", "300"])
def test_a_limit_of_a_group_can_be_full_or_nought(slurm: Slurm, name: str, limit: str) -> None:
    slurm(f"sbatch: error: {name}\n{POLICY}", squeue="", sacctmgr=f"\n{limit}\n")
    if limit == "0":
        with pytest.raises(ConfigError, match="accepts no job at all"):
            ask()
    else:
        assert all(waits for _, waits in ask())


@pytest.mark.parametrize(
    ("when", "words"),
    [("*--mem=4000*", "default-resources: mem_mb"), ("*--account=ours*", "default-resources: slurm_account")],
)
def test_an_unnamed_limit_of_sizes_is_found_by_asking_for_less(slurm: Slurm, when: str, words: str) -> None:
    slurm(POLICY, when=when, squeue="17")
    with pytest.raises(ConfigError, match=words):
        ask(account="ours")


def test_closed_nodes_are_told_from_a_job_that_fits_none(slurm: Slurm, tmp_path: Path) -> None:
    refuses = "allocation failure: Requested node configuration is not available"
    slurm(refuses, sinfo="drained up")
    assert all(waits and "closed for now" in words for words, waits in ask())
    assert set(asked(tmp_path, "scancel")) == {"5"}, "what was asked in earnest is taken back"
    slurm(refuses, sinfo="drained up", held="exit 1")
    with pytest.raises(ConfigError, match="Requested node configuration is not available"):
        ask()
    slurm(refuses, sinfo="idle up", held=f"touch {tmp_path}/held")
    with pytest.raises(ConfigError, match="Requested node configuration is not available"):
        ask()
    assert not (tmp_path / "held").exists(), "nothing is submitted where all nodes are up"


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ("|00:30:00|||normal", "runtime: account .* allows a job 30 minutes"),
        ("||cpu=1,mem=2G||normal", "mem_mb: account .* allows a job mem=2G"),
        ("|1-00:00:00|node=4||normal", None),
        ("other|00:01:00|||normal", None),
    ],
)
def test_a_job_that_slurm_would_let_wait_for_ever_is_refused(slurm: Slurm, limits: str, words: str | None) -> None:
    slurm(scontrol=LIMITED, sacctmgr=limits)
    if words is None:
        ask(account="ours")
    else:
        with pytest.raises(ConfigError, match=words):
            ask(account="ours")
    slurm(scontrol="AccountingStorageEnforce = none", sacctmgr=limits)
    ask(account="ours")
