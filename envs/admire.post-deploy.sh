#!/usr/bin/env bash
# Run by Snakemake inside the new conda environment, from the folder it was started in.
set -euo pipefail
python -m pip install --requirement envs/requirements.lock
python -m pip install --no-deps --no-build-isolation .
