.DEFAULT_GOAL := help
SHELL := bash
PYTHON ?= python3
BIN := .venv/bin
ATHENA := .athena/venv/bin
LAKE_DBT := DBT_SEND_ANONYMOUS_USAGE_STATS=false DO_NOT_TRACK=1

help:  ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	  || { echo "Python 3.11 to 3.13 is needed; say which with: make PYTHON=python3.13 ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/developing: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

# dbt-athena wants an older mmh3 than all else here, so Athena's clients have an environment of their own
.athena/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .athena/venv
	grep -v '^mmh3==' constraints.txt > .athena/constraints.txt
	$(ATHENA)/python -m pip install --quiet --disable-pip-version-check -c .athena/constraints.txt -e '.[athena]' hypothesis pytest pytest-randomly
	@touch $@

.venv/examples: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[examples]'
	@touch $@

install: .venv/installed  ## Install into .venv of this checkout

demo: .venv/installed  ## Walk the whole road on simulated commerce
	$(BIN)/lake demo

check: .venv/developing  ## Lint, types, layers, shape and unit tests: the inner loop
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest tests/unit -q -n auto --dist loadfile

test: check test-road test-spark test-aws  ## Every lane that this machine can run

test-road: .venv/developing  ## From raw to marts on one machine, business rules, docs, and a small benchmark
	$(BIN)/pytest tests --ignore tests/unit --ignore tests/spark --ignore tests/aws --ignore tests/athena -m "not soak" -n 2 --dist loadfile

test-spark: .venv/developing  ## The Spark engine: needs Java 17
	$(BIN)/pytest tests/spark -m "not soak" -n 2 --dist worksteal

test-aws: .venv/developing  ## S3 and Glue, on stand-ins of this machine
	$(BIN)/pytest tests/aws -m "not soak" -n 2 --dist loadfile

test-athena: .athena/installed  ## Athena's clients, on Trino behind Athena's API: needs Maven
	$(ATHENA)/pytest tests/athena

athena-up: .athena/installed  ## Athena on one machine, in the foreground: needs Maven
	$(ATHENA)/python -m local_athena

soak: .venv/developing  ## Full matrices, for machines with time
	$(BIN)/pytest tests/e2e -m soak -n 2
	$(BIN)/pytest tests/spark -m soak

bench: .venv/developing  ## Speed and memory: goal, figure, met or not
	$(BIN)/python -m bench

docs: .venv/installed  ## Reference pages from the contracts, into docs/reference
	$(BIN)/python -m cli.reference docs/reference

example-grocer: .venv/examples  ## A year of a grocer's receipts through the whole road
	$(BIN)/python examples/grocer/run.py

clean:  ## Remove what was built; lakes stay
	rm -rf .venv .athena build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

.PHONY: help install demo check test test-road test-spark test-aws test-athena athena-up soak bench docs example-grocer clean
