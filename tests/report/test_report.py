"""Reports of a young and of a finished campaign: they are written, and their numbers are the records' numbers."""

import csv
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
import yaml

from admire.campaign.layout import Layout
from admire.campaign.schema.training import Validation
from admire.cli.main import main
from admire.report.campaign import mixture, recommendation, validation_curves
from admire.report.campaign.results import CampaignResults
from admire.report.comparison.page import twins
from admire.report.comparison.scores import Row
from admire.trials.atomic_files import read_json, write_text
from admire.trials.identity import Spec
from admire.trials.ledger import Ledger, objective
from admire.trials.validation_table import write_validation

FIGURES = ("mixture", "progress", "purchases", "calibration", "influence")


class Reader(HTMLParser):
    """Collects text and addresses, and checks that every tag is closed."""

    def __init__(self, page):
        super().__init__()
        self.open, self.words, self.addresses = [], [], []
        self.feed(page)
        self.close()

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)


@pytest.fixture(scope="module")
def finished(late):
    """The report of the finished campaign."""
    assert main(["report", str(late.files.config)]) == 0
    return late


def page_of(made):
    return Reader(made.files.report.read_text(encoding="utf-8"))


def written(made):
    return yaml.safe_load(made.files.recommendation.read_text(encoding="utf-8"))


def test_the_page_needs_no_other_file(finished):
    page = page_of(finished)
    assert page.open == []
    assert len(page.addresses) == len(FIGURES)
    assert all(address.startswith("data:image/svg+xml;base64,") for address in page.addresses)


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_there_as_svg_and_png(finished, name):
    assert (finished.files.figures / f"{name}.svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")
    assert (finished.files.figures / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_tells_the_records_numbers(finished):
    text = page_of(finished).text
    update = read_json(finished.files.update(3, 0))
    final = next(t for t in Ledger.read(finished.campaign).trials if t.decision.startswith("final"))
    for number in (
        f"{update['recommendation']['mean']:.4f}",
        f"{update['recommendation']['low']:.4f} to {update['recommendation']['high']:.4f}",
        f"{update['observed_best']['objective']:.4f}",
        f"{objective(finished.campaign, final.scores):.4f}",
        "97 %",
        "the loss was not a number at step 40",
        "torch 2.7.0",
        "0123abcd",
    ):
        assert number in text
    assert "finished" in text and "under way" not in text


def test_the_page_tells_measured_cost_beside_nominal(finished):
    # training 8 s + 6 s around it, evaluation 7 s of CPU: 21 s are 0.35 CPU-minutes, said to cost 0.15
    assert "S 8 0.15 0.35 8.0 40,000" in page_of(finished).text


def test_the_recommendation_is_ready_for_another_trainer(finished):
    found = written(finished)
    update = read_json(finished.files.update(3, 0))
    assert sum(found["weights"].values()) == pytest.approx(1, abs=1e-12)
    assert list(found["weights"]) == list(finished.campaign.sources)
    assert found["weights"] == pytest.approx(update["recommendation"]["weights"], abs=1e-6)
    assert sum(found["rows"].values()) == finished.campaign.mixture.rows
    assert found["epochs"]["docs"] == 1  # its cap binds
    assert found["score"]["predicted"] == pytest.approx(update["recommendation"]["mean"])
    assert found["evidence"] == {"trials": update["seen"], "digests": update["evidence"]}
    assert len(found["score"]["observed_final"]) == len(found["final_trainings"]) == 1


def test_the_rows_are_those_of_the_final_training(finished):
    final = next(t for t in Ledger.read(finished.campaign).trials if t.decision.startswith("final"))
    names = tuple(finished.campaign.sources)
    assert written(finished)["rows"] == dict(zip(names, final.spec.counts(names).tolist(), strict=True))


def test_the_same_files_give_the_same_report(finished):
    files = [
        finished.files.recommendation,
        finished.files.figures / "mixture.svg",
        finished.files.figures / "mixture.png",
    ]
    before = [path.read_bytes() for path in files]
    results = CampaignResults.read(finished.campaign)
    recommendation.write(results)
    mixture.draw(results, finished.files.figures)
    assert [path.read_bytes() for path in files] == before


def test_held_out_losses_while_trials_were_trained(early):
    layout, asked = (
        Layout(early.campaign.results),
        early.campaign.model_copy(update={"validation": Validation(times=3)}),
    )
    results = CampaignResults.read(asked)
    assert validation_curves.draw(results, early.files.figures).is_file()
    assert "No finished trial" in (early.files.figures / "validation.svg").read_text()
    done = [trial for trial in results.ledger.trials if trial.state == "done"]
    for trial in done:
        final = {f"bits:{name}": trial.scores[f"loss/{name}"].value for name in ("docs", "code", "stories", "strings")}
        rows = [
            {"step": step, "tokens": 1, "seconds": 1.0, "validation_seconds": 0.1}
            | {name: bits * (1 + 10 / step) for name, bits in final.items()}
            for step in (52, 105, 157)
        ]
        write_validation(layout.trial(trial.model, trial.spec.digest).validation(), rows)
    write_text(early.files.config, yaml.safe_dump(asked.model_dump(mode="json", exclude_none=True)))
    assert main(["report", str(early.files.config)]) == 0
    assert validation_curves.TITLE in page_of(early).text
    drawn = (early.files.figures / "validation.svg").read_text()
    # of the dearest size with three trials, by the objective; the sources that weigh most in it
    ranked = sorted((trial for trial in done if trial.model == "M"), key=lambda t: objective(asked, t.scores))
    for name, trial in zip(("worst", "medium", "best"), ranked, strict=True):
        assert f"{name}: {objective(asked, trial.scores):.4f} ({trial.spec.digest[:8]})" in drawn
    assert "stories" in drawn and "strings" not in drawn


def test_an_early_campaign_has_a_report(early):
    assert main(["report", str(early.files.config)]) == 0
    text = page_of(early).text
    assert "under way" in text and "none yet" in text and "the method has no model" in text
    found = written(early)
    assert found["score"]["predicted"] is None and found["weights_range_90"] is None
    assert sum(found["rows"].values()) == early.campaign.mixture.rows
    assert all((early.files.figures / f"{name}.svg").is_file() for name in FIGURES)


def test_without_an_update_it_says_so(early, capsys):
    early.files.update(0, 0).unlink()
    for subcommand in ("report", "recommend"):
        assert main([subcommand, str(early.files.config)]) == 1
        assert re.fullmatch(rf"admire {subcommand}: .*no recommendation yet.*\n", capsys.readouterr().err)


def test_recommend_prints_the_newest_update(late, capsys):
    assert main(["recommend", str(late.files.config)]) == 0
    out = capsys.readouterr().out
    update = read_json(late.files.update(3, 0))["recommendation"]
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.startswith("  ")}
    assert float(rows["docs"][1]) == pytest.approx(100 * update["weights"]["docs"], abs=0.05)
    assert sum(float(rows[name][0]) for name in late.campaign.sources) == pytest.approx(100, abs=0.3)
    assert f"{update['mean']:.4f} (90 % interval {update['low']:.4f} to {update['high']:.4f})" in out
    assert "probability 0.97" in out and str(late.files.report) in out


