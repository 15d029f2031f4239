"""What all tests share."""

from hypothesis import settings

# the same examples each time, and no deadline: a loaded machine is not a defect
settings.register_profile("admire", max_examples=50, deadline=None, derandomize=True)
settings.load_profile("admire")
