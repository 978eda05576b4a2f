# Two targets set everything up: `make demo` and `make test`. Both need Python 3.11+ (with venv), make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MITMPROXY := .venv-mitmproxy
OPENID := .venv-openid
PACKAGING := .venv-packaging

# Tests start hundreds of processes, and none of them is to compile the product anew.
unexport PYTHONDONTWRITEBYTECODE

# Of `make soak`: agents, how long, events a second of all together, and where the report is to lie.
AGENTS ?= 10000
MINUTES ?= 10
RATE ?= 1000
REPORT ?= build/soak
# Of `make fuzz-rest`.
FUZZ_SECONDS ?= 600

.PHONY: demo test check format bench lock clean mitmproxy openid lab packaging executable soak fuzz-rest

demo: $(VENV)/.installed  ## a gateway on 6180 and 9999 and a fleet of simulated backup servers
	$(BIN)/fieldgate demo

test: $(VENV)/.installed check  ## everything this machine can run
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

mitmproxy: $(MITMPROXY)/.installed  ## a real middlebox for the lab of tests/e2e/lab, apart from ours: its pins clash

openid: $(OPENID)/.installed  ## a real OpenID provider to log in at, apart from ours: its dependencies are no concern of ours

lab: $(VENV)/.installed $(MITMPROXY)/.installed  ## run the lab and write docs/inspection-cases.md
	LAB_WRITE=1 $(BIN)/pytest -q tests/e2e/lab

packaging: $(PACKAGING)/.installed  ## what `make executable` builds with, apart from ours

executable: $(PACKAGING)/.installed  ## dist/fieldgate-agent: one file that needs no Python (docs/agent.md)
	$(PACKAGING)/bin/pip install -q --disable-pip-version-check --no-deps --no-build-isolation --force-reinstall .
	$(PACKAGING)/bin/pyinstaller --log-level ERROR --noconfirm --distpath dist --workpath build/executable packaging/fieldgate-agent.spec

bench: $(VENV)/.installed  ## measure everything again and rewrite bench/RESULTS.md
	$(BIN)/python -m bench

soak: $(VENV)/.installed  ## a fleet at a gateway of its own for a while, and a verdict (docs/load-testing.md)
	$(BIN)/python -m bench.soak --agents $(AGENTS) --minutes $(MINUTES) --rate $(RATE) --report $(REPORT)

fuzz-rest: $(VENV)/.installed  ## ten minutes of everything that the REST description allows, and of what it does not
	$(BIN)/python -m tests.e2e.fuzzing_rest --seconds $(FUZZ_SECONDS)

lock: $(VENV)/.installed  ## resolve pyproject.toml again; the lock carries hashes and no address
	$(BIN)/uv pip compile -q --upgrade --universal --generate-hashes --no-header --no-annotate --all-extras -o requirements.lock pyproject.toml
	echo mitmproxy==11.0.2 | $(BIN)/uv pip compile -q --upgrade --universal --generate-hashes --no-header --no-annotate -o tests/e2e/lab/mitmproxy.lock -
	echo 'canaille[front,oidc,server,sqlite]==0.3.6' | $(BIN)/uv pip compile -q --upgrade --universal --generate-hashes --no-header --no-annotate -o tests/gateway/access/openid/canaille.lock -
	$(BIN)/uv pip compile -q --upgrade --universal --generate-hashes --no-header --no-annotate -c requirements.lock -o packaging/executable.lock packaging/executable.in
	$(BIN)/uv pip compile -q --upgrade --universal --generate-hashes --no-header --no-annotate -c requirements.lock -o packaging/container/image.lock pyproject.toml
	$(BIN)/uv pip compile -q --upgrade --universal --generate-hashes --no-header --no-annotate -c requirements.lock -o packaging/container/build.lock packaging/container/build.in

$(MITMPROXY)/.installed: tests/e2e/lab/mitmproxy.lock
	$(PYTHON) -m venv $(MITMPROXY)
	$(MITMPROXY)/bin/pip install -q --disable-pip-version-check --require-hashes -r tests/e2e/lab/mitmproxy.lock
	touch $@

$(OPENID)/.installed: tests/gateway/access/openid/canaille.lock
	$(PYTHON) -m venv $(OPENID)
	$(OPENID)/bin/pip install -q --disable-pip-version-check --require-hashes -r tests/gateway/access/openid/canaille.lock
	touch $@

$(PACKAGING)/.installed: packaging/executable.lock
	$(PYTHON) -m venv $(PACKAGING)
	$(PACKAGING)/bin/pip install -q --disable-pip-version-check --require-hashes -r packaging/executable.lock
	touch $@

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Fieldgate needs Python 3.11 or later: make PYTHON=/path/to/python3.11 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python requirements.lock pyproject.toml
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

clean:
	rm -rf $(VENV) $(MITMPROXY) $(OPENID) $(PACKAGING) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
