"""A trial is trained once, goes on after whatever happened to it, and leaves a record either way."""

from __future__ import annotations

import csv
import json
import logging
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from own_process import send, train_until

from admire.campaign.batch import share
from admire.campaign.layout import TrialLayout
from admire.campaign.schema.resources import Resources
from admire.cli.main import main
from admire.errors import TrialError
from admire.train import model_folder, queueing
from admire.train.checkpoints import newest
from admire.train.run import train_trial
from admire.trials import slurm_jobs
from admire.trials.atomic_files import read_json
from admire.trials.identity import Spec
from admire.trials.lease import Lease
from admire.trials.records import read_training

fork = multiprocessing.get_context("fork")
MakeTrial = Callable[..., TrialLayout]


def attempts(trial: TrialLayout) -> list[dict[str, Any]]:
    return [json.loads(line) for line in trial.attempts.read_text().splitlines()]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def outcome(trial: TrialLayout) -> dict[str, Any]:
    """What must not depend on interruptions."""
    record = read_training(trial.train())
    assert record is not None
    kept = record.model_dump(include={"status", "steps", "planned_steps", "tokens", "loss", "parameters"})
    return {"record": kept, "model": files(trial.model()), "curve": trial.curve().read_text()}


def copy(trial: TrialLayout, to: Path) -> TrialLayout:
    """The same trial in another results folder."""
    shutil.copytree(trial.results.root, to, symlinks=True)
    return TrialLayout(to / trial.folder.relative_to(trial.results.root))


def wait_for(condition: Callable[[], Any]) -> None:
    limit = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.005)


def begun(trial: TrialLayout, step: int) -> Callable[[], bool]:
    """Whether a checkpoint of that step or a later one is being written."""
    return lambda: any(int(path.name.split("-")[1]) >= step for path in trial.checkpoints.glob("checkpoint-*"))


def test_a_training_leaves_model_curve_and_record(make_trial: MakeTrial) -> None:
    trial = make_trial()
    assert train_trial(trial) == 0
    record = read_training(trial.train())
    assert (record.status, record.steps, record.planned_steps, record.tokens) == ("ok", 50, 50, 400 * 16)
    assert record.digest == trial.folder.name
    assert record.seconds > 0 and record.cpu_seconds > 0 and record.tokens_per_second > 0 and record.parameters > 1000
    assert record.provenance["versions"].keys() >= {"torch", "transformers", "accelerate", "datasets", "tokenizers"}
    assert [line["event"] for line in attempts(trial)] == ["begin", "end"]
    assert {path.name for path in trial.model().iterdir()} >= {"model.safetensors", "config.json", "tokenizer.json"}
    assert not trial.checkpoints.exists() and not trial.lease.exists()
    rows = list(csv.DictReader(trial.curve().open()))
    assert [int(row["step"]) for row in rows] == list(range(1, 51))
    assert int(rows[-1]["tokens"]) == record.tokens
    assert record.loss == pytest.approx(sum(float(row["loss"]) for row in rows[-20:]) / 20)
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"]) - 0.5


