# `make help` lists what can be made. Every target does its own set-up first, into .venv (and .venv-vllm for the server).
SHELL := /bin/bash
.DEFAULT_GOAL := help

PY := .venv/bin/python
PIPELINE ?= sft
PARAMS ?=
ARGS ?=
TARGET ?= auto
PROFILE ?=
RUN_ID ?=
DRY_RUN ?=
JOBS ?= 2
PYTEST ?=

# Values reach the programs through the environment: whatever they contain, the shell does not read it again.
export PIPELINE PARAMS ARGS TARGET PROFILE RUN_ID

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' Makefile
	@printf '\nsubmit takes PIPELINE=sft PARAMS=file.yaml ARGS="name=value ..." TARGET=auto|local|docker|cluster\n'
	@printf '       PROFILE=gke-l4 DRY_RUN=1 RUN_ID=<a run to go on with>\n'

##@ Use

.PHONY: demo
demo: setup setup-vllm ## Make a model and data, tune, merge, evaluate, sample, serve: about four minutes on two cores
	@$(PY) -m examples.demo.run

.PHONY: submit
submit: setup ## Run a pipeline on this machine, in containers or on a cluster
	@$(PY) -m pipelines.submit --pipeline "$$PIPELINE" --params "$$PARAMS" --args "$$ARGS" --target "$$TARGET" \
	  --profile "$$PROFILE" --run-id "$$RUN_ID" $(if $(filter-out 0 false no,$(DRY_RUN)),--dry-run)

.PHONY: compile
compile: setup ## Write every pipeline (build/pipelines) and component (components/*/component.yaml) as YAML
	@$(PY) -m pipelines.compile

.PHONY: mlflow
mlflow: setup ## Show the tracked runs in a browser: http://127.0.0.1:5000
	@mkdir -p outputs
	@.venv/bin/mlflow server --backend-store-uri sqlite:///outputs/mlflow.db --default-artifact-root outputs/mlartifacts \
	  --host 127.0.0.1 --port 5000 --workers 1

.PHONY: images
images: ## Build the three container images (IMAGES_ARGS are handed to images/build.sh)
	@images/build.sh $(IMAGES_ARGS)

##@ Develop

.PHONY: test
test: setup ## The fast tests; PYTEST="-k name" selects
	@$(PY) -m pytest -n $(JOBS) --dist worksteal -m "not integration" $(PYTEST)

.PHONY: test-integration
test-integration: setup setup-vllm ## The tests that start servers or take minutes
	@$(PY) -m pytest -n $(JOBS) --dist loadfile -m integration $(PYTEST)

.PHONY: check
check: setup ## Lint, formatting, types, and whether the generated files are current
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@$(PY) -m pipelines.compile --check

.PHONY: fmt
fmt: setup ## Format, and fix what the linter can fix
	@.venv/bin/ruff check --fix-only --quiet .
	@.venv/bin/ruff format .

.PHONY: lock
lock: ## Resolve the lock files again; LOCK="--upgrade-package mlflow" moves one
	@scripts/lock.sh $(LOCK)

##@ Housekeeping

.PHONY: setup
setup: ## Make or update .venv
	@scripts/setup.sh main

.PHONY: setup-vllm
setup-vllm: ## Make or update .venv-vllm
	@scripts/setup.sh vllm

.PHONY: clean
clean: ## Remove caches and compiled files; outputs and environments stay
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean ## Remove the environments and outputs, too
	rm -rf .venv .venv-vllm outputs
