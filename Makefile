# `make` alone lists the targets. Every target sets up what it needs first.
SHELL := /bin/bash
VENV ?= .venv
BIN := $(VENV)/bin
export VENV

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format lock clean

help: ## List the targets
	@echo "usage: make TARGET [VARIABLE=value ...]"
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

setup: ## Make .venv (PYTHON=..., TORCH_INDEX=...); a second run takes seconds
	@scripts/setup.sh

demo: setup ## Train, release, serve, log and watch on this machine (TRAIN_DATA=x.csv TEST_DATA=y.csv for your own)
	@$(BIN)/sentiment demo

test: setup ## Run the tests
	@$(BIN)/python -m pytest

lint: setup ## ruff and mypy, as CI runs them
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup ## Let ruff mend layout and imports
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

lock: setup ## Write lock/constraints.txt from what is installed
	@{ sed -n 1p lock/constraints.txt; \
	   $(BIN)/python -m pip freeze --exclude-editable | grep -viE '^(nvidia|cuda|triton|torch=)' | sort -f; \
	   grep '^torch==' lock/constraints.txt; } > lock/new && mv lock/new lock/constraints.txt

clean: ## Remove caches and var/ (releases, databases and reports made here)
	rm -rf var .pytest_cache .mypy_cache .ruff_cache .hypothesis
