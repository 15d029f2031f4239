"""Fault by fault: nothing finished is lost, nothing is trained twice at once (the witness of each scenario), the campaign ends
with exit code 0, and the training took as many steps as an undisturbed one."""

import csv
import itertools
import stat

import pytest
from cluster_campaign import SECRET


def legs(bench):
    """(begun at step, ended at step) of each attempt at the first trial; None where it was killed."""
    found = []
    for line in bench.attempts():
        if line["event"] == "begin":
            found.append([line["resumed_step"], None])
        elif line["event"] == "end":
            found[-1][1] = line["step"]
    return found


def assert_whole(bench, interrupted=True):
    """One training of all steps; each leg goes on exactly where the one before ended, or at its last checkpoint if killed."""
    record, found = bench.record(), legs(bench)
    assert record["status"] == "ok" and record["steps"] == record["planned_steps"] == found[-1][1], record
    assert sum(line.get("outcome") == "ok" for line in bench.attempts()) == 1
    for before, after in itertools.pairwise(found):
        assert after[0] == before[1] if before[1] is not None else after[0] > before[0], found
    assert (len(found) > 1) == interrupted, found


@pytest.mark.parametrize("name", ["undisturbed"])
def test_a_whole_campaign_without_accounting(played, name):
    bench = played(name)
    rows = list(csv.DictReader((bench.results / "campaigns/tiny/results.csv").open()))
    assert [row["state"] for row in rows] == ["done", "done"]
    assert (bench.results / "campaigns/tiny/report.html").is_file()
    assert sum(line["event"] == "begin" for line in bench.attempts()) == len(rows)
    plan, submitted = bench.plan, bench.log.read_text().count("has been submitted with SLURM jobid")
    assert (
        f"Slurm jobs     {submitted} to {submitted} that train and score" in plan and "committed           0 " in plan
    )
    assert "budget            0.4" in plan and sum(float(row["cost"]) for row in rows) == pytest.approx(0.4)


@pytest.mark.parametrize("name", ["undisturbed"])
def test_files_are_closed_to_others_and_tell_nothing_of_the_environment(played, name):
    bench = played(name)
    for path in (path for root in ("results", ".snakemake", "logs") for path in (bench.folder / root).rglob("*")):
        if path.is_symlink():
            continue
        # Snakemake opens its own records to the group, whatever the umask says
        assert not path.stat().st_mode & stat.S_IRWXO, path
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    assert SECRET not in bench.log.read_text()


@pytest.mark.parametrize("name", ["time_limit"])
def test_time_limit_in_mid_training(played, name):
    bench = played(name)
    assert_whole(bench)
    events = [line["event"] for line in bench.attempts()]
    assert events.count("requeued") == events.count("begin") - 1, "its own job goes on: no retry is used up"


@pytest.mark.parametrize("name", ["preempted"])
def test_preemption(played, name):
    assert_whole(played(name))


@pytest.mark.parametrize("name", ["preempted_before_a_checkpoint"])
def test_preemption_without_a_word_is_no_try(played, name):
    bench = played(name)
    assert_whole(bench)
    [taken, _] = [line for line in bench.attempts() if line["event"] == "end"]
    assert (taken["outcome"], taken["step"]) == ("preempted", 0) and "preempted (Slurm job" in taken["reason"]


@pytest.mark.parametrize("name", ["preempted_for_good"])
def test_preemption_that_cancels(played, name):
    bench = played(name)
    assert_whole(bench)
    assert len({line["job"] for line in bench.attempts()}) == 2, "Slurm does not run it again: another job does"
    assert "it is started again" not in bench.log.read_text()


def assert_waited(bench, words):
    """A submission waited for what passes, said so once, and no try of the trial was used up."""
    said = bench.log.read_text()
    assert bench.waited and words in said and "Slurm accepts jobs again" in said, said
    assert said.count("Slurm accepts no job for now") == 1 and "it is started again" not in said
    assert_whole(bench, interrupted=False)
    assert sum(line["event"] == "begin" for line in bench.attempts()) == 1


@pytest.mark.parametrize("name", ["partition_drained"])
def test_a_drained_partition_is_a_reason_to_wait(played, name):
    bench = played(name)
    assert_waited(bench, "Required partition not available")
    assert "training S: refused for now: the partition or its nodes are closed for now" in bench.log.read_text()


