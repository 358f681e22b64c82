# Every target sets itself up: a virtual environment in .venv with the versions of constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BENCH_READY := $(VENV)/.bench-ready

.PHONY: demo dev dev-postgres test lint reference torture bench clean

$(READY): setup.cfg constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

$(BENCH_READY): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,bench]'
	touch $@

demo: $(READY) ## load the bundled demo API into data/demo.duckdb and print what happened
	$(BIN)/python -m rest_source.demo.load

dev: $(READY) ## the demo API and the Dagster UI at http://localhost:3000
	$(BIN)/python -m rest_source.demo.dev

dev-postgres: $(READY) ## the same on a PostgreSQL server of its own: Dagster's storage and the tables
	$(BIN)/python -m rest_source.demo.dev --postgres

test: $(READY) ## the whole test suite, a process for each core, at most four; a module's tests stay together
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadscope --no-loadscope-reorder

lint: $(READY) ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

reference: $(READY) ## the tables of README.md that are made from the models and the catalogue
	$(BIN)/python -m rest_source.reference

torture: $(READY) ## the long fault and kill suite: 250 kills, 13 orders of 400 days, backfills of 90 days by the daemon
	REST_SOURCE_TEST_KILLS=25 REST_SOURCE_TEST_ORDERS=13 REST_SOURCE_TEST_DAYS=400 REST_SOURCE_TEST_BACKFILL_DAYS=90 \
	REST_SOURCE_TEST_PARTITIONS=30 REST_SOURCE_TEST_EXAMPLES=100 $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist worksteal \
	rest_source_tests/faults rest_source_tests/test_time.py

bench: $(BENCH_READY) ## rest_source beside dlt and the physical floor, into benchmarks/RESULTS.md; a quarter of an hour
	$(BIN)/python -m benchmarks --write

clean: ## remove the virtual environment and what runs left behind
	rm -rf $(VENV) .rest_source data .dagster_home .dagster_home_postgres
