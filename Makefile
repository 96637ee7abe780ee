# `make demo` and `make test` set up all they need, in .venv; `make help` lists all targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
.DEFAULT_GOAL := help
SECONDS ?= 600
CHAINS ?= 10
SCHEDULES ?= 100
.PHONY: help setup demo test mutants fuzz soak check lint format types floors clean

help:  ## Show the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "Python 3.11 to 3.13 is needed (make PYTHON=...), not " + sys.version)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

setup: $(STAMP)  ## Install into .venv, and compile the engine once
	@$(BIN)/python -c 'from meterstorm.experiments.cli.console import announce_compilation as compile; compile()'

demo: setup  ## Reproduce KB Q226827 on Ray, and check it on two shards
	$(BIN)/meterstorm run q226827 --workers 2 --check-shards 2

test: setup  ## Run the tests
	$(BIN)/python -m pytest -q -n 2 --dist loadgroup --max-worker-restart 1

mutants: setup  ## Break the model on purpose: a test must notice each time
	$(BIN)/python tests/tools/mutants.py

fuzz: setup  ## Draw and check fresh scenarios, SECONDS=600 of them long; failures stay in results/fuzz
	$(BIN)/python tests/tools/fuzz.py $(SECONDS)

soak: setup  ## Kill processes at random, CHAINS=10 times over and by SCHEDULES=100 of the wall clock: books must add up
	$(BIN)/python tests/tools/soak.py $(CHAINS)
	$(BIN)/python tests/tools/wall_soak.py $(SCHEDULES)

check: lint format types floors  ## Run the linter, the formatter (as a check), the type checker and the floors

lint: $(STAMP)
	$(BIN)/ruff check .

format: $(STAMP)
	$(BIN)/ruff format --check .

# Checkers do not see through the editable install's mapping of folders to packages; links show it.
LINKED := build/linked
.PHONY: linked
linked: $(STAMP)
	mkdir -p $(LINKED)/meterstorm
	for room in actors policies experiments; do ln -sfn ../../../$$room $(LINKED)/meterstorm/$$room; done
	ln -sfn ../../../experiments/meterstorm/__init__.py ../../../experiments/meterstorm/__main__.py $(LINKED)/meterstorm

types: linked
	MYPYPATH=$(LINKED) $(BIN)/mypy

floors: linked
	PYTHONPATH=$(LINKED) $(BIN)/lint-imports --no-logo --cache-dir build/floors

clean:  ## Remove what was built
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis results
