# make bench   the main job: the default sweep on a GPU, or on the CPU where there is none, and its report
# make test    every test that this machine can run
# make inspect the machine code of every kernel, compiled and counted without a GPU
# VENV=none    uses the Python at hand and installs nothing (a GPU box with torch and triton, perhaps offline)

VENV ?= .venv
SWEEP ?= default
BUDGET ?= 900
ifeq ($(VENV),none)
  PYTHON := python3
  STAMP :=
else
  PYTHON := $(VENV)/bin/python
  STAMP := $(VENV)/.stamp
endif
# pytest-xdist where it is there: the tests are independent, and interpreting kernels is slow.
PYTEST = $(PYTHON) -m pytest $(shell $(PYTHON) -c 'import xdist' 2>/dev/null && echo "-n $${TEST_WORKERS:-2}")

.PHONY: setup bench test inspect lint evidence docs clean

setup: $(STAMP)

$(VENV)/.stamp: pyproject.toml constraints.txt
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --constraint constraints.txt torch triton
	$(PYTHON) -m pip install --quiet --constraint constraints.txt --editable '.[report,claims,test,lint]'
	touch $@

bench: $(STAMP)
	$(PYTHON) -m harness run --sweep $(SWEEP)

test: $(STAMP)
	$(PYTEST)

inspect: $(STAMP)
	$(PYTHON) -m harness inspect

lint: $(STAMP)
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

# What a published folder needs: the device's tests, then the default sweep within BUDGET seconds, copied
# to results/DEVICE/. On a machine without a GPU the device's tests are skipped and say so.
evidence: $(STAMP)
	$(PYTHON) -m pytest -m gpu -q
	$(PYTHON) -m harness.cli.evidence --budget $(BUDGET)
	$(PYTHON) -m reports.publish.docs

# Every generated page, table and index: results/, README.md and docs/, from the published runs and the kernels.
docs: $(STAMP)
	$(PYTHON) -m reports.publish.docs

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks *.egg-info
