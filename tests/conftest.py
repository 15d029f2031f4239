"""What all tests share."""

import faulthandler
import os

import pytest
from hypothesis import settings
from pytest_timeout import get_env_settings

LOOP = 3  # times as long as another test: a loop starts some fifty processes, a test on Slurm waits for its queue

# the same examples each time, and no deadline: a loaded machine is not a defect
settings.register_profile("admire", max_examples=50, deadline=None, derandomize=True)
settings.load_profile("admire")

terminal = pytest.StashKey[int]()


def pytest_configure(config):
    with config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        config.stash[terminal] = os.dup(2)


def pytest_collection_modifyitems(config, items):
    limit = get_env_settings(config).timeout
    for item in items:
        long = item.get_closest_marker("loop") or item.path.parent.name == "slurm"
        if limit and long and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LOOP * limit))


def pytest_timeout_set_timer(item, settings):
    """End the process of a test that hangs, with the stacks of all threads.

    pytest-timeout's own ways lose the stacks in a process of several, stand still where a thread that hangs is waited for
    at the end, or never come to their turn where Python's lock is held.
    """
    faulthandler.dump_traceback_later(settings.timeout, file=item.config.stash[terminal], exit=True)
    return True


def pytest_timeout_cancel_timer(item):
    faulthandler.cancel_dump_traceback_later()
    return True
