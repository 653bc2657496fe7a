# `make demo` and `make test` need Python 3.11 or newer, make and a package registry; nothing else.

PYTHON ?= python3
JOBS ?= 2
ARGS ?=
BUDGET ?= 11m

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# One thread a process: runs are reproducible to the last bit, and processes share the cores fairly.
export OMP_NUM_THREADS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test test-all lint types format bench clean

help:
	@echo "make demo      train, test and promote recipes on an embedded corpus (BUDGET=$(BUDGET)), ending with a report"
	@echo "make test      the tests that take seconds (ARGS='-k ledger' narrows them)"
	@echo "make test-all  every test"
	@echo "make lint      ruff: style and formatting"
	@echo "make types     pyright: strict for spec, evidence and store"
	@echo "make format    put the code into its standard form"
	@echo "make bench     every measurement in benchmarks/"
	@echo "make clean     delete caches and build outputs (not .venv, not labs)"

# A stamp file: set-up runs again only when pyproject.toml or constraints.txt has changed.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "assay needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1);" \
			"name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "set-up: creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@echo "set-up: installing PyTorch (a large download the first time)"
	@$(BIN)/python -m pip install --quiet -c constraints.txt torch==2.13.0
	@echo "set-up: installing assay and its development tools"
	@$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY)
	@test -e demo/lab.toml || $(BIN)/assay init demo
	@$(BIN)/assay run demo --budget $(BUDGET)
	@$(BIN)/assay report demo

test: $(READY)
	@$(BIN)/python -m pytest -q -n $(JOBS) -m "not slow" $(ARGS)

test-all: $(READY)
	@$(BIN)/python -m pytest -q -n $(JOBS) $(ARGS)

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

# pyright runs on Node; where there is none, the registry's own build of it is installed into .venv.
types: $(READY)
	@command -v node >/dev/null || $(BIN)/python -m pip install --quiet -c constraints.txt 'pyright[nodejs]'
	@$(BIN)/pyright

format: $(READY)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(READY)
	@for script in $(sort $(wildcard benchmarks/*.py)); do \
		echo "== $$script"; $(BIN)/python $$script || exit 1; done

clean:
	@rm -rf build dist .pytest_cache .ruff_cache .hypothesis
	@find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
