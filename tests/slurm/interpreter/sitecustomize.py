"""What tests change in the Python of a controller and of its jobs, by the environment. Nothing of the package knows of it.

SOONER: seconds between two looks of a controller for jobs that ended; Snakemake's executor looks ever less often.
PACE: seconds that a training waits after each of its steps (pace.py).
CLOCK_AHEAD: a node whose clock is five minutes ahead, also where it touches files; every node is then a host of its own name.
"""

import os
import sys

if os.environ.get("SOONER") and "--profile" in sys.orig_argv:
    import asyncio

    from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

    async def sleep(self):
        await asyncio.sleep(min(self.next_seconds_between_status_checks, float(os.environ["SOONER"])))

    RemoteExecutor.sleep = sleep

if os.environ.get("PACE") and "train" in sys.orig_argv:
    from pace import keep_pace

    keep_pace()

node = os.environ.get("SLURMD_NODENAME")
if os.environ.get("CLOCK_AHEAD") and node:
    import socket

    socket.gethostname = lambda: node
if os.environ.get("CLOCK_AHEAD") and node == os.environ["CLOCK_AHEAD"]:
    import time

    now, now_ns, touch = time.time, time.time_ns, os.utime
    time.time = lambda: now() + 300
    time.time_ns = lambda: now_ns() + 300 * 10**9

    def utime(path, times=None, *, ns=None, **how):
        if times is None and ns is None:
            ns = (time.time_ns(), time.time_ns())
        return touch(path, times, **({"ns": ns} if ns else {}), **how)

    os.utime = utime
    print(f"the clock of {node} is ahead by {time.time() - now():.0f} s", file=sys.stderr)
