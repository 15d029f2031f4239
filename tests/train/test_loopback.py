"""Processes of one node: nobody outside the machine can reach what they listen on."""

import os

import pytest

from admire.distributed.torchrun import start_processes


def _addresses():
    """Run in each process: what it and its launcher listen on, once gradients could flow."""
    import psutil
    import torch
    import torch.distributed as dist

    dist.init_process_group("gloo")
    total = torch.ones(1)
    dist.all_reduce(total)
    found = [
        one.laddr.ip
        for process in (psutil.Process(), psutil.Process(os.getppid()))
        for one in process.net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    ]
    dist.barrier()
    dist.destroy_process_group()
    return float(total), found


@pytest.mark.loop
def test_processes_of_one_node_listen_on_the_loopback_only():
    answers = start_processes(_addresses, processes=2, threads=1)
    assert [answers[rank][0] for rank in (0, 1)] == [2.0, 2.0]
    addresses = {address for _, found in answers.values() for address in found}
    assert addresses and addresses <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
