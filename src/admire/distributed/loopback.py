"""A rendezvous for the processes of one node that listens only on the loopback interface. Torch's own rendezvous listens on every
interface of the machine, so that other machines could connect."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.distributed import Store
    from torch.distributed.elastic.rendezvous import RendezvousHandler, RendezvousParameters

NAME = "loopback"
ADDRESS = "127.0.0.1"
INTERFACE = "lo"
WAIT = timedelta(seconds=60)


def use_loopback() -> str:
    """Register the rendezvous with torch's launcher, and have gradients exchanged over the loopback interface too, unless the
    environment already names another one.

    Returns:
        The name of the rendezvous backend, for `LaunchConfig`.
    """
    from torch.distributed.elastic.rendezvous import rendezvous_handler_registry

    rendezvous_handler_registry.register(NAME, _handler)
    for variable in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
        os.environ.setdefault(variable, INTERFACE)
    return NAME


def _handler(parameters: RendezvousParameters) -> RendezvousHandler:
    from torch.distributed import TCPStore
    from torch.distributed.elastic.rendezvous import RendezvousHandler, RendezvousInfo, RendezvousStoreInfo

    class Loopback(RendezvousHandler):
        """A group of one node, whose store listens on a socket that only this machine can reach."""

        def __init__(self, run: str) -> None:
            self._run, self._closed = run, False
            listening = socket.create_server((ADDRESS, 0))
            self._port = listening.getsockname()[1]
            self._store: Store = TCPStore(
                ADDRESS, self._port, is_master=True, timeout=WAIT, master_listen_fd=listening.detach()
            )

        def get_backend(self) -> str:
            return NAME

        @property
        def use_agent_store(self) -> bool:
            return True

        def next_rendezvous(self) -> RendezvousInfo:
            return RendezvousInfo(self._store, 0, 1, RendezvousStoreInfo(ADDRESS, self._port))

        def is_closed(self) -> bool:
            return self._closed

        def set_closed(self) -> None:
            self._closed = True

        def num_nodes_waiting(self) -> int:
            return 0

        def get_run_id(self) -> str:
            return self._run

        def shutdown(self) -> bool:
            return True

    return Loopback(parameters.run_id)
