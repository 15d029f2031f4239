"""`admire` with FSDP2 over gloo: PyTorch shards on CPU too, Accelerate hands its plugin on for GPUs only. Run by torchrun."""

import sys

import accelerate.state
from accelerate.utils import DistributedType

from admire.cli.main import main

plain = accelerate.state.AcceleratorState.__init__


def sharded(self, *args, fsdp_plugin=None, **kwargs):
    plain(self, *args, fsdp_plugin=fsdp_plugin, **kwargs)
    if fsdp_plugin is not None:
        self.distributed_type, self.fsdp_plugin = DistributedType.FSDP, fsdp_plugin
        accelerate.state.PartialState._shared_state["distributed_type"] = DistributedType.FSDP


accelerate.state.AcceleratorState.__init__ = sharded

if __name__ == "__main__":
    sys.exit(main())
