"""The workflow's jobs on a cluster: how they are submitted, recognised and watched, and what Slurm's refusals mean."""
