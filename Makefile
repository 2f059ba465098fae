# illshell: each target sets up what it needs; `make` alone lists them.

PYTHON ?= python3
VENV ?= .venv
# NATIVE=required: fail where illshell-ingest can't be built, instead of doing without.
NATIVE ?=
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --quiet --disable-pip-version-check
CORE_SOURCES := pyproject.toml setup.cfg setup.py Makefile $(shell find src examples -type f -not -name '*.so' -not -path '*egg-info*' -not -name '*.pyc')
INGEST_SOURCES := $(shell find ingest -type f -not -path 'ingest/target/*')

.DEFAULT_GOAL := help
.PHONY: help demo test test-engines test-all test-asan fuzz fuzz-rust soak lint format dist peers bench bench-quick bench-again bench-compare report profile clean setup

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: setup  ## scan the execs of real servers, then a generated cluster stream of 100,000 events
	@mkdir -p build
	@$(BIN)/python bench/data/generator.py build/cluster.jsonl --events 100000 2>build/cluster.truth.json
	@$(BIN)/illshell demo build/cluster.jsonl

PYTEST_ARGS ?=
LIGHT = --engines=none --hypothesis-profile=light --numprocesses=auto --maxprocesses=4 --dist=worksteal

test: setup $(VENV)/.test  ## run the light tests: core, readers, command line, the Rust crates where there is Rust
	$(BIN)/python -m pytest $(LIGHT) $(PYTEST_ARGS)
	@if $(BIN)/python -c 'import illshell_ingest' 2>/dev/null; then cargo test --quiet --manifest-path ingest/Cargo.toml --workspace; \
	else echo "The tests of the Rust crates are left out: there is no Rust for illshell-ingest here."; fi
	@echo "make test-engines adds Kafka, Spark, Ray, Daft, Polars, DuckDB, pandas, Panther and Quix Streams:"
	@echo "some ten minutes and 2 GB, with Java and Maven; a test that lacks something says how to get it."

test-engines: setup $(VENV)/.test-engines  ## run the tests with engines and brokers, which they also kill
	$(BIN)/python -m pytest --engines=only $(PYTEST_ARGS)

test-all:  ## run the light tests on each Python from 3.11 on that this machine has
	@PYTHON=$(PYTHON) tests/support/on-each-python

