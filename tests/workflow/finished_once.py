"""Campaigns that several tests look at, run once however many processes run the tests."""

import os
import shutil

from campaign_folder import CampaignFolder
from filelock import FileLock


class Finished(CampaignFolder):
    """A campaign that was run to its end; tests of other processes read and copy it at any time."""

    @property
    def output(self):
        """What it said when it was run."""
        return self.folder.with_suffix(".output").read_text()

    def snakemake(self, *arguments, **options):
        raise AssertionError("others read this campaign, so nothing may run in it: run it in a copy()")


def finished_once(tmp_path_factory, name, run, subcommands=None):
    """The campaign that `run(bench)` runs to its end, which returns what it said.

    Whichever process of the tests asks first runs it, with both cores; others wait meanwhile. One that fails is run again by
    the next that asks.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # of all processes
    folder = root / name
    with FileLock(folder.with_suffix(".lock")):
        if not folder.with_suffix(".output").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            output = run(CampaignFolder(folder, subcommands))
            folder.with_suffix(".output").write_text(output)
    return Finished(folder, subcommands)