def test_recommend_works_without_a_model(early, capsys):
    assert main(["recommend", str(early.files.config)]) == 0
    out = capsys.readouterr().out
    assert "no prediction" in out and "best observed" not in out


@pytest.mark.parametrize("subcommand", ["recommend", "spec"])
def test_verbs_that_only_read_stay_light(late, subcommand):
    trial = Ledger.read(late.campaign).trials[0]
    folder = Layout(late.campaign.results).trial(trial.model, trial.spec.digest).folder
    what = {"recommend": late.files.config, "spec": folder}[subcommand]
    code = (
        "import json, sys; from admire.cli.main import main; "
        f"assert main(['{subcommand}', '{what}']) == 0; "
        "print(json.dumps(sorted({'torch', 'datasets', 'matplotlib', 'pandas', 'scipy'} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []


@pytest.fixture(scope="module")
def compared(late, tmp_path_factory):
    out = tmp_path_factory.mktemp("benchmark")
    assert main(["benchmark", str(late.files.config), "--out", str(out)]) == 0
    return out


def test_the_benchmark_is_the_test_splits_mean_over_replicates(late, compared):
    with (compared / "summary.csv").open(encoding="utf-8") as stream:
        rows = {row["mixture"]: row for row in csv.DictReader(stream)}
    assert rows.keys() == {"recommended", "uniform", "natural", "random"}
    trials = read_json(late.files.special("benchmark"))["trials"]
    scores = {}
    for trial in trials:
        spec = Spec.from_dict(trial["spec"], "test")
        scores.setdefault(trial["mixture"], []).append(objective(late.campaign, {
            f"loss/{name}": score for name, score in late.losses(spec, "test").items()
        }))  # fmt: skip
    for name, values in scores.items():
        assert float(rows[name]["objective"]) == pytest.approx(np.mean(values), abs=1e-5)
        assert float(rows[name]["stderr"]) == pytest.approx(np.std(values, ddof=1) / np.sqrt(3), rel=1e-4)
    gap = np.mean(scores["recommended"]) - np.mean(scores["uniform"])
    error = np.hypot(*(np.std(scores[name], ddof=1) / np.sqrt(3) for name in ("recommended", "uniform")))
    assert float(rows["uniform"]["behind_recommended"]) == pytest.approx(gap, abs=1e-5)
    assert float(rows["uniform"]["behind_in_stderrs"]) == pytest.approx(gap / error, rel=1e-3)


def test_the_benchmarks_page_holds_table_picture_and_mixtures(compared):
    page = (compared / "README.md").read_text(encoding="utf-8")
    assert (compared / "benchmark.svg").is_file() and "![The mixtures' scores](benchmark.svg)" in page
    assert "| **recommended** | 3 |" in page and "snakemake --cores 2 benchmark" in page


def test_methods_that_recommend_one_mixture_are_named_together():
    def row(name, first):
        return Row(name, np.array([first, 1 - first]), 1, np.zeros(1), {}, ())

    assert (
        twins([row("a", 0.2), row("b", 0.3), row("c", 0.2)]) == " a and c are the same mixture and the same trainings."
    )
    assert twins([row("a", 0.2), row("b", 0.3)]) == ""


def test_an_unfinished_benchmark_counts_what_is_there(late, tmp_path, capsys):
    early_out = tmp_path / "out"
    trials = read_json(late.files.special("benchmark"))["trials"]
    records = Layout(late.campaign.results).trial("L", trials[0]["spec"]["digest"]).outcome / "evaluate"
    hidden = records.rename(records.with_name("hidden"))
    try:
        assert main(["benchmark", str(late.files.config), "--out", str(early_out)]) == 0
    finally:
        hidden.rename(records)
    out = capsys.readouterr().out
    assert "| **recommended** | 2 |" in out and "1 training(s) failed or are not finished" in out


def test_without_a_benchmark_it_says_so(early, capsys):
    assert main(["benchmark", str(early.files.config)]) == 1
    assert "has no benchmark yet" in capsys.readouterr().err