# The parts of the core that read memory which others describe.
MEMORY_TESTS = $(wildcard $(addprefix tests/*/test_, $(addsuffix .py, \
    names rules matcher columns column_kinds damaged_columns signature match arrow_stage columnar_files tracee_records)))
SANITIZED = ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 LD_PRELOAD="$$(cc -print-file-name=libasan.so) $$(cc -print-file-name=libubsan.so)" .venv-asan/bin/python -m pytest -p no:cacheprovider

test-asan: .venv-asan/.core  ## run the core's tests with AddressSanitizer and UBSan
	$(SANITIZED) $(MEMORY_TESTS) $(PYTEST_ARGS)

fuzz: .venv-asan/.core  ## the same with random input for FUZZ_SECONDS (600)
	tests/support/fuzz $(or $(FUZZ_SECONDS),600) $(SANITIZED) $(MEMORY_TESTS) -q -m hypothesis --hypothesis-profile=fuzz

fuzz-rust:  ## hold the Rust reader's fast way against the JSON library on random lines for FUZZ_SECONDS (600)
	ILLSHELL_SECONDS=$(or $(FUZZ_SECONDS),600) ILLSHELL_LINES=1000000000 ILLSHELL_SEED=$$(od -An -N4 -tu4 /dev/urandom | tr -d ' ') \
	cargo test --manifest-path ingest/Cargo.toml --package illshell-ingest-core --test differential -- --nocapture

soak: setup $(VENV)/.test  ## hostile JSON lines through all readers, against json.loads: SOAK_LINES (10,000,000) or SOAK_SECONDS
	$(BIN)/python tests/support/soak.py $(if $(SOAK_LINES),--lines=$(SOAK_LINES)) $(if $(SOAK_SECONDS),--seconds=$(SOAK_SECONDS))

.venv-asan/.core: $(CORE_SOURCES)
	$(PYTHON) -m venv .venv-asan
	.venv-asan/bin/python -m pip --quiet install 'pip>=25.1'
	.venv-asan/bin/python -m pip --quiet install --group test-asan
	ILLSHELL_CHECKED=1 CFLAGS="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer" LDFLAGS="-fsanitize=address,undefined" .venv-asan/bin/python -m pip --quiet install --force-reinstall --no-deps .
	.venv-asan/bin/python -m pip --quiet install .
	@if command -v cargo >/dev/null; then .venv-asan/bin/python -m pip --quiet install ./ingest; else test "$(NATIVE)" != required; fi
	@touch $@

lint: $(VENV)/.lint  ## run every hook of .pre-commit-config.yaml on the whole tree
	$(BIN)/pre-commit run --all-files
	$(BIN)/pre-commit run --all-files --hook-stage pre-push

format: $(VENV)/.lint  ## let ruff, cargo fmt and clang-format write the code as `make lint` wants it
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/clang-format -i $(C_SOURCES)
	cargo fmt --manifest-path ingest/Cargo.toml --all

# The hooks of .pre-commit-config.yaml.
.PHONY: check-ruff check-mypy check-stubs check-typing check-cython check-rustfmt check-clippy check-clang-format check-typos
C_SOURCES = $(shell git ls-files '*.h' '*.c' '*.cpp')
# Leaves a tool of Rust's out where there is none, unless it is required.
WITHOUT = test "$(NATIVE)" != required && echo "$(1) is left out: it is not installed here"

check-ruff: $(VENV)/.lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check

check-mypy: $(VENV)/.lint | setup
	$(BIN)/mypy

check-stubs: $(VENV)/.lint setup
	$(BIN)/stubtest illshell._fastmatch --ignore-missing-stub --ignore-disjoint-bases --ignore-unused-allowlist --allowlist tests/typing/stubtest-allowlist.txt

check-typing: $(VENV)/.lint setup
	$(BIN)/mypy --config-file tests/typing/mypy.ini tests/typing
	$(BIN)/pyright --project tests/typing --pythonpath $(BIN)/python

check-cython: $(VENV)/.lint
	PATH=$(abspath $(BIN)):$$PATH cython-lint src

check-rustfmt:
	@if cargo fmt --version >/dev/null 2>&1; then cargo fmt --manifest-path ingest/Cargo.toml --all --check; else $(call WITHOUT,cargo fmt); fi

check-clippy:
	@if cargo clippy --version >/dev/null 2>&1; then cargo clippy --quiet --manifest-path ingest/Cargo.toml --workspace --all-targets -- -D warnings; else $(call WITHOUT,cargo clippy); fi

check-clang-format: $(VENV)/.lint
	$(BIN)/clang-format --dry-run --Werror $(C_SOURCES)

check-typos: $(VENV)/.lint
	$(BIN)/typos

dist: $(VENV)/.dist  ## build sdists, and wheels from them, into dist/; check them, and run the light tests against them
	PYTHON=$(PYTHON) BIN=$(abspath $(BIN)) .ci/dist $(LIGHT) $(PYTEST_ARGS)

# The contenders that are compiled; where one can't be, the report says what it lacks.
CONTENDERS = build/bench/contenders

$(CONTENDERS)/simdjson_ondemand: bench/contenders/simdjson_ondemand/find.cpp
	@mkdir -p $(@D)
	-@$(CXX) -std=c++17 -O3 -march=native -o $@ $< -lsimdjson

$(CONTENDERS)/tracee_go/host: $(wildcard bench/contenders/tracee_go/*.go bench/contenders/tracee_go/go.*)
	@mkdir -p $(@D)
	-@cd bench/contenders/tracee_go && go build -buildmode=plugin -o $(abspath $(@D))/builtin.so github.com/aquasecurity/tracee/signatures/golang && go build -o $(abspath $@) .

$(VENV)/.peers: pyproject.toml | $(BIN)/python
	@for peer in $$($(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["peers"])'); do \
	    $(PIP) install --only-binary :all: "$$peer" || echo "without $$peer"; done
	@touch $@

peers: setup $(VENV)/.bench $(VENV)/.peers $(CONTENDERS)/simdjson_ondemand $(CONTENDERS)/tracee_go/host  ## install and build the contenders of the benchmarks

BENCH = $(BIN)/python -m pytest bench --benchmark-only --benchmark-columns=median,rounds

bench: peers  ## measure against every contender: both sides of each ratio in turn, on one core
	$(BENCH) --benchmark-json=build/bench/results.json $(BENCH_ARGS)

bench-quick: peers  ## the same, small: see that all contenders find the same events
	$(BENCH) --quick --benchmark-json=build/bench/quick.json $(BENCH_ARGS)

bench-again: peers  ## measure a second time, and list the ratios that differ from the first by more than 15 %
	$(BENCH) --benchmark-json=build/bench/again.json $(BENCH_ARGS)
	$(BIN)/python bench/run_module.py repeats

bench-compare: setup $(VENV)/.bench  ## ratios of this tree to another: make bench-compare BASE=COMMIT
	$(BIN)/python bench/compare.py $(BASE)

report: $(VENV)/.report  ## keep the last `make bench` in bench/record; write docs/benchmarks.md, its plots, the README's part
	$(BIN)/python bench/run_module.py record $(RESULTS)
	$(BIN)/python bench/run_module.py report

profile: setup $(VENV)/.bench $(VENV)/.report  ## show where the time goes: perf and py-spy, to build/profile
	PATH=$(abspath $(BIN)):$$PATH $(BIN)/python bench/run_module.py profiles

setup: $(VENV)/.core $(VENV)/.ingest  ## install illshell and illshell-ingest into .venv

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "illshell needs Python 3.11 or later; $(PYTHON) is older: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(CORE_SOURCES) | $(BIN)/python
	$(PIP) install .
	@touch $@

$(VENV)/.ingest: $(INGEST_SOURCES) | $(BIN)/python
	@if { command -v cargo >/dev/null && $(PIP) install ./ingest; } || test "$(NATIVE)" != required; then \
	    $(BIN)/python -c 'import illshell_ingest' 2>/dev/null || { \
	        echo "illshell-ingest is not installed: it needs Rust 1.89 or later, and cargo is missing or older."; \
	        echo "The plain Python reader does the work; it reads JSON lines many times slower."; \
	        echo "Install Rust from your distribution or with rustup, and run make again."; }; \
	else exit 1; fi
	@touch $@

$(addprefix $(VENV)/., test test-engines bench report lint dist): $(VENV)/.%: pyproject.toml | $(BIN)/python
	$(PIP) install 'pip>=25.1'
	$(PIP) install --group $*
	@touch $@

clean:  ## remove what the other targets made
	rm -rf $(VENV) .venv-* build dist ingest/target src/*.egg-info
