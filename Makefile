# Every target is a plain command; `make` alone lists them.
PYTHON ?= python3
PORT ?= 3000
BIN := .venv/bin
BENCH_BIN := .venv-bench/bin
export DAGSTER_HOME ?= $(CURDIR)/dagster_home
FANOUT_DATA ?= data
export FANOUT_DATA
export VIRTUAL_ENV := $(CURDIR)/.venv
# One more than cores, for some tests mostly wait.
IN_PARALLEL := -n $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
# The tests that pytest has rewritten are cached, also where Python is told to write no byte-code:
# to rewrite them takes each of its processes 5 s.
test test-fast test-dagster-% test-python%: export PYTHONDONTWRITEBYTECODE :=
DAGSTER := $(BIN)/dagster
DEFINITIONS := fanout_pipeline.definitions

.DEFAULT_GOAL := help
.PHONY: help compare break-even test test-fast test-faults test-versions check ui bench bench-large bench-verdict lock audit figures clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

compare: .venv/installed  ## write 100,000 numbers, square them by every strategy, print the comparison
	$(DAGSTER) job execute -m $(DEFINITIONS) -j comparison_job
	@cat $(FANOUT_DATA)/squares/comparison/report.md

break-even: .venv/installed  ## from how many items and which cost an item each strategy pays; under 5 minutes
	$(DAGSTER) job execute -m $(DEFINITIONS) -j break_even_job
	@cat $(FANOUT_DATA)/squares/break_even/break_even.md

test: .venv/installed-dev chromium postgresql  ## all tests: strategies, faults, command line, schedule, UI in a browser
	$(BIN)/python -m pytest $(IN_PARALLEL) || $(BIN)/python -m fanout_pipeline_tests.again $$?

test-fast: .venv/installed-dev  ## the small tests, under a minute: no strategy by strategy, Dagster run, server or browser
	$(BIN)/python -m pytest $(IN_PARALLEL) -m "not slow"

test-faults: .venv/installed-dev  ## faults at random moments, properties on random examples, in full: ROUNDS=50 of each at 1,000,000 items; SEED=… for others
	FANOUT_FAULTS_ROUNDS=$(or $(ROUNDS),50) FANOUT_FAULTS_SEED=$(or $(SEED),5) $(BIN)/python -m pytest -m "faults or hypothesis" \
	  --hypothesis-profile=chance $(if $(SEED),--hypothesis-seed=$(SEED)) --timeout 14400