def test_what_the_trainer_warns_of_is_counted_in_the_record(
    make_trial: MakeTrial, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from transformers import Trainer

    step = Trainer.training_step

    def warning_step(self: Trainer, *told: Any, **more: Any) -> Any:
        logging.getLogger("transformers.trainer").warning(f"step {self.state.global_step} is odd")
        warnings.warn("a mask is missing", UserWarning, stacklevel=1)
        return step(self, *told, **more)

    monkeypatch.setattr(Trainer, "training_step", warning_step)
    trial = make_trial()
    assert train_trial(trial) == 0
    found = read_training(trial.train()).warnings
    assert found["transformers: step # is odd"] == found["python: a mask is missing"] == 50
    assert "odd" not in capsys.readouterr().err


def test_a_finished_trial_is_not_trained_again(make_trial: MakeTrial) -> None:
    trial = make_trial()
    train_trial(trial)
    before = outcome(trial)
    os.utime(trial.model() / "model.safetensors", (1, 1))  # nothing that is written now has this time
    trial.train().unlink()  # Snakemake thinks the job incomplete and deletes its declared output
    trial.data.unlink()
    assert train_trial(trial) == 0
    assert outcome(trial) == before
    assert (trial.model() / "model.safetensors").stat().st_mtime == 1
    assert len(attempts(trial)) == 2


def test_the_rows_come_in_our_order(make_trial: MakeTrial) -> None:
    from admire.data.rows import load_rows
    from admire.data.tokenizers import load_tokenizer
    from admire.train import pretrain
    from admire.train.arguments import training_arguments
    from admire.train.trainers import Ingredients

    trial = make_trial(epochs=2)
    spec, rows = Spec.load(trial), load_rows(trial)
    tokenizer = load_tokenizer(spec.labels["tokenizer"], trial.results.root)
    arguments = training_arguments(spec, trial, share(8, 1, None), Resources())
    trainer = pretrain.build(Ingredients(spec, trial, rows, tokenizer, arguments, [], Resources())).trainer
    for _ in range(2):
        seen = [row for batch in trainer.get_train_dataloader() for row in batch["input_ids"].tolist()]
        assert seen == list(rows["input_ids"])


def test_another_seed_is_another_model(make_trial: MakeTrial) -> None:
    first, second = make_trial(), make_trial(seed=1)
    train_trial(first)
    train_trial(second)
    assert outcome(first)["model"]["model.safetensors"] != outcome(second)["model"]["model.safetensors"]


def killed(trial: TrialLayout, step: int) -> None:
    """Train in a process of its own, with a checkpoint each step, and kill it at that step."""
    assert train_until(begun(trial, step), send(signal.SIGKILL), trial, checkpoint_minutes=0) == -signal.SIGKILL
    assert read_training(trial.train()) is None


def test_killed_and_started_again_it_ends_in_the_same_bits(make_trial: MakeTrial, tmp_path: Path) -> None:
    trial = make_trial(epochs=2)
    undisturbed = copy(trial, tmp_path / "undisturbed")
    assert train_trial(undisturbed) == 0
    command = [sys.executable, "-m", "admire.cli.main", "train", str(trial.folder), "--checkpoint-minutes", "0"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wait_for(begun(trial, 10))
    process.kill()
    process.wait()
    killed(trial, 50)  # where the second pass begins
    killed(trial, 60)
    assert train_trial(trial) == 0
    assert outcome(trial) == outcome(undisturbed)
    lines = attempts(trial)
    assert [line["event"] for line in lines] == ["begin"] * 4 + ["end"]
    steps = [line["resumed_step"] for line in lines[:4]]
    assert steps[0] == 0 < 8 <= steps[1] < 48 <= steps[2] < 58 <= steps[3]
    assert read_training(trial.train()).attempts == 4


def test_fine_tuning_too_ends_in_the_same_bits(make_trial: MakeTrial, tmp_path: Path) -> None:
    base = make_trial()
    train_trial(base)
    trial = make_trial(base=base, kind="sft", loss_on="assistant")
    undisturbed = copy(trial, tmp_path / "undisturbed")
    assert train_trial(undisturbed) == 0
    killed(trial, 10)
    assert train_trial(trial) == 0
    assert attempts(trial)[-2]["resumed_step"] >= 8
    assert outcome(trial) == outcome(undisturbed)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGURG, signal.SIGINT])
def test_a_signal_writes_a_checkpoint_and_asks_for_another_try(make_trial: MakeTrial, number: signal.Signals) -> None:
    trial = make_trial(epochs=4)
    standard = (signal.SIG_DFL, signal.default_int_handler)
    heard = lambda: trial.attempts.is_file() and signal.getsignal(number) not in standard  # noqa: E731
    assert train_until(heard, send(number), trial, checkpoint_minutes=1000) == 75
    end = attempts(trial)[-1]
    assert (end["outcome"], end["step"]) == ("interrupted", newest(trial.checkpoints).step)
    assert number.name in end["reason"]
    assert not trial.lease.exists() and read_training(trial.train()) is None
    assert train_trial(trial) == 0
    assert attempts(trial)[-2]["resumed_step"] == end["step"] > 0
    assert [line.split(",")[0] for line in trial.curve().read_text().splitlines()[1:]] == [
        str(i) for i in range(1, 201)
    ]


