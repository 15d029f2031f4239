"""A process that has imported what subcommands import, and answers each call of `admire` by a fork of itself: the same code in a
process of its own, without the seconds that imports take.

What a subcommand's process is killed for, or signalled, does not reach the fork: tests of that call the real command, for all
subcommands or for those that may be signalled.
"""

import contextlib
import gc
import json
import multiprocessing
import os
import socket
import socketserver
import sys
import time
from pathlib import Path

from admire.cli.main import OFFLINE, RULE_SUBCOMMANDS, SUBCOMMANDS, main

# stands before the real command on the path: hands its place, arguments and terminal to the process that is ready
CLIENT = """#!{python} -IS
import json, os, socket, sys
if sys.argv[1] not in {subcommands!r}:
    os.execv({real!r}, ["admire", *sys.argv[1:]])
ready = socket.socket(socket.AF_UNIX)
ready.connect({address!r})
mask = os.umask(0)
call = json.dumps([os.getcwd(), mask, dict(os.environ), sys.argv[1:]]).encode()
socket.send_fds(ready, [call], [0, 1, 2])
sys.exit(int(ready.makefile().readline()))
"""


class Ready(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    """Serves `answer(arguments)`, which returns an exit code."""

    max_children = 64
    request_queue_size = 64

    def __init__(self, address, answer):
        super().__init__(address, Subcommand)
        self.answer = answer


class Subcommand(socketserver.BaseRequestHandler):
    """One call of `admire`, in a fork."""

    def handle(self):
        said, terminal, _, _ = socket.recv_fds(self.request, 1 << 20, 3)
        for number, stream in enumerate(terminal):
            os.dup2(stream, number)
        sys.stdin = os.fdopen(0, closefd=False)  # multiprocessing gave this process one that is empty
        folder, mask, environment, arguments = json.loads(said)
        os.chdir(folder)
        os.umask(mask)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = ["admire", *arguments]
        try:
            code = self.server.answer(arguments)
        except SystemExit as end:
            code = end.code or 0
        sys.stdout.flush()
        sys.stderr.flush()
        self.request.sendall(f"{code}\n".encode())


def import_for_all():
    """Some libraries put parts off until a name is asked for."""
    import lm_eval.models.huggingface
    import transformers
    import trl

    import admire.cli.propose
    import admire.data.prepared_source
    import admire.evaluate.domain_loss
    import admire.evaluate.lm_eval_suite
    import admire.loop.decisions
    import admire.loop.learning
    import admire.optimize.registry
    import admire.report.campaign.page
    import admire.train.outcome
    import admire.train.pretrain
    import admire.train.run
    import admire.train.sft

    return (
        *(transformers.Trainer, transformers.AutoModelForCausalLM, transformers.AutoTokenizer, trl.SFTTrainer),
        *(lm_eval.models.huggingface, admire),
    )


def client(path, address, subcommands):
    """Write an `admire` whose calls of some subcommands are answered by whoever serves at an address."""
    real = str(Path(sys.executable).with_name("admire"))
    path.write_text(CLIENT.format(python=sys.executable, address=str(address), subcommands=subcommands, real=real))
    path.chmod(0o755)


@contextlib.contextmanager
def forked_commands(folder, answer=main, prepare=import_for_all, subcommands=SUBCOMMANDS + RULE_SUBCOMMANDS):
    """Yields a folder to put before the path: its `admire` is answered from here for these subcommands."""
    address, admire = folder / "ready", folder / "bin/admire"
    admire.parent.mkdir(parents=True)
    client(admire, address, subcommands)
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(str(address), answer, prepare))
    server.start()
    try:
        while not address.exists():
            assert server.is_alive(), "the subcommands' process did not come up"
            time.sleep(0.1)
        yield admire.parent
    finally:
        server.terminate()
        server.join()


def _serve(address, answer, prepare):
    for name in OFFLINE:  # read when libraries are imported
        os.environ.setdefault(name, "1")
    prepare()
    gc.freeze()  # A collection in a fork would touch, and so copy, all that was imported.
    Ready(address, answer).serve_forever()