@pytest.mark.parametrize("name", ["told_while_it_waits"])
def test_a_controller_that_waits_for_slurm_ends_when_it_is_told(played, name):
    assert_whole(played(name), interrupted=False)


@pytest.mark.parametrize("name", ["renamed"])
def test_a_site_that_rewrites_names(played, name):
    bench = played(name)
    assert bench.name.startswith("site-admire_")
    [run] = bench.known.values()
    assert f"SLURM run ID: admire_{run}" in bench.log.read_text(), "the supervisor knows whose job it is"
    assert "started again" not in bench.log.read_text(), "the controller is healthy"
    assert_whole(bench, interrupted=False)


@pytest.mark.parametrize("name", ["banner"])
def test_a_banner_around_the_number_of_a_job(played, name):
    assert_whole(played(name), interrupted=False)


@pytest.mark.parametrize("name", ["edited"])
def test_a_yaml_that_is_edited_under_a_running_controller(played, name):
    bench = played(name)
    assert "learning_rate" in bench.refusal.splitlines()[-1] and "0.5" in bench.refusal, bench.refusal[-2000:]
    assert_whole(bench, interrupted=False)


@pytest.mark.parametrize("name", ["frozen"])
def test_a_frozen_controller_beside_a_second_supervisor(played, name):
    assert_whole(played(name), interrupted=False)


@pytest.mark.parametrize("name", ["shared"])
def test_two_campaigns_that_share_a_trial(played, name):
    bench = played(name)
    for campaign in ("tiny", "twin"):
        assert (bench.results / f"campaigns/{campaign}/step_0000/lane_0/update.json").is_file()
    assert_whole(bench, interrupted=False)


@pytest.mark.parametrize("name", ["suspended"])
def test_a_suspended_job_whose_trial_another_one_took_over(played, name):
    bench = played(name)
    first, second = (line for line in bench.attempts() if line["event"] == "begin")
    [left] = [line for line in bench.attempts() if line["event"] == "end" and line["pid"] == first["pid"]]
    assert left["outcome"] == "interrupted" and left["reason"] == "another process took the trial's lease"
    assert second["resumed_step"] > 0 and first["job"] != second["job"], "nothing was lost"
    [whole] = [line for line in bench.attempts() if line.get("outcome") == "ok"]
    assert whole["pid"] == second["pid"] and whole["step"] == bench.record()["planned_steps"]
    for campaign in ("tiny", "twin"):
        assert (bench.results / f"campaigns/{campaign}/step_0000/lane_0/update.json").is_file()


@pytest.mark.parametrize("name", ["clock_ahead"])
def test_a_clock_that_is_ahead_takes_no_lease_of_a_living_training(played, name):
    bench = played(name)
    assert bench.waited, "it found that the training lives"
    [log] = [
        path.read_text() for path in bench.folder.glob(".snakemake/slurm_logs/**/*.log") if "of c2" in path.read_text()
    ]
    assert "the clock of c2 is ahead by 300 s" in log
    assert_whole(bench, interrupted=False)
    assert [line["host"] for line in bench.attempts() if line["event"] == "begin"] == ["c1"]
    for campaign in ("tiny", "twin"):
        assert (bench.results / f"campaigns/{campaign}/step_0000/lane_0/update.json").is_file()


@pytest.mark.parametrize("name", ["full_disk"])
def test_a_full_disk_is_no_try_and_no_row(played, name):
    bench = played(name)
    for said in (bench.unprepared, bench.untrained):
        assert "the disk is full" in said and "free some space, then the same command goes on" in said, said
        assert "Traceback" not in said
    assert "storage: " in bench.status and "are free at" in bench.status and "failed: " not in bench.status, (
        bench.status
    )
    assert [line["attempt"] for line in bench.attempts() if line["event"] == "begin"] == [1, 1]
    *_, last = (line for line in bench.attempts() if line["event"] == "begin")
    assert last["resumed_step"] > 0, "the checkpoint from before was kept"
    assert [line["outcome"] for line in bench.attempts() if line["event"] == "end"][-1] == "ok"
    assert bench.record()["steps"] == bench.record()["planned_steps"]


@pytest.mark.parametrize("name", ["node_failed"])
def test_node_failure(played, name):
    assert_whole(played(name))


@pytest.mark.parametrize("name", ["slurmd_killed"])
def test_slurmd_killed_with_its_tasks_living_on(played, name):
    bench = played(name)
    assert_whole(bench, interrupted=len(legs(bench)) > 1)


