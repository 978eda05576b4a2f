# Two targets set everything up: `make demo` and `make test`. Both need Python 3.11+ (with venv), make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check format bench lock clean

demo: $(VENV)/.installed  ## a gateway on 6180 and 9999 and a fleet of simulated backup servers
	$(BIN)/fieldgate demo

test: $(VENV)/.installed-dev check  ## everything this machine can run
	$(BIN)/pytest -n auto --dist loadfile

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-dev  ## measure everything again and rewrite bench/RESULTS.md
	$(BIN)/python -m bench

lock: $(VENV)/.installed-dev  ## resolve pyproject.toml again; the lock carries hashes and no address
	$(BIN)/pip install -q uv
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-annotate --extra dev --extra bench -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-annotate -o requirements-run.lock pyproject.toml

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Fieldgate needs Python 3.11 or later: make PYTHON=/path/to/python3.11 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python requirements-run.lock pyproject.toml
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-run.lock
	$(BIN)/pip install -q --disable-pip-version-check hatchling editables
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements.lock
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
