"""The registry of methods and `admire methods`."""

import subprocess
import sys

import pytest

from admire.cli.main import main
from admire.errors import ConfigError
from admire.optimize.acquisition import ACQUISITIONS, JOINT_ACQUISITIONS
from admire.optimize.registry import METHODS, get
from admire.optimize.surrogates.fidelity_kernels import FIDELITY_KERNELS
from admire.optimize.surrogates.mixture_kernels import MIXTURE_KERNELS


@pytest.mark.parametrize("name", METHODS)
def test_every_entry_leads_to_a_method(name):
    method = get(name)
    assert callable(method.propose)
    assert callable(method.recommend)


def test_misspelt_name_is_refused_with_key_and_nearest_name():
    with pytest.raises(ConfigError, match=r"optimizer\.method: unknown method 'admrie'; did you mean 'admire'\?"):
        get("admrie")


def test_name_like_no_other_lists_the_methods():
    with pytest.raises(ConfigError, match="the methods are admire, "):
        get("xyz")


def test_names_are_known_without_torch():
    code = "import sys, admire.cli.methods, admire.optimize.problem as p; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_verb_prints_one_line_a_method(capsys):
    assert main(["methods"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(METHODS)
    assert "arXiv 2508.11551" in lines[0]


def test_the_options_are_the_ones_that_the_code_knows():
    options = METHODS["admire"].options
    assert set(options["kernel"]) == set(MIXTURE_KERNELS)
    assert set(options["fidelity_kernel"]) == set(FIDELITY_KERNELS)
    assert set(options["acquisition"]) == set(ACQUISITIONS | JOINT_ACQUISITIONS)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("admire", {"kernel": "matren"}, r"optimizer\.kernel: unknown 'matren'; did you mean 'matern'\?"),
        ("random", {"kernel": "rbf"}, r"optimizer\.kernel: method 'random' has no such option; it has none"),
        ("admire+acquisition=xyz", {}, r"optimizer\.acquisition: unknown 'xyz'; it is one of log-ei, ucb"),
    ],
)
def test_options_that_cannot_be_are_refused(name, options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        get(name, options)


def test_options_may_stand_in_the_name():
    assert get("admire+kernel=rbf").kernels.mixture == "rbf"