@pytest.mark.parametrize("name", ["scancelled"])
def test_scancel(played, name):
    bench = played(name)
    assert_whole(bench)
    assert len({line["job"] for line in bench.attempts()}) == 2, "a cancelled job does not bring itself back"


@pytest.mark.parametrize("name", ["out_of_memory"])
def test_out_of_memory_is_a_row_that_says_so(played, name):
    bench = played(name)
    assert bench.record()["status"] == "failed"
    assert "out of memory, it had 0.25 GB" in bench.record()["reason"]
    *tries, recording = bench.asked
    assert len(tries) == 3 and all(place == "gpu" and "gpu:1" in asked for place, asked in tries), bench.asked
    assert recording[0] == "cpu" and "gpu" not in recording[1], "to record a failure takes no GPU"
    status = bench.admire("status", "tiny")
    assert "out of memory" in status and f"admire retry {bench.trial.name}" in status


@pytest.mark.parametrize("name", ["controller_killed", "controller_hung_up"])
def test_an_orphan_is_adopted(played, name):
    bench = played(name)
    assert bench.left, "the job of a dead controller goes on"
    assert_whole(bench, interrupted=False)


@pytest.mark.parametrize("name", ["controller_terminated"])
def test_sigterm_lets_the_running_job_finish(played, name):
    bench = played(name)
    assert_whole(bench, interrupted=False)


@pytest.mark.parametrize("name", ["controller_interrupted"])
def test_sigint_cancels_the_job_which_goes_on_from_its_checkpoint(played, name):
    assert_whole(played(name))


@pytest.mark.parametrize("name", ["second_controller"])
def test_a_second_controller_is_refused(played, name):
    bench = played(name)
    assert "is being run by process" in bench.refusal
    assert_whole(bench, interrupted=False)


@pytest.mark.parametrize("name", ["supervised"])
def test_a_supervised_controller_is_started_again(played, name):
    bench = played(name)
    said = (bench.folder / "logs/supervise.log").read_text()
    assert "it is started again" in said and "1 jobs without a controller keep running" in said
    assert_whole(bench, interrupted=False)


@pytest.mark.parametrize("name", ["supervised_failure"])
def test_a_real_failure_is_not_repeated(played, name):
    said = (played(name).folder / "logs/supervise.log").read_text()
    assert said.count("did you mean 'sources'") == 1 and "started again" not in said


@pytest.mark.parametrize("name", ["moved"])
def test_a_moved_folder(played, name):
    assert_whole(played(name), interrupted=False)


@pytest.mark.parametrize("name", ["copied"])
def test_a_copied_folder(played, name):
    bench = played(name)
    assert_whole(bench, interrupted=False)
    assert bench.twin.record()["steps"] == bench.record()["steps"]


@pytest.mark.parametrize("name", ["forgotten"])
def test_a_job_that_slurm_forgot(alone, name):
    assert_whole(alone(name), interrupted=False)


@pytest.mark.parametrize("name", ["lost_state"])
def test_slurmctld_that_lost_its_state(alone, name):
    assert_whole(alone(name), interrupted=True)


@pytest.mark.parametrize("name", ["slurmctld_away_without_accounting"])
def test_slurmctld_away_at_the_start(alone, name):
    bench = alone(name)
    assert "nothing could be asked" in bench.late.log.read_text()
    assert_whole(bench.late, interrupted=False)


@pytest.mark.parametrize("name", ["slurmctld_away_without_accounting"])
def test_slurmctld_away_where_there_is_no_accounting(alone, name):
    assert_whole(alone(name), interrupted=False)


@pytest.mark.parametrize("name", ["limit_full"])
def test_a_full_limit_is_a_reason_to_wait(alone, name):
    bench = alone(name)
    assert_waited(bench, "AssocMaxSubmitJobLimit")
    assert "training S: refused for now: a limit of submitted jobs is full" in bench.log.read_text()


@pytest.mark.parametrize("name", ["slurmctld_away"])
def test_slurmctld_is_away_for_a_minute(alone, name):
    assert_whole(alone(name), interrupted=False)


@pytest.mark.parametrize("name", ["slurmdbd_away"])
def test_slurmdbd_is_away_for_a_minute(alone, name):
    assert_whole(alone(name), interrupted=False)


@pytest.mark.parametrize("name", ["slurmdbd_away"])
def test_slurmdbd_is_away_at_a_submission(alone, name):
    assert_whole(alone(name).late, interrupted=False)
