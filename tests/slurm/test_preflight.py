"""What Slurm would refuse is refused before a job is queued, in a sentence with file, key and mend."""

import os

import pytest
import yaml
from cluster_campaign import ROOT, ClusterCampaign

WELL = {"slurm_partition": "cpu", "gpu_partition": "gpu", "gpu_type": "fake", "runtime": 10, "mem_mb": 1500}
WRONG = [
    ({"slurm_partition": "nope"}, {}, ("slurm_partition", "refuses nope", "`sinfo` lists")),
    ({"gpu_partition": "cpu"}, {"gpus": 1}, ("models.S.resources.gpus", "refuses 1")),
    ({"gpu_type": "a100"}, {"gpus": 1}, ("gpu_type", "refuses a100", "sinfo")),
    ({}, {"gpus": 4}, ("models.S.resources.gpus", "refuses 4", "one node")),
    ({}, {"mem_gb": 900}, ("models.S.resources.mem_gb", "refuses 900.2", "sinfo")),
    ({}, {"threads": 99}, ("models.S.resources.threads", "refuses 99")),
    ({}, {"minutes": 600}, ("models.S.resources.minutes", "refuses 1200", "limit is 720 minutes")),
]


@pytest.fixture
def bench(lab, subcommands, tmp_path):
    bench = ClusterCampaign(tmp_path, lab, subcommands["nothing"])
    bench.profile(**{"default-resources": WELL})
    bench.campaign()
    return bench


@pytest.fixture
def short_partition(lab):
    lab.ask("scontrol", "update", "PartitionName=cpu", "MaxTime=12:00:00")
    yield
    lab.ask("scontrol", "update", "PartitionName=cpu", "MaxTime=UNLIMITED")


def test_accepts_what_slurm_would_run(bench):
    bench.campaign(resources={"gpus": 2})
    said = bench.admire("preflight", "tiny.yaml", "--profile", "slurm", "--from-a-job")
    assert "training S" in said and "--gpus=fake:2" in said and "recording that S failed" in said
    assert "nothing stands in the way" in said


@pytest.mark.parametrize(("defaults", "resources", "words"), WRONG, ids=[words[0] for _, _, words in WRONG])
def test_refuses(bench, short_partition, defaults, resources, words):
    bench.profile(**{"default-resources": WELL | defaults})
    bench.campaign(resources=resources)
    said = bench.admire("preflight", "tiny.yaml", "--profile", "slurm", expect=1)
    assert said.startswith("admire preflight: ") and said.count("\n") == 1, said
    for word in words:
        assert word in said, said


def test_the_workflow_refuses_before_a_job_is_queued(bench):
    bench.campaign(resources={"gpus": 4})
    said = bench.run(expect=1)
    assert "models.S.resources.gpus: Slurm refuses 4" in said and "Traceback" not in said
    queued = bench.lab.ask("squeue", "--noheader", "--states=all", "--format=%Z")
    assert str(bench.folder) not in queued


def test_refuses_a_machine_without_slurm(bench):
    bench.variables["PATH"] = os.path.dirname(os.sys.executable)
    said = bench.admire("preflight", "tiny.yaml", "--profile", "slurm", expect=1)
    assert "this machine has no sbatch" in said and "login node" in said


def test_refuses_a_profile_that_is_not_there(bench):
    said = bench.admire("preflight", "tiny.yaml", "--profile", "slrum", expect=1)
    assert "--profile slrum: no such folder" in said and "profiles/slurm" in said


def test_the_shipped_profile_is_read_by_its_name(bench):
    assert (ROOT / "slurm/config.yaml").samefile(ROOT / "profiles/slurm/config.yaml")
    assert yaml.safe_load((ROOT / "slurm/config.yaml").read_text())["executor"] == "slurm"


