"""Examples -> model: one trial's training, with its checkpoints, its attempts and its record."""
