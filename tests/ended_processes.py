"""Whether processes that are nobody's children any more have ended."""

import time

import psutil

PATIENCE = 300  # seconds


def ended(pid):
    """One whose exit code nobody has asked for has ended, too."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def all_end(pids):
    """Whether they all end in some minutes."""
    limit = time.monotonic() + PATIENCE
    while not all(ended(pid) for pid in pids):
        if time.monotonic() > limit:
            return False
        time.sleep(0.01)
    return True
