"""A folder in which whole campaigns run by the real Snakemake; only the models are tiny."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
TINY = Path(__file__).with_name("tiny.yaml")


@dataclass
class CampaignFolder:
    """A folder in which campaigns run.

    Args:
        subcommands: where the workflow finds `admire`; on the path when None.
    """

    folder: Path
    subcommands: Path | None = None

    def environment(self):
        found = os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
        return found | {"PATH": f"{self.subcommands}:{found['PATH']}"} if self.subcommands else found

    def command(self, *arguments, where=("--cores", "2"), configs=(TINY,)):
        return [
            *(sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--directory", str(self.folder)),
            *("--workflow-profile", str(ROOT / "profiles/default"), *where),
            *arguments,
            *("--configfile", *map(str, configs)),
        ]

    def snakemake(self, *arguments, configs=(TINY,), expect=0):
        return self._called(self.command(*arguments, configs=configs), expect)

    def admire(self, *arguments, before=(), expect=0):
        """A subcommand, with whatever stands `before` it."""
        quick = self.subcommands and not before
        called = [str(self.subcommands / "admire")] if quick else [*before, sys.executable, "-m", "admire.cli.main"]
        return self._called([*called, *map(str, arguments)], expect)

    def _called(self, command, expect):
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, env=self.environment())
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr

    def config(self, name="over.yaml", **keys):
        """A second configuration file that overrides keys."""
        path = self.folder / name
        path.write_text(yaml.safe_dump(keys))
        return path

    @property
    def results(self):
        return self.folder / "results"

    def copy(self, folder):
        shutil.copytree(self.folder, folder, symlinks=True)
        return CampaignFolder(folder, self.subcommands)

    def trainings(self):
        """Trial folder -> how many attempts trained it to the end."""
        ended = {}
        for path in self.results.glob("trials/*/*/attempts.jsonl"):
            ended[path.parent.name] = path.read_text().count('"ok"')
        return ended
