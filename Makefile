# Every command makes the environment if need be; with it active (. .venv/bin/activate) the commands can be typed plainly.
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM := false
CORES ?= 2

.PHONY: help env campaign test lint

help:
	@echo "make campaign   the whole loop on this machine: config/laptop.yaml, two cores, no GPU"
	@echo "make test       every test"
	@echo "make lint       ruff, snakefmt, snakemake --lint"
	@echo "make env        only the environment, .venv/"

env:
	@bash envs/make_env.sh

campaign: env
	snakemake --cores $(CORES)
	@admire recommend laptop

test: env lint
	python -m pytest

lint: env
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint
