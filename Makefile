# illshell: each target sets up what it needs; `make` alone lists them.

PYTHON ?= python3
VENV ?= .venv
# NATIVE=required: fail where illshell-ingest can't be built, instead of doing without.
NATIVE ?=
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --quiet --disable-pip-version-check
CORE_SOURCES := pyproject.toml setup.cfg Makefile $(shell find src examples -type f -not -name '*.so' -not -path '*egg-info*' -not -name '*.pyc')
INGEST_SOURCES := $(shell find ingest -type f -not -path 'ingest/target/*')

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint bench clean setup

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: setup  ## scan the execs of real servers, then a generated cluster stream of 100,000 events
	@mkdir -p build
	@$(BIN)/python bench/stream.py build/cluster.jsonl --events 100000 2>build/cluster.truth.json
	@$(BIN)/illshell demo build/cluster.jsonl

test: setup $(VENV)/.test  ## run all tests, those of the Rust crates too where there is Rust
	$(BIN)/python -m pytest $(PYTEST_ARGS)
	@if $(BIN)/python -c 'import illshell_ingest' 2>/dev/null; then cargo test --quiet --manifest-path ingest/Cargo.toml --workspace; \
	else echo "The tests of the Rust crates are left out: there is no Rust for illshell-ingest here."; fi

test-all:  ## run the tests on each Python from 3.11 on that this machine has
	@PYTHON=$(PYTHON) tests/on-each-python

lint: setup $(VENV)/.test $(VENV)/.bench $(VENV)/.lint  ## ruff, mypy, stubtest, cython-lint, cargo fmt, clippy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/stubtest illshell._fastmatch --ignore-missing-stub --ignore-disjoint-bases --ignore-unused-allowlist --allowlist tests/stubtest-allowlist.txt
	PATH=$(abspath $(BIN)):$$PATH cython-lint src
	@if cargo fmt --version >/dev/null 2>&1; then cargo fmt --manifest-path ingest/Cargo.toml --all --check; \
	else echo "cargo fmt is left out: it is not installed here"; fi
	@if cargo clippy --version >/dev/null 2>&1; then cargo clippy --quiet --manifest-path ingest/Cargo.toml --workspace --all-targets -- -D warnings; \
	else echo "cargo clippy is left out: it is not installed here"; fi

bench: setup $(VENV)/.bench  ## measure: both sides of each ratio in one run, on one core
	$(BIN)/python -m pytest bench --benchmark-only $(BENCH_ARGS)

setup: $(VENV)/.core $(VENV)/.ingest

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "illshell needs Python 3.11 or later; $(PYTHON) is older: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(CORE_SOURCES) | $(BIN)/python
	$(PIP) install .
	@touch $@

$(VENV)/.ingest: $(INGEST_SOURCES) | $(BIN)/python
	@if { command -v cargo >/dev/null && $(PIP) install ./ingest; } || test "$(NATIVE)" != required; then \
	    $(BIN)/python -c 'import illshell_ingest' 2>/dev/null || { \
	        echo "illshell-ingest is not installed: it needs Rust 1.88 or later, and cargo is missing or older."; \
	        echo "The plain Python reader does the work; it reads JSON lines many times slower."; \
	        echo "Install Rust from your distribution or with rustup, and run make again."; }; \
	else exit 1; fi
	@touch $@

$(VENV)/.test $(VENV)/.bench $(VENV)/.lint: $(VENV)/.%: pyproject.toml | $(BIN)/python
	$(PIP) install 'pip>=25.1'
	$(PIP) install --group $*
	@touch $@

clean:  ## remove what the other targets made
	rm -rf $(VENV) .venv-* build ingest/target src/*.egg-info