test-versions: chromium  ## what meets Dagster on its oldest and its newest version, all tests under Python 3.12 and 3.13; an hour
	@passed=; skipped=; failed=; \
	for each in dagster-oldest dagster-newest python3.12 python3.13; do \
	  version=$${each#python}; \
	  if [ $$each != $$version ] && ! PYENV_VERSION=$$version $$each -c "" 2>/dev/null; then \
	    echo "SKIPPED: the tests under Python $$version, because there is no $$each on the PATH."; skipped="$$skipped $$each"; \
	  elif $(MAKE) --no-print-directory test-$$each; then passed="$$passed $$each"; \
	  else failed="$$failed $$each"; fi; \
	done; \
	echo "passed:$${passed:- none}; SKIPPED:$${skipped:- none}; FAILED:$${failed:- none}"; test -z "$$failed"

# The newest Dagster is the newest whose core, web server and dg fit together, which uv finds in a second and pip not in
# ten minutes. Both run with the newest libraries, some of which warn of what an older Dagster does: so warnings are not
# errors here. PYENV_VERSION is for pyenv, whose python3.12 only runs where that version is selected.
MEETS_DAGSTER := $(addprefix fanout_pipeline_tests/,defs end_to_end executor test_private_dagster.py)
DAGSTER_oldest := dagster==1.12.0 dagster-webserver==1.12.0 dagster-dg-cli==1.12.0
test-dagster-%: .venv-versions/dagster-%/bin/python
	$< -m pip install --quiet --disable-pip-version-check uv
	$(<D)/uv pip install --quiet --python $< --compile-bytecode --upgrade --editable ".[dev]" $(DAGSTER_$*)
	@$< -c 'import dagster, sys; print(f"Dagster {dagster.__version__}, Python {sys.version.split()[0]}")'
	VIRTUAL_ENV=$(CURDIR)/.venv-versions/dagster-$* $< -m pytest $(IN_PARALLEL) -W default $(MEETS_DAGSTER)

test-python%: .venv-versions/python%/bin/python
	$< -m pip install --quiet --disable-pip-version-check --compile --require-hashes -r requirements/dev.txt
	$< -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$< --version
	VIRTUAL_ENV=$(CURDIR)/.venv-versions/python$* $< -m pytest $(IN_PARALLEL)

check: .venv/installed-dev  ## formatter, linter, type checker, definitions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(DAGSTER) definitions validate -w workspace.yaml
	$(BIN)/dg check defs

ui: .venv/installed  ## serve the Dagster UI (webserver and daemon) on 127.0.0.1:3000
	$(DAGSTER) dev -w workspace.yaml -h 127.0.0.1 -p $(PORT)

bench: .venv-bench/installed  ## fan_out against peers, 40 minutes (MINUTES=90 for narrower intervals, QUICK=1 for a look in 3)
	$(BENCH_BIN)/python -m benchmarks.peers $(if $(QUICK),--quick) $(if $(MINUTES),--minutes $(MINUTES))

bench-large: .venv/installed  ## serial and multiprocess at 10,000,000 numbers, memory at 20,000,000
	$(BIN)/python benchmarks/serial_and_multiprocess.py

bench-verdict: .venv/installed  ## is the verdict honest: a copy, a strategy slowed by 5 %, a loaded machine; 50 minutes
	$(BIN)/python benchmarks/verdict_honesty.py copy --runs 20
	$(BIN)/python benchmarks/verdict_honesty.py slowed
	$(BIN)/python benchmarks/verdict_honesty.py loaded --count 100000

figures: .venv/installed  ## put the last comparison, break-even and UI test's pictures into README.md and docs/measuring.md
	$(BIN)/python docs/update_figures.py

lock: .venv/installed-dev  ## compile the hashed requirement files anew from pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile $(LOCK_OPTIONS) --extra dev pyproject.toml -o requirements/dev.txt
	$(BIN)/uv pip compile $(LOCK_OPTIONS) -c requirements/dev.txt --extra build --extra lab --extra ui pyproject.toml -o requirements/run.txt
	$(BIN)/uv pip compile $(LOCK_OPTIONS) -c requirements/dev.txt --extra bench pyproject.toml -o requirements/bench.txt

LOCK_OPTIONS := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-strip-extras --upgrade

audit: .venv-audit/bin/pip-audit  ## known vulnerabilities of all locked requirements, asked of osv.dev
	@status=0; for file in requirements/run.txt requirements/dev.txt requirements/bench.txt; do \
	  echo "$$file:"; $(AUDIT) -r $$file 2>.venv-audit/errors.txt || status=1; \
	  if grep -q "^Traceback\|^ERROR" .venv-audit/errors.txt; then \
	    echo "NOT AUDITED: the service could not be asked. $$(tail -n 1 .venv-audit/errors.txt)"; status=2; \
	  else cat .venv-audit/errors.txt; fi; \
	done; exit $$status

AUDIT := .venv-audit/bin/pip-audit --disable-pip --require-hashes --vulnerability-service osv --progress-spinner off

# In an environment of its own, and the newest, for an old scanner misses what is new.
.venv-audit/bin/pip-audit:
	@$(PYTHON) -m venv .venv-audit && .venv-audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit || \
	{ rm -rf .venv-audit; echo "NOT AUDITED: the scanner pip-audit could not be installed; that needs a package index."; exit 2; }

clean:  ## remove the environments and caches; data/ and dagster_home/ stay
	git clean -fdXq -- . ':!data' ':!dagster_home'

# Two stamps, so that running installs little and testing adds the rest. Byte-code is compiled here,
# for `import dagster` takes three times as long without it where Python may not write it later.
.venv/installed: requirements/run.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --compile --require-hashes -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q fanout_pipeline
	@touch $@

.venv/installed-dev: requirements/dev.txt .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --compile --require-hashes -r requirements/dev.txt
	@touch $@

# Peers have an environment of their own: what they need must not change what the project runs with.
.venv-bench/installed: requirements/bench.txt pyproject.toml | .venv-bench/bin/python
	$(BENCH_BIN)/python -m pip install --quiet --disable-pip-version-check --compile --require-hashes -r requirements/bench.txt
	$(BENCH_BIN)/python -m compileall -q fanout_pipeline benchmarks
	@touch $@

SUPPORTED = $(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else f"Python 3.11 to 3.13 is needed, this is {v[0]}.{v[1]}; name another: make PYTHON=python3.12")'
# Without ensurepip, Debian's venv fails and leaves an environment without pip: the next `make` must not take it for one.
NO_VENV = { rm -rf $(@:/bin/python=); echo "python -m venv failed; on Debian: apt-get install python3-venv"; exit 1; }

.venv/bin/python .venv-bench/bin/python:
	@$(SUPPORTED)
	$(PYTHON) -m venv $(@:/bin/python=) || $(NO_VENV)

.venv-versions/dagster-%/bin/python:
	@$(SUPPORTED)
	$(PYTHON) -m venv $(@:/bin/python=) || $(NO_VENV)

.venv-versions/python%/bin/python:
	PYENV_VERSION=$* python$* -m venv $(@:/bin/python=) || $(NO_VENV)

.PRECIOUS: .venv-versions/dagster-%/bin/python .venv-versions/python%/bin/python

# The tests of Sql start Debian's PostgreSQL on a socket of their own; without it they are skipped.
.PHONY: postgresql
postgresql:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null; } || \
	echo "Without PostgreSQL the tests of Sql on a server are skipped (Debian: sudo apt-get install postgresql)."

# The browser tests drive Debian's chromium.
.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } || \
	{ echo "The browser tests need chromium. Install it (Debian: sudo apt-get install chromium) and run again; make test-fast does without."; exit 1; }