def test_refuses_a_results_folder_that_the_nodes_do_not_see(bench):
    hidden = ("unshare", "--mount", "sh", "-c", 'mkdir results && mount -t tmpfs none results && exec "$0" "$@"')
    said = bench.admire("preflight", "tiny.yaml", "--profile", "slurm", "--from-a-job", before=hidden, expect=1)
    assert f"the nodes do not see {bench.results}" in said and "shared file system" in said, said


def test_refuses_an_account_that_slurm_does_not_know(accounting, bench):
    bench.lab = accounting
    bench.profile(**{"default-resources": WELL | {"slurm_account": "campaign"}})
    bench.admire("preflight", "tiny.yaml", "--profile", "slurm")
    bench.profile(**{"default-resources": WELL | {"slurm_account": "nobodys"}})
    said = bench.admire("preflight", "tiny.yaml", "--profile", "slurm", expect=1)
    assert "slurm_account: Slurm refuses nobodys" in said and "sacctmgr show assoc" in said, said


@pytest.fixture
def limited(accounting):
    """Sets limits of the user, and takes them back."""
    yield lambda what: accounting.ask("sacctmgr", "-iQ", "modify", "user", "root", "set", what)
    for what in ("MaxSubmitJobs=-1", "MaxWall=-1", "MaxTRES=cpu=-1"):
        accounting.ask("sacctmgr", "-iQ", "modify", "user", "root", "set", what)


@pytest.mark.parametrize(
    ("limit", "resources", "words"),
    [
        ("MaxSubmitJobs=0", {}, ("slurm_account", "accepts no job at all (AssocMaxSubmitJobLimit)")),
        ("MaxWall=15", {"minutes": 60}, ("models.S.resources.minutes", "15 minutes", "requests 120")),
        ("MaxTRES=cpu=2", {"threads": 4}, ("models.S.resources.threads", "cpu=2", "requests 4")),
    ],
)
def test_refuses_a_limit_that_can_never_fit(accounting, limited, bench, limit, resources, words):
    bench.lab = accounting
    bench.profile(**{"default-resources": WELL | {"slurm_account": "campaign"}})
    bench.campaign(resources=resources)
    limited(limit)
    said = bench.admire("preflight", "tiny.yaml", "--profile", "slurm", expect=1)
    assert said.startswith("admire preflight: ") and said.count("\n") == 1, said
    for word in words:
        assert word in said, said


@pytest.mark.parametrize("state", ["DOWN", "DRAIN", "INACTIVE"])
def test_a_partition_that_is_closed_for_now_stops_nothing(lab, bench, state):
    bench.profile(**{"default-resources": WELL | {"slurm_partition": "closed"}})
    lab.ask("scontrol", "update", "PartitionName=closed", f"State={state}")
    said = bench.admire("preflight", "tiny.yaml", "--profile", "slurm")
    lab.ask("scontrol", "update", "PartitionName=closed", "State=UP")
    assert "nothing stands in the way" in said
    assert ("training S: refused for now" in said) == (state != "DOWN"), (
        "a partition that is down takes jobs, and lets them wait"
    )


def test_refuses_an_old_slurm(bench, tmp_path):
    old = tmp_path / "old/sbatch"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho slurm 20.02.7\n")
    old.chmod(0o755)
    bench.variables["PATH"] = f"{old.parent}:{os.environ['PATH']}"
    said = bench.admire("preflight", "tiny.yaml", "--profile", "slurm", expect=1)
    assert "Slurm 20.02 is too old" in said and "20.11 and later" in said, said


def test_refuses_an_old_plugin(bench, tmp_path):
    old = tmp_path / "snakemake_executor_plugin_slurm-1.9.2.dist-info"
    old.mkdir()
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: snakemake-executor-plugin-slurm\nVersion: 1.9.2\n")
    bench.variables["PYTHONPATH"] = f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"
    bench.subcommands = None  # versions are asked in a process of its own
    said = bench.admire("preflight", "tiny.yaml", "--profile", "slurm", expect=1)
    assert "snakemake-executor-plugin-slurm 1.9.2 is too old; install 2.8.0" in said, said
