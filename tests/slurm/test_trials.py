"""What befalls single trials on a real cluster: a node that breaks every training."""

import pytest


@pytest.mark.parametrize("name", ["broken_node"])
def test_a_node_on_which_no_training_starts_is_left_out(alone, name):
    bench = alone(name)
    met = (bench.trial / "jobs.txt").read_text().splitlines()
    assert len(met) == 1 and met[0].startswith("c1 "), met
    assert bench.record()["status"] == "ok"
    assert {line["node"] for line in bench.attempts()} == {"c2"}
    assert "node: on c1 a training broke before the first step" in bench.admire("status", "tiny")
