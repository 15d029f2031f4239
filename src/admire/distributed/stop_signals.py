"""The signals upon which a training writes a checkpoint and stops.

A process that trains catches them (`train/interruption.py`). A process that has started others forwards them to these
(`torchrun.py`). SIGURG is a scheduler's warning, SIGINT a Ctrl-C.
"""

from __future__ import annotations

import signal

STOP_SIGNALS = (signal.SIGTERM, signal.SIGURG, signal.SIGINT)
