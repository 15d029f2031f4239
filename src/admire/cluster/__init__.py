"""The workflow's jobs on a cluster: what Slurm's refusals mean, which jobs are ours, how they are submitted and watched."""
