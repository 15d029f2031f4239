"""Which kinds of job Slurm is asked about."""

from pathlib import Path

import pytest

from admire.campaign.loading import load
from admire.campaign.site import Site, make_site
from admire.errors import ConfigError
from admire.preflight.job_requests import requests

TINY = Path(__file__).parents[1] / "workflow/tiny.yaml"


@pytest.mark.parametrize(("grouped", "evaluations"), [(True, []), (False, [("evaluating L", 1, 2, 6)])])
def test_an_evaluation_in_a_job_of_its_own_is_a_kind_of_its_own(grouped, evaluations, tiny):
    found = requests(tiny, "tiny.yaml", Site("profile", gpu_partition="gpu", grouped=grouped))
    train = next(one for one in found if one.what == "training L")
    assert (train.nodes, train.gpus, train.threads) == (2, 4, 12)
    scoring = [one for one in found if one.what.startswith("evaluating")]
    assert [(one.what, one.nodes, one.gpus, one.threads) for one in scoring] == evaluations
    assert all(one.partition == "gpu" for one in scoring)


@pytest.fixture
def tiny(tmp_path):
    """Two sizes; the larger one trains on two nodes with four GPUs each, and scores with two."""
    over = tmp_path / "over.yaml"
    over.write_text(
        "models:\n"
        "  - {name: S, cost: 1, architecture: {model_type: llama}}\n"
        "  - {name: L, cost: 2, target: true, architecture: {model_type: llama},\n"
        "     resources: {gpus: 4, nodes: 2, threads: 3, evaluation_processes: 2}}\n"
    )
    return load(TINY, over)


def test_a_misspelt_resource_of_the_profile_is_refused():
    snakemakes_own = dict.fromkeys(
        ("mem_mib", "disk_mb", "disk_mib", "tmpdir", "nodes", "gpu", "gpu_model", "gres"), "1"
    )
    assert make_site("profile", snakemakes_own | {"slurm_account": "ours"}, True).account == "ours"
    for typo, meant in (
        ("slurm_acount", "slurm_account"),
        ("gpu_typ", "gpu_type"),
        ("slurm_partitions", "slurm_partition"),
    ):
        with pytest.raises(ConfigError, match=f"profile: default-resources: {typo}: .* did you mean '{meant}'?"):
            make_site("profile", {typo: "a"}, True)
