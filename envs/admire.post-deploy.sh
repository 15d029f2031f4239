#!/usr/bin/env bash
# Snakemake runs this inside the new conda environment, in the folder in which Snakemake was started.
set -euo pipefail
python -m pip install --requirement envs/requirements.lock
python -m pip install --no-deps --no-build-isolation .
