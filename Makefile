# `make` alone lists the targets. Every target first sets up what it needs.
SHELL := /bin/bash
VENV ?= .venv
BIN := $(VENV)/bin
TEST_WORKERS ?= 2
export VENV

.DEFAULT_GOAL := help
.PHONY: help setup demo test conformance lint format lock clean frontend frontend-types protos browser-test docs docs-serve references findings images push kind-up kind-down deploy port-forward uninstall manifests e2e

# Variables of the cluster's targets: NAMESPACE, HELM_ARGS, KIND_NODE_IMAGE, KSERVE_INSTALL, TRAIN_DATA.
NAMESPACE ?= sentiment
KIND_NODE_IMAGE ?= kindest/node:v1.34.3
export NAMESPACE KIND_NODE_IMAGE

help: ## List the targets
	@echo "usage: make TARGET [VARIABLE=value ...]"
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-13s %s\n", $$1, $$2}'

setup: ## Make .venv (PYTHON=..., TORCH_INDEX=...); a second run takes seconds
	@scripts/setup.sh

demo: setup ## Train, release, serve, log and watch on this machine (TRAIN_DATA=x.csv TEST_DATA=y.csv for your own)
	@$(BIN)/sentiment demo

test: setup ## Run the tests (TEST_WORKERS=1 for one process)
	@$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder

# tritonclient has a separate environment, because it defines the same protobufs as kserve.
$(VENV)-triton: tests/conformance/requirements.txt lock/conformance.txt
	$(BIN)/python -m venv $@
	$@/bin/python -m pip install --disable-pip-version-check --quiet -r $< --constraint lock/conformance.txt
	@touch $@

conformance: setup $(VENV)-triton ## Run the protocol's checks, tritonclient's included, and the protocol page's examples on our server
	CONFORMANCE_PYTHON=$(abspath $(VENV)-triton)/bin/python $(BIN)/python -m pytest tests/conformance \
	  "tests/docs/test_commands.py::test_page_runs[docs/protocol.md]"

lint: setup ## Run ruff, mypy and the word list, as CI does
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python scripts/words.py

format: setup ## Let ruff fix layout and imports
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

# uv has a separate environment, because neither programs nor tests need it. Pins stay unless LOCK_ARGS requests new versions.
$(VENV)-uv: lock/uv.txt
	@python3 -m venv $@
	@$@/bin/python -m pip install --disable-pip-version-check --quiet --requirement $<
	@touch $@

LOCK := $(VENV)-uv/bin/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --custom-compile-command "make lock"

lock: $(VENV)-uv ## Write lock/ from the requirements (LOCK_ARGS=--upgrade, or "--upgrade-package NAME")
	@$(LOCK) $(LOCK_ARGS) --extra dev --excludes lock/excluded.txt --output-file lock/constraints.txt pyproject.toml
	@$(LOCK) $(LOCK_ARGS) --output-file lock/conformance.txt tests/conformance/requirements.txt

frontend: ## Build the page and run its unit tests (it needs Node.js 20.19 or newer)
	cd frontend && npm ci --no-audit --no-fund
	cd frontend && npm run check && npm test && npm run build

frontend-types: setup ## Write the page's types from the programs' OpenAPI documents
	@PYTHONPATH=. $(BIN)/python scripts/openapi.py
	cd frontend && npm run types

protos: setup ## Write the module of the gRPC service from model_server/rpc/proto/inference.proto
	@$(BIN)/python scripts/protos.py

browser-test: setup frontend ## Test the page in Chromium against real programs (CHROMIUM=/usr/bin/chromium); pictures in var/screens
	cd frontend && npm run browser

docs: setup ## Build the documentation into var/site; a broken link or anchor is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict
	@echo "var/site/index.html"

docs-serve: setup ## Serve the documentation on http://127.0.0.1:8000 and rebuild it on each change
	@$(BIN)/python -m mkdocs serve

references: setup ## Write docs/reference from the programs' settings, commands and parameters
	@$(BIN)/python scripts/settings_reference.py
	@$(BIN)/python scripts/commands_reference.py
	@$(BIN)/python scripts/database_reference.py

findings: ## Run every script of findings/: surprises of other libraries, reproduced without our code (needs the package index)
	@failed=0; for script in findings/*.sh; do echo "== $$script"; "$$script" || failed=1; done; exit $$failed

images: ## Build the container images and print their sizes (TORCH_INDEX=..., DOCKER_BUILD_ARGS=...)
	@scripts/images.sh build

push: ## Push the images (IMAGE_REGISTRY=registry/team)
	@scripts/images.sh push

kind-up: images ## Make a kind cluster with KServe, and load the images into it
	@scripts/kind_up.sh

kind-down: ## Delete the kind cluster
	@kind delete cluster --name sentiment

# KServe counts an InferenceService's observed generation ahead of its generation, so Helm's default watcher waits for ever.
# The legacy way of waiting looks only at Deployments, StatefulSets and similar objects.
deploy: ## Install or upgrade the chart in the cluster of your kubeconfig (NAMESPACE=..., HELM_ARGS=...)
	helm upgrade --install sentiment charts/sentiment --namespace $(NAMESPACE) --create-namespace \
	  --wait=legacy --timeout 10m $(HELM_ARGS)

port-forward: ## Forward the installed parts to fixed ports of this machine, until Ctrl-C
	@scripts/port_forward.sh

uninstall: ## Remove the chart's release, and print what is left
	@scripts/uninstall.sh

manifests: setup ## Render k8s/manifests from the chart, and the chart's README from its values
	@$(BIN)/python scripts/render_manifests.py
	@$(BIN)/python scripts/chart_docs.py

e2e: setup ## Test the whole stack on kind, from installation to removal (TRAIN_DATA=rows.csv.gz, E2E_KEEP=1)
	@PYTHONPATH=tests:. $(BIN)/python tests/e2e/run.py

clean: ## Remove caches and var/ (releases, databases and reports made here)
	rm -rf var frontend/dist frontend/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis
