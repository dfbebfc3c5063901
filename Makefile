# What a developer and CI run; every target works from a path with a space in it.
.ONESHELL:
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
export HF_HUB_OFFLINE := 1
export TOKENIZERS_PARALLELISM := false

.PHONY: setup demo test test-all check lint types bench train-tagger dashboard clean

$(BIN)/stillhouse: pyproject.toml constraints.txt
	"$(PYTHON)" -m venv "$(VENV)"
	"$(BIN)/python" -m pip install --quiet --upgrade pip
	"$(BIN)/python" -m pip install --quiet "torch>=2.10,<2.14"
	"$(BIN)/python" -m pip install --quiet -c constraints.txt -e ".[all,dev]"
	touch "$(BIN)/stillhouse"

setup: $(BIN)/stillhouse

demo: setup
	"$(BIN)/stillhouse" demo

# Without the journeys: half the time, and all but the whole uses of the product.
test: setup
	"$(BIN)/python" -m pytest -n 2 --dist loadfile -m "not slow and not live and not journey"

test-all: setup
	"$(BIN)/python" -m pytest -n 2 --dist loadfile

lint: setup
	"$(BIN)/ruff" check .
	"$(BIN)/ruff" format --check .

types: setup
	"$(BIN)/pyright"

check: lint types test

BENCHMARKS := sampling_overhead sampling_peers hidden_limit rate_limit plan_memory scrub scrub_quality faithfulness samples_page rooms review_latency five_reviewers

bench: setup
	"$(BIN)/python" -m pytest -m slow
	for name in $(BENCHMARKS); do "$(BIN)/python" -m "tests.bench.$$name"; done

# The weights in the package, from nothing but the files beside them: about a minute of one core.
train-tagger: setup
	OMP_NUM_THREADS=1 "$(BIN)/python" -m curation.tagger.train

dashboard: setup
	"$(BIN)/stillhouse" -C support-demo dashboard

clean:
	rm -rf "$(VENV)" .cache .pytest_cache .ruff_cache support-demo
