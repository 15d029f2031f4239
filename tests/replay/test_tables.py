"""Tables are read as they stand, and refused with file, line and mend."""

import numpy as np
import pandas as pd
import pytest

from admire.errors import TableError
from admire.replay.long_form import long_form


def cell(row, column, value):
    def change(frame):
        frame[column] = frame[column].astype(object)
        frame.loc[row, column] = value
        return frame

    return change


def test_the_long_form_is_ordered_by_cost(written):
    table = long_form(written(lambda frame: frame.iloc[::-1]), "L")
    assert table.sizes == ("S", "L")
    assert [len(x) for x in table.X] == [24, 12]
    assert table.metrics == ("a", "b")
    assert np.allclose(np.concatenate(table.X).sum(1), 1)


def test_dearer_sizes_than_the_target_are_left_out(written):
    assert long_form(written(), "S").sizes == ("S",)


def test_what_is_left_out_or_made_one_is_said(written):
    def change(frame):
        again = frame.iloc[[30]].assign(run="again", **{"metric:a": frame.loc[30, "metric:a"] + 1.0})
        dear = frame.iloc[[2]].assign(size="XL", cost=50.0)
        return pd.concat([frame.assign(note="x"), again, dear])

    table = long_form(written(change), "L")
    notes = " ".join(table.notes)
    assert "not read: column note" in notes
    assert "dearer than the target: XL" in notes
    assert "1 of 13 runs of size 'L' repeat another's mixture" in notes
    plain = long_form(written(), "L")
    assert table.runs == plain.runs
    assert np.allclose(table.Y[1] - plain.Y[1], np.where(np.arange(12)[:, None] == 6, [[0.5, 0.0]], 0.0))


def test_runs_of_one_size_that_cost_unlike_are_said(written):
    assert "cost 1 to 5; each counts as" in " ".join(long_form(written(cell(3, "cost", 5.0)), "L").notes)


def test_missing_scores_and_standard_errors_are_nan(written):
    table = long_form(written(cell(3, "metric:a", None)), "L")
    assert np.isnan(table.Y[0][3, 0])
    assert np.isnan(table.stderr[0]).all()


def test_an_objective_is_a_signed_average(written):
    table = long_form(written(), "L", lower_is_better=True)
    assert table.objective("mean").tolist() == [-0.5, -0.5]
    assert table.objective("b").tolist() == [0, -1]
    with pytest.raises(TableError, match="no metric or group 'c'; it has mean, a, b"):
        table.objective("c")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda frame: frame.drop(columns="cost"), "no column 'cost'"),
        (lambda frame: frame.drop(columns=["metric:a", "metric:b"]), "one metric:<name> or more"),
        (lambda frame: frame[frame["size"] == "S"], "no runs of size 'L'; --target-size is one of S"),
        (lambda frame: frame[:25], "size 'L' has a single run"),
        (cell(5, "run", 4), "line 7: run 4 of this size occurs twice"),
        (cell(5, "metric:a", "good"), "line 7: metric:a is 'good', not a finite number"),
        (cell(5, "metric:a", "-inf"), "line 7: metric:a is '-inf', not a finite number"),
        (cell(5, "weight:s0", "much"), "line 7: weight:s0 is 'much', not a finite number"),
        (cell(5, "size", None), "line 7: size is empty"),
        (lambda frame: frame.assign(cost=1.0), "sizes L and S cost the same, 1"),
        (lambda frame: frame.assign(**{"weight:s0": 100 * frame["weight:s0"]}), "line 2: the weights sum to"),
        (
            lambda frame: frame.assign(**{f"weight:s{k}": 100 * frame[f"weight:s{k}"] for k in range(3)}),
            "divide them all by 100",
        ),
        (lambda frame: frame.assign(**{"stderr:a": -0.1}), "line 2: a standard error is below zero"),
        (lambda frame: frame.rename(columns={"metric:b": "metric:a"}), "two columns 'metric:a'"),
        (lambda frame: frame[:0], "has no rows"),
        (cell(5, "weight:s0", 0.9), r"line 7: the weights sum to .*, not to 1 \(within 0.005\)"),
        (cell(5, "weight:s0", -0.9), "line 7: a weight is below zero"),
        (cell(5, "cost", None), "line 7: cost is empty"),
        (cell(5, "cost", -1.0), "line 7: cost is not above zero"),
        *(
            (
                lambda frame, name=name: cell(8, name, 7.0)(
                    frame.assign(**{name: frame[["metric:a", "metric:b"]].mean(axis=1)})
                ),
                f"line 10: {name} is 7.0000 and the mean of its metrics",
            )
            for name in ("metric:average", "metric:avg", "metric:mean")
        ),
    ],
)
def test_what_cannot_be_is_refused_by_line(written, change, sentence):
    with pytest.raises(TableError, match=sentence):
        long_form(written(change), "L")


def test_a_file_that_is_not_there_or_no_table(tmp_path):
    with pytest.raises(TableError, match="cannot be read"):
        long_form(tmp_path / "no.csv", "L")
    with pytest.raises(TableError, match="cannot be read"):
        long_form(tmp_path, "L")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00run")
    with pytest.raises(TableError, match="not in UTF-8"):
        long_form(tmp_path / "bytes.csv", "L")


def test_a_size_at_fewer_steps_is_a_fidelity_of_its_own(written):
    def halved(frame):
        early = frame.assign(steps=50, cost=frame["cost"] / 2)
        return pd.concat([frame.assign(steps=100), early], ignore_index=True)

    table = long_form(written(halved), "L")
    assert table.sizes == ("S@50", "S", "L@50", "L")
    assert table.shares == (0.5, 1.0, 0.5, 1.0)
    assert table.promotes


def test_steps_below_one_are_refused(written):
    with pytest.raises(TableError, match="line 2: steps is not above zero"):
        long_form(written(lambda frame: frame.assign(steps=0)), "L")


def test_names_that_look_like_numbers_stay_names_beside_blank_lines(written):
    def change(frame):
        return frame.assign(size=frame["size"].map({"S": "1", "L": "3"}), run=range(len(frame)))

    path = written(change)
    path.write_text("\ufeff" + path.read_text().replace("\n", "\n\n", 1) + "\n\n", encoding="utf-8")
    table = long_form(path, "3")
    assert table.sizes == ("1", "3")
    assert table.runs[1][0] == "24"
