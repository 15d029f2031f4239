"""Trainings of the tests last as long as it takes to disturb them, by waiting after each step and not by computing: how long does
then hardly depend on what else this machine does, and many of them can run side by side."""

import os
import time


def keep_pace():
    """After each step of an optimiser in this process, wait for as many seconds as the environment says in PACE then."""
    from torch.optim.optimizer import register_optimizer_step_post_hook

    register_optimizer_step_post_hook(lambda *_: time.sleep(float(os.environ.get("PACE", 0))))
