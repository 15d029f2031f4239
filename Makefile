# Every target makes the environment .venv/ if it is missing or out of date. In the activated environment (. .venv/bin/activate) the
# commands of the recipes can also be typed by hand.
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM := false
CORES ?= 2

# Snakemake ends with a traceback if it cannot write its cache, so a home folder that is not writable gets one in this folder.
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
	@echo "make env        only the environment, .venv/ (PYTHON=/usr/bin/python3 chooses the Python)"

env:
	@bash envs/make_env.sh

campaign: env
	snakemake --cores $(CORES)
	@admire recommend laptop

test: env lint
	@# One worker per core: most tests keep one core busy, and tests of whole campaigns mostly wait for processes to start.
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
