# Everything here works from a fresh clone with make, python3 (3.11 or later) and its venv
# module; no activated environment is needed. What is installed is keyed on the text of
# pyproject.toml and constraints.txt and on the place of the checkout, so that a changed
# dependency, another branch or a moved folder is noticed, and nothing else is.

PYTHON ?= python3
DURATION ?= 1h
CALLS ?= 250000

BIN := .venv/bin
HERE := $(shell { pwd; cat pyproject.toml constraints.txt; } | cksum | tr -c '0-9\n' '-')
RUN_READY := .venv/ready-to-run-$(HERE)
TEST_READY := .venv/ready-to-test-$(HERE)
PIP := $(BIN)/python -m pip -qq --no-input --disable-pip-version-check

# Where texts are ASCII, Python does not start in a folder whose name is not (as of 3.11, it
# reads the list of its packages so).
ifeq ($(shell locale charmap 2>/dev/null),ANSI_X3.4-1968)
export LC_ALL := C.UTF-8
endif

.DEFAULT_GOAL := help
.PHONY: help run soak mm-soak bench lengths test model mm lint clean

help:
	@echo 'make run                             the quickstart: a short run, live, with a verdict'
	@echo 'make soak CONFIG=FILE DURATION=12h   a long run of one configuration'
	@echo 'make mm-soak                         a million memory calls in each stage of address spaces'
	@echo 'make bench [PEER=FOLDER]             measure, beside the references built in FOLDER if given'
	@echo '           [BENCH_ARGS="--entries 1e7"]'
	@echo 'make lengths                         how long the kernels are'
	@echo 'make test                            all tests'
	@echo 'make model                           the protocols under every schedule that can be afforded'
	@echo 'make mm                               address spaces against their rules: 250,000 calls a stage'
	@echo 'make lint                            ruff and mypy'
	@echo 'make clean                           remove what the above made here (run folders stay)'

run: $(RUN_READY)
	@$(BIN)/stressd run configs/quickstart.yaml

soak: $(RUN_READY)
	@test -n '$(CONFIG)' || { echo 'which configuration? make soak CONFIG=configs/... DURATION=$(DURATION)' >&2; exit 2; }
	@$(BIN)/stressd run '$(CONFIG)' --duration '$(DURATION)'

mm-soak: $(RUN_READY)
	@for stage in all no-rbtree no-list no-cache; do \
	  STAGE=$$stage $(BIN)/stressd run configs/stages.yaml --no-metrics $(SOAK_ARGS) || exit; done

bench: $(TEST_READY)
	@$(BIN)/stressd bench $(if $(PEER),--peer '$(PEER)') $(BENCH_ARGS)

lengths: $(TEST_READY)
	@$(BIN)/python -m tests.tidy.lengths

test: $(TEST_READY)
	@echo 'compiling what the tests call, with all cores' && $(BIN)/python -m stressd.bench.everything
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

model: $(TEST_READY)
	@STRESSD_BUILD=model $(BIN)/python -m tests.model

mm: $(TEST_READY)
	@STRESSD_CALLS=$(CALLS) $(BIN)/python -m pytest -q tests/mm/kernels/test_random.py tests/mm/kernels/test_wild.py

lint: $(TEST_READY)
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
	find kernels stressd dashboards tests -name __pycache__ -type d -prune -exec rm -rf {} +

# -- set-up --------------------------------------------------------------------------------

$(RUN_READY):
	@$(VENV)
	@echo 'Installing stressd into .venv (once; a minute or so) ...'
	@$(PIP) install -c constraints.txt -e .
	@rm -f .venv/ready-to-*
	@touch $@

$(TEST_READY):
	@$(VENV)
	@echo 'Installing stressd and its tools for tests into .venv (once; a minute or so) ...'
	@$(PIP) install -c constraints.txt -e '.[test,dev,bench]'
	@rm -f .venv/ready-to-*
	@touch $@ $(RUN_READY)

# An environment without pip is what a refused or interrupted attempt leaves: start again.
define VENV
$(BIN)/python -c 'import pip' 2>/dev/null || { \
  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
    { echo 'stressd needs Python 3.11 or later; name one: make PYTHON=python3.12 ...' >&2; exit 1; }; \
  $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
    { echo 'Python cannot make a virtual environment here; on Debian: apt-get install python3-venv' >&2; exit 1; }; \
  $(PYTHON) -m venv --clear .venv; }
endef
