"""What befalls a campaign, one function a fault. Each gets the folder of a campaign whose first training is decided, and
leaves it when the same command has ended with exit code 0."""

import befalls_controllers
import befalls_jobs
import befalls_slurm


def scenario(name):
    """The function of a fault."""
    rooms = (befalls_controllers, befalls_jobs, befalls_slurm)
    return next(getattr(room, name) for room in rooms if hasattr(room, name))


GENTLE = [
    "out_of_memory",
    "undisturbed",
    "time_limit",
    "scancelled",
    "controller_killed",
    "controller_hung_up",
    "controller_terminated",
    "controller_interrupted",
    "second_controller",
    "supervised",
    "supervised_failure",
    "moved",
    "copied",
    "partition_drained",
    "told_while_it_waits",
    "renamed",
    "banner",
    "edited",
    "frozen",
    "shared",
    "suspended",
    "clock_ahead",
    "full_disk",
]
# where jobs hold the real commands: where Slurm itself signals, kills, freezes or measures a training, and once for scoring, too
REAL = {
    "undisturbed": "both",
    "out_of_memory": "train",
    "time_limit": "train",
    "scancelled": "train",
    "controller_interrupted": "train",
    "suspended": "train",
    "clock_ahead": "train",
    "preempted": "train",
    "preempted_before_a_checkpoint": "train",
    "preempted_for_good": "train",
    "slurmd_killed": "train",
    "node_failed": "train",
    "lost_state": "train",
}
# the first of the others uses a GPU too, and has ended when nodes begin to die
ON_GPU_NODES = ["preempted", "preempted_before_a_checkpoint", "preempted_for_good", "slurmd_killed", "node_failed"]
# What changes Slurm itself or stops it is played in turn on a second cluster: first in pairs while Slurm forgets what ended ten
# seconds ago, then alone, at last with accounting.
FORGETFUL = ["forgotten", "broken_node"]
IN_TURN = ["lost_state", "slurmctld_away_without_accounting"]
WITH_ACCOUNTING = ["limit_full", "slurmctld_away", "slurmdbd_away"]
