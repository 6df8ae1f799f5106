# One command for each job. All of it happens in .venv, in this folder.
#
#   make run     the daemon in the foreground, with its built-in defaults (ARGS="--peer-port 6882")
#   make demo    a tracker, a seed and two leechers on loopback, in under a minute
#   make test    every test, JOBS (3) files at a time (TESTS="tests/formats" for some of them)
#   make check   lint, types, import rules, documentation
#   make torture 200 kills and power cuts, on disks that fail (KILLS=50 SEED=7 ARGS="--first")
#   make soak    a seedbox at work for SOAK_SECONDS (600) with disks that fail: what grows (SEED=7)
#   make fuzz    the fuzz targets under atheris, FUZZ_SECONDS each
#   make bench   p2pd beside other engines, see bench/README.rst (ARGS="--work leech --size 256M")
#   make sim     simulated swarms: figures, targets, plots in build/sim (ARGS="--only flash-50")
#   make profile a flame graph of p2pd at one work (WORK=leech ARGS="--native")

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
TESTS ?=
PYTEST_ARGS ?=
JOBS ?= 3
FUZZ_SECONDS ?= 20
KILLS ?= 200
SEED ?=
SOAK_SECONDS ?= 600
WORK ?= leech

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
SOURCES := setup.cfg pyproject.toml README.rst \
	$(shell find p2pd twisted -name '*.py' -o -name '*.sql' -o -name 'py.typed')

.PHONY: run demo test torture soak check docs fuzz bench sim profile clean
.DELETE_ON_ERROR:

run: $(VENV)/installed
	exec $(BIN)/p2pd $(ARGS)

demo: $(VENV)/installed
	$(BIN)/python -m p2pd.clients.demo $(ARGS)

# Where nothing compiled may be kept, each of the many daemons and commands that the tests start
# would compile all of it anew.
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/installed $(VENV)/test-tools
	$(BIN)/python -m pytest -p no:cacheprovider -q --durations=10 -n $(JOBS) --dist loadfile \
		$(PYTEST_ARGS) $(TESTS)

torture: $(VENV)/installed $(VENV)/test-tools
	$(BIN)/python -m tests.torture --kills $(KILLS) $(if $(SEED),--seed $(SEED)) $(ARGS)

soak: $(VENV)/installed $(VENV)/test-tools
	$(BIN)/python -m tests.torture.soak --seconds $(SOAK_SECONDS) $(if $(SEED),--seed $(SEED)) $(ARGS)

check: $(VENV)/installed $(VENV)/check-tools docs
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --no-cache --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo

docs: $(VENV)/check-tools
	@for page in README.rst CHANGELOG.rst bench/README.rst docs/*.rst; do \
		echo "docutils $$page"; \
		$(BIN)/docutils --strict --halt=2 --writer=null "$$page" || exit 1; \
	done

fuzz: $(VENV)/installed $(VENV)/fuzz-tools
	$(BIN)/python tests/fuzz/run_atheris.py --seconds $(FUZZ_SECONDS)

bench: $(VENV)/installed $(VENV)/bench-tools
	$(BIN)/python -m bench $(ARGS)

sim: $(VENV)/installed $(VENV)/sim-tools
	$(BIN)/python -m bench.sim $(ARGS)

profile: $(VENV)/installed $(VENV)/bench-tools
	$(BIN)/python -m bench --profile $(WORK) $(ARGS)

clean:
	rm -rf $(VENV) build dist p2pd.egg-info

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "p2pd needs Python 3.11 or newer; say which with: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "python3 -m venv does not work; on Debian: apt-get install python3-venv" >&2; exit 1; }

# Not editable: an editable install of a flat layout loses the plugin. build/ goes first, or files
# that were renamed would stay in what is installed.
$(VENV)/installed: $(VENV)/bin/python $(SOURCES)
	@rm -rf build
	$(PIP) .
	@rm -rf build
	@touch $@

$(VENV)/test-tools: setup.cfg | $(VENV)/installed
	$(PIP) '.[test]'
	@rm -rf build
	@touch $@

$(VENV)/check-tools: setup.cfg | $(VENV)/installed
	$(PIP) '.[check]'
	@rm -rf build
	@touch $@

$(VENV)/bench-tools: setup.cfg | $(VENV)/installed
	$(PIP) '.[bench]'
	@rm -rf build
	@touch $@

$(VENV)/sim-tools: setup.cfg | $(VENV)/installed
	$(PIP) '.[sim]'
	@rm -rf build
	@touch $@

$(VENV)/fuzz-tools: setup.cfg | $(VENV)/installed
	$(PIP) '.[test,fuzz]'
	@rm -rf build
	@touch $@
