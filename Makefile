# Every command makes the environment if need be; with it active (. .venv/bin/activate) the commands can be typed plainly.
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM := false
CORES ?= 2

# Snakemake ends in a traceback where it can have no cache: a home folder that cannot be written is no reason to stop.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)
ifneq ($(shell mkdir -p '$(CACHE)/snakemake' 2>/dev/null && test -w '$(CACHE)/snakemake' && echo yes),yes)
export HF_HOME ?= $(CACHE)/huggingface
export XDG_CACHE_HOME := $(CURDIR)/.snakemake/cache
endif

.PHONY: help env campaign test test-slurm soak lint

help:
	@echo "make campaign   the whole loop on this machine: config/laptop.yaml, two cores, no GPU"
	@echo "make test       every test"
	@echo "make test-slurm a real Slurm cluster on this machine, up, tested, down (root; installs Debian's packages)"
	@echo "make soak       40 random faults over a campaign on such a cluster (20 minutes)"
	@echo "make lint       ruff, snakefmt, snakemake --lint, mypy"
	@echo "make env        only the environment, .venv/ (PYTHON=/usr/bin/python3 says of which Python)"

env:
	@bash envs/make_env.sh

campaign: env
	snakemake --cores $(CORES)
	@admire recommend laptop

test: env lint
	@# two workers: most tests keep one core busy, and the loops spend their time in processes that start
	python -m pytest --numprocesses $(CORES) --dist worksteal

test-slurm: env
	bash tests/slurm/slurmlab.sh install
	python -m pytest tests/slurm --durations=0

soak: env
	bash tests/slurm/slurmlab.sh install
	python tests/slurm/soak.py

lint: env
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint
	mypy
