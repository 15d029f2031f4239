"""Every rule's shell line, and what a Slurm job is wrapped in, passes hostile words on as they are: nothing in them runs."""

import json
import os
import re
import subprocess
import sys

import pytest
from snakemake.utils import format as shell_line
from test_two_doors import ROOT, parsed

from admire.campaign.loading import load
from admire.campaign.site import make_site
from admire.errors import ConfigError
from admire.preflight import slurm_answers

HOSTILE = [
    "a b",
    "x; touch ran",
    "$(touch ran)",
    "`touch ran`",
    "'; touch ran; '",
    '"; touch ran; "',
    "a\\' & touch ran #",
    "> ran",
    "*",
    "~",
    "$HOME",
    "{x} {{y}}",
    "ü\u202e",
    "!!",
]
RECORDS = f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n"


class Every:
    """Parameters, wildcards or resources, of which each is the same."""

    def __init__(self, value):
        self.value = value

    def __getattr__(self, name):
        return self.value


@pytest.fixture(scope="module")
def rules():
    return {rule.name: rule for rule in parsed(ROOT / "tests/workflow/tiny.yaml").rules if rule.shellcmd}


@pytest.fixture
def run(tmp_path):
    """Run a shell line in an empty folder, where `admire` and `srun` say what they were called with."""
    (tmp_path / "bin").mkdir()
    for name in ("admire", "srun"):
        (tmp_path / "bin" / name).write_text(RECORDS)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "here").mkdir()

    def line(text):
        found = os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
        here = tmp_path / "here"
        done = subprocess.run(["bash", "-c", text], cwd=here, env=found, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        there = sorted(os.listdir(here))
        for name in there:
            (here / name).unlink()
        return json.loads(done.stdout), there

    return line


@pytest.mark.parametrize("word", HOSTILE)
def test_a_rules_line_passes_words_on(rules, run, word):
    assert len(rules) >= 14
    for name, rule in rules.items():
        log = f"log {word}".replace("/", "")
        words = {"params": Every([word, word]), "wildcards": Every(word), "resources": Every(word), "log": [log]}
        called, there = run(shell_line(rule.shellcmd, threads=1, **words))
        assert sum(part.count(word) for part in called) >= 2 and called[0].isascii(), name
        assert there == [log], (name, there)


@pytest.mark.parametrize("word", HOSTILE)
def test_a_look_at_the_results_from_a_job_runs_nothing_else(tmp_path, monkeypatch, word):
    campaign = load(ROOT / "tests/workflow/tiny.yaml").model_copy(update={"results": str(tmp_path / word / "results")})
    (tmp_path / "sbatch").write_text(
        f"#!{sys.executable}\nimport sys\nopen({str(tmp_path / 'asked')!r}, 'w').write(sys.argv[-1])\n"
    )
    (tmp_path / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(slurm_answers.Path, "unlink", lambda self: None)  # what the job looks at stays
    slurm_answers.check_shared(campaign, "tiny.yaml", make_site("the profile", {}, grouped=True))
    line = (tmp_path / "asked").read_text().removeprefix("--wrap=")
    before = sorted(tmp_path.rglob("*"))
    assert "test -e" in line and subprocess.run(["sh", "-c", line], cwd=tmp_path).returncode == 0
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("letter", ["$", "`", '"', "\\"])
def test_a_path_that_the_slurm_executor_would_change_is_refused(monkeypatch, letter):
    monkeypatch.setattr(slurm_answers, "_check_installed", lambda origin: None)
    campaign = load(ROOT / "tests/workflow/tiny.yaml")
    with pytest.raises(
        ConfigError, match=re.escape(f"my{letter}.yaml: Snakemake's Slurm executor cannot pass a {letter}")
    ):
        slurm_answers.check_slurm(campaign, f"a.yaml + my{letter}.yaml", make_site("the profile", {}, grouped=True))
