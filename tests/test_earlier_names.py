"""Scripts that were written for 0.1.0 import its module names: they get today's modules, and a warning."""

import importlib
import subprocess
import sys

import pytest

from admire.earlier_names import EARLIER


@pytest.mark.parametrize("name", EARLIER)
def test_an_earlier_name_leads_to_todays_module(name):
    sys.modules.pop(name, None)
    with pytest.warns(DeprecationWarning, match=f"{name} is {EARLIER[name][0]}"):
        earlier = importlib.import_module(name)
    for today in map(importlib.import_module, EARLIER[name][:1]):
        public = [key for key in vars(today) if not key.startswith("_")]
        assert public and all(getattr(earlier, key) is getattr(today, key) for key in public)


def test_a_script_of_before_loads_a_campaign():
    script = (
        "from admire.campaign.config import Campaign, load\nprint(isinstance(load('config/laptop.yaml'), Campaign))"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "True\n"


def test_no_module_of_an_earlier_name_is_left():
    assert all(importlib.util.find_spec(today) is not None for names in EARLIER.values() for today in names)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("admire.campaign.nothing")