def test_a_signal_while_the_model_is_saved_costs_nothing(
    make_trial: MakeTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial, save = make_trial(), model_folder.save
    monkeypatch.setattr(model_folder, "save", lambda *given: (os.kill(os.getpid(), signal.SIGTERM), save(*given)))
    assert train_trial(trial) == 0
    assert read_training(trial.train()).status == "ok" and trial.model().is_dir()


def test_of_two_processes_one_trains_and_the_other_finds_it_done(make_trial: MakeTrial) -> None:
    trial = make_trial(epochs=4)
    both = [fork.Process(target=lambda: os._exit(train_trial(trial))) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert [line["event"] for line in attempts(trial)] == ["begin", "end"]


def test_a_process_without_the_lease_leaves_no_record(make_trial: MakeTrial) -> None:
    trial = make_trial(epochs=4)

    def give_away() -> None:
        trial.lease.write_text(json.dumps(read_json(trial.lease) | {"id": "another", "host": "elsewhere"}))

    assert train_until(trial.attempts.is_file, give_away, trial) == 75
    assert read_training(trial.train()) is None and not trial.model().exists()
    assert trial.lease.exists()  # the other's


def test_a_leg_in_a_slurm_job_has_its_job_requeued(make_trial: MakeTrial, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = make_trial(epochs=4)
    asked: list[str] = []
    monkeypatch.setattr(slurm_jobs, "requeue", lambda: asked.append(f"lease {trial.lease.exists()}") is None)
    monkeypatch.setattr(queueing, "ENDED_WITHIN", 0)
    threading.Timer(0, lambda: (wait_for(begun(trial, 5)), os.kill(os.getpid(), signal.SIGTERM))).start()
    assert train_trial(trial, 0) == 75
    assert asked == ["lease False"], "the next leg must not wait for this one's lease"
    assert [line["event"] for line in attempts(trial)] == ["begin", "end", "requeued"]
    assert train_trial(trial) == 0
    assert attempts(trial)[3]["resumed_step"] == attempts(trial)[1]["step"]


def test_a_contender_in_a_slurm_job_leaves_its_machine(make_trial: MakeTrial, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = make_trial()
    behind: list[str] = []
    monkeypatch.setattr(slurm_jobs, "wait_behind", lambda other: behind.append(other) is None)
    monkeypatch.setattr(queueing, "ENDED_WITHIN", 0)
    monkeypatch.setenv("SLURM_JOB_ID", "5")
    with Lease(trial.lease).hold(wait=False):
        assert train_trial(trial) == 75
    assert behind == ["5"] and not trial.attempts.exists()


def test_a_hopeless_training_is_a_result(make_trial: MakeTrial, capsys: pytest.CaptureFixture[str]) -> None:
    trial = make_trial(learning_rate=1e9, max_grad_norm=1e9)
    assert main(["train", str(trial.folder)]) == 0
    record = read_training(trial.train())
    assert record.status == "failed" and f"step {record.steps}" in record.reason and record.steps < record.planned_steps
    assert attempts(trial)[-1]["outcome"] == "failed"
    assert not trial.model().exists() and not trial.checkpoints.exists()
    assert main(["train", str(trial.folder)]) == 0  # final: it would fail the same way
    assert len(attempts(trial)) == 2
    assert record.reason in capsys.readouterr().err


def test_a_diverged_training_is_a_result(make_trial: MakeTrial) -> None:
    trial = make_trial(diverged_above=1.0)
    assert train_trial(trial) == 0
    record = read_training(trial.train())
    assert record.status == "failed" and "diverged" in record.reason
    assert record.steps == 6  # the first step after the warm-up, a tenth of 50


def test_a_broken_training_is_said_in_a_sentence(make_trial: MakeTrial, capsys: pytest.CaptureFixture[str]) -> None:
    trial = make_trial(architecture={"hidden_act": "nonsense"})
    assert main(["train", str(trial.folder)]) == 1
    said = capsys.readouterr().err
    log = trial.logs / "attempt_1.log"
    assert len(said.splitlines()) == 1 and str(log) in said and "nonsense" in said
    assert "Traceback" in log.read_text()
    assert attempts(trial)[-1]["outcome"] == "error"
    assert not trial.lease.exists()


def test_the_last_attempt_records_the_failure(make_trial: MakeTrial) -> None:
    trial = make_trial(architecture={"hidden_act": "nonsense"})
    for attempt in (1, 2):
        with pytest.raises(TrialError):
            train_trial(trial, attempt=attempt, last_attempt=3)
    assert train_trial(trial, attempt=3, last_attempt=3) == 0
    record = read_training(trial.train())
    assert record.status == "failed" and record.attempts == 2 and "nonsense" in record.reason


def test_the_last_attempt_after_a_kill_says_so(make_trial: MakeTrial) -> None:
    trial = make_trial(epochs=4)
    killed(trial, 5)
    assert train_trial(trial, attempt=2, last_attempt=2) == 0
    record = read_training(trial.train())
    assert record.status == "failed" and "killed" in record.reason and record.steps >= 4


@pytest.mark.parametrize("wrong", [{"model_type": "lama"}, {"num_attention_heads": 3}])
def test_impossible_architectures_are_refused(make_trial: MakeTrial, wrong: dict[str, Any]) -> None:
    trial = make_trial(architecture=wrong)
    with pytest.raises(TrialError, match=r"models\.XS\.architecture"):
        train_trial(trial)


def test_another_tokenizer_than_that_of_the_rows_is_refused(make_trial: MakeTrial) -> None:
    trial = make_trial()
    path = trial.results.tokenizer("t") / "tokenizer_config.json"
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, "unk_token": "<|endoftext|>"}))
    with pytest.raises(TrialError, match=r"this tokenizer is .* the trial's rows were made with"):
        train_trial(trial)
    assert read_training(trial.train()) is None
    path.write_text(json.dumps(told))
    assert train_trial(trial) == 0
