# make bench   the main job: the default sweep on a GPU, or on the CPU where there is none, and its report
# make test    every test that this machine can run
# make check   the linters, types and the fast tests, in less than 90 seconds on two cores
# make inspect the machine code of every kernel, compiled and counted without a GPU
# VENV=none    uses the Python at hand and installs nothing (a GPU box with torch and triton, perhaps offline)

VENV ?= .venv
SWEEP ?= default
BUDGET ?= 510
ifeq ($(VENV),none)
  PYTHON := python3
  STAMP :=
else
  PYTHON := $(VENV)/bin/python
  STAMP := $(VENV)/.stamp
endif
# pytest-xdist where it is there: the tests are independent, and interpreting kernels is slow. A worker begins with a
# run of neighbouring tests, which share fixtures, and takes over from the other when it is done.
WORKERS = 2
XDIST = $(shell $(PYTHON) -c 'import xdist' 2>/dev/null && echo "-n $(or $(TEST_WORKERS),$(WORKERS)) --dist worksteal -p tests.workers")
PYTEST = $(PYTHON) -m pytest $(XDIST)
# Bytecode is kept, whatever the environment says: tests begin hundreds of processes, and each would compile all sources.
export PYTHONDONTWRITEBYTECODE :=
FAST = "not slow and not browser and not latex and not gpu"

.PHONY: setup bench test check coverage inspect lint evidence docs clean

setup: $(STAMP)

$(VENV)/.stamp: pyproject.toml constraints.txt
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --constraint constraints.txt torch triton
	$(PYTHON) -m pip install --quiet --constraint constraints.txt --editable '.[report,claims,paper,prove,test,lint]'
	touch $@

bench: $(STAMP)
	$(PYTHON) -m harness run --sweep $(SWEEP)

# A process more than there are cores of a small machine: tests of clusters, time-outs and interruptions wait.
test: WORKERS = 3
test: $(STAMP)
	$(PYTEST)

check: lint
	$(PYTEST) -q -m $(FAST)

# The fast tests, with the share of lines and branches that they reach.
coverage: $(STAMP)
	$(PYTEST) -q -m $(FAST) --cov --cov-report=term:skip-covered

inspect: $(STAMP)
	$(PYTHON) -m harness inspect

lint: $(STAMP)
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

# What a published folder needs: the default sweep into results/DEVICE/, its pages, and then the GPU's tests, whose
# failure takes nothing from what was measured. In BUDGET seconds; typed again, it goes on where it was ended.
evidence: $(STAMP)
	$(PYTHON) -m harness.cli.evidence --pages --limit $(BUDGET)

# Every generated page, table and index: results/, README.md and docs/, from the published runs and the kernels.
docs: $(STAMP)
	$(PYTHON) -m reports.publish.docs $(CHECK)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks .coverage* *.egg-info
