# One command each; every one sets up what it needs. Another Python: make PYTHON=/path/to/python3.11 test
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-cluster lint audit bench

help:
	@echo "make demo          run the demonstration sweep on the mini world"
	@echo "make test          run the tests, except those that take minutes"
	@echo "make test-slow     run the tests that take minutes"
	@echo "make test-cluster  run the tests that show a whole cluster at work"
	@echo "make lint          check style and types"
	@echo "make audit         ask the published advisories about the packages"
	@echo "make bench         run the benchmarks"

demo: $(READY)
	@$(BIN)/sweep launch --grid demo

# Tests that start a Ray of their own come after the others, one at a time: several would take each other's time.
test: $(READY)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder -m "not slow and not cluster and not ray" --durations=15
	@$(BIN)/python -m pytest -q -m "ray and not slow and not cluster" --durations=5

# Slow tests that start a Ray of their own mostly wait, so two files of them run at a time. pytest leaves with 5 when nothing was selected.
test-slow: $(READY)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder -m "slow and not cluster and not ray" --durations=10 || [ $$? -eq 5 ]
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "slow and ray and not cluster" --durations=15 || [ $$? -eq 5 ]

test-cluster: $(READY)
	@$(BIN)/python -m pytest -q -m cluster || [ $$? -eq 5 ]

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/mypy

# Leaves with 3 where the advisories can't be asked: no answer is not a good answer.
audit: $(READY)
	@$(BIN)/python cluster/audit.py

bench: $(READY)
	@for file in benchmarks/[a-z]*.py; do \
	  if [ -e "$$file" ]; then echo "== $$file"; $(BIN)/python "$$file" || exit 1; fi; \
	done
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@echo "== benchmarks/speed"; $(BIN)/python -m benchmarks.speed
	@if $(BIN)/python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then \
	  echo "== benchmarks/gpu"; $(BIN)/python -m benchmarks.gpu; \
	fi

# torch comes first and alone, so that the build of it that fits this machine (CPU or CUDA) is settled before anything asks for one.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Python 3.11 or newer is needed; name one: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "setting up $(VENV): a few minutes and about 3 GB the first time"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
