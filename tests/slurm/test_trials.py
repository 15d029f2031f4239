"""What befalls single trials on a real cluster: a node that breaks every training."""

import sys

import pytest

BROKEN = """#!/bin/sh
if [ "$1" = train ] && [ "$SLURMD_NODENAME" = c1 ]; then
    echo "libcuda.so.1: cannot open shared object file" >&2
    exit 1
fi
exec {python} -m admire.cli.main "$@"
"""


@pytest.fixture
def bench(prepared, tmp_path):
    bench = prepared.copy(tmp_path / "campaign")
    bench.log.unlink(missing_ok=True)
    return bench


def test_a_node_on_which_no_training_starts_is_left_out(bench, tmp_path):
    script = tmp_path / "verbs/admire"
    script.parent.mkdir()
    script.write_text(BROKEN.format(python=sys.executable))
    script.chmod(0o755)
    bench.verbs = script.parent
    bench.run("next_iteration")
    met = (bench.trial / "jobs.txt").read_text().splitlines()
    assert len(met) == 1 and met[0].startswith("c1 "), met
    assert bench.record()["status"] == "ok"
    assert {line["node"] for line in bench.attempts()} == {"c2"}
    assert "node: on c1 a training broke before the first step" in bench.admire("status", "tiny")
