# The verbs of this project: `make run` to try it, `make check test` before every change.

VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/run.installed
TEST := $(VENV)/test.installed
FUZZ := $(VENV)/fuzz.installed
SECONDS := 60
MINUTES := 30
# Three processes of tests at once, in the order of tests/conftest.py; not those that measure how long somebody waits.
SIDE_BY_SIDE := -n 3 --dist loadfile --no-loadscope-reorder
APART := tests/hostile $(patsubst %,tests/end_to_end/test_%.py, \
  configuration_in_database endpoints_by_hand limits_redis stuck_workers) tests/browser
# What is run a second time, on the compiled program: what passes through its modules, end to end the data plane alone;
# not what derives a stand-in from a compiled class, which only the uncompiled program lets it do.
COMPILED := tests/conformance tests/proxy tests/wire tests/policy tests/journal $(patsubst %,tests/end_to_end/test_%.py, \
  bodies_kept budgets clients clients_model_api lifecycle_errors lifecycle_timeouts limits limits_shared modes \
  modes_rewriting records_without_secrets redirects retries streaming streaming_ends) \
  $(patsubst %,--ignore tests/%.py,policy/test_redact proxy/test_pool proxy/test_shared_lines)
SOURCES := $(shell find src -name '*.py')
WEB := src/exeat/dashboard/index.html
WEB_SOURCES := $(shell find web -name node_modules -prune -o -type f -print)
WEB_PACKAGES := web/node_modules/.package-lock.json

# Many tests wait for something that a busy machine may bring late. One that has failed is run once more, alone: if it
# fails again, so does the run; if not, both runs are there to be read.
define pytest
$(BIN)/pytest --cache-clear $(1) || { [ $$? -eq 1 ] && echo '== once more, alone' && $(BIN)/pytest --last-failed --lfnf none; }
endef

# pytest keeps the tests that it has rewritten for the next run, where Python may.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help env test-env web run test test-compiled check fix compile bench soak fuzz lock clean

help:
	@echo 'make run     set up and start the demonstration'
	@echo 'make web     build the dashboard'
	@echo 'make test    set up and run every test; ARGS="-k pool" goes to pytest'
	@echo 'make check   lint, formatting, types, import contracts'
	@echo 'make fix     repair what lint and formatting can repair'
	@echo 'make test-compiled  the tests of the protocols, on the compiled program'
	@echo 'make compile build a wheel with the hot path compiled to C (needs a C compiler)'
	@echo 'make bench   measure beside nginx and Envoy, write bench/RESULTS.md'
	@echo 'make soak    load a gateway for MINUTES=30, write build/soak/report.md; fails if anything grows'
	@echo 'make fuzz    search the parsers for inputs that break a promise; SECONDS=60 each, TARGET=request for one'
	@echo 'make lock    resolve the locks again; UPGRADE=1 takes newer versions'
	@echo 'make clean   remove the environment and every cache'

env: $(RUN)

test-env: $(TEST)

# A marker is older than its lock exactly when the environment has to be brought up to date.
$(RUN): requirements/run.txt
	scripts/environment run

$(TEST): requirements/test.txt $(RUN)
	scripts/environment test

$(FUZZ): requirements/fuzz.txt $(RUN)
	scripts/environment fuzz

# What the packages are, npm notes in a file of its own, which is older than the lock where they have to be brought up.
$(WEB_PACKAGES): web/package-lock.json | $(RUN)
	scripts/web ci
	touch $@

$(WEB): $(WEB_SOURCES) $(WEB_PACKAGES)
	scripts/web run --silent build
	touch $@

web: $(WEB)

run: $(RUN) $(WEB)
	$(BIN)/exeat demo

test: $(TEST) $(WEB)
	$(if $(ARGS),,scripts/web test --silent)
	scripts/needs chromium curl openssl nginx haproxy nodejs postgres=postgresql prometheus redis-server
	@$(if $(ARGS),$(BIN)/pytest $(ARGS),$(call pytest,$(SIDE_BY_SIDE) $(APART:%=--ignore %)))
	@$(if $(ARGS),,$(call pytest,$(APART)))

# Every check runs even when an earlier one fails, so that one run shows everything there is to mend.
check: $(TEST) $(WEB_PACKAGES)
	@failed=0; \
	for check in 'ruff check' 'ruff format --check' 'mypy' 'lint-imports --no-cache --no-logo'; do \
	  echo "== $$check"; $(BIN)/$$check || failed=1; \
	done; \
	echo '== web'; scripts/web run --silent check || failed=1; \
	exit $$failed

fix: $(TEST)
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

# The same program with its hot path compiled to C: a wheel in dist/, and the wheel unpacked in build/compiled, which
# the benchmark measures. `PYTHONPATH=build/compiled` before a command of this checkout uses it.
compile: build/compiled

build/compiled: $(TEST) $(WEB) $(SOURCES) pyproject.toml hatch_build.py
	scripts/compile

# The tests of the protocols once more, on the compiled program.
test-compiled: build/compiled
	@export PYTHONPATH=build/compiled EXEAT_HYPOTHESIS=brief; $(call pytest,$(COMPILED) $(or $(ARGS),$(SIDE_BY_SIDE)))

bench: build/compiled
	$(BIN)/python bench/run.py $(PYTHON:%=--python %)

soak: $(TEST)
	$(BIN)/python -m tests.soak --minutes $(MINUTES)

fuzz: $(FUZZ)
	$(BIN)/python -m fuzz --seconds $(SECONDS) $(TARGET)

lock:
	scripts/lock $(if $(UPGRADE),--upgrade)

clean:
	rm -rf $(VENV) web/node_modules $(dir $(WEB)) .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find src tests bench fuzz -name __pycache__ -type d -prune -exec rm -rf {} +
