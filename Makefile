# The commands of this project. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: help run test check coverage fix image pod bench guide lock presets-verify

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: $(VENV)/agents ## start the control plane on http://localhost:8001, workspace in ./workspace
	@DEVELOPMENT=1 python -m backend.main

test: $(VENV)/dev ## everything: checks, unit, integration, browser and image tests
	@scripts/dev/test.sh

check: $(VENV)/dev ## before every commit, under a minute: linters, types, contracts, tests that start no program
	@scripts/dev/check.sh

coverage: $(VENV)/dev ## which lines of the control plane its tests run; at least 90 %
	@pytest --numprocesses 4 --dist worksteal --cov --cov-report= tests/backend tests/scripts
	@coverage report

fix: $(VENV)/dev ## format, and fix what the linters can fix
	ruff format .
	ruff check --fix .
	scripts/dev/frontend.sh fix

image: ## build an image: make image VARIANT=standard ACCELERATOR=13-0
	@scripts/dev/image.sh $(or $(VARIANT),minimal) $(or $(ACCELERATOR),cpu)

pod: ## build minimal-cpu (or VARIANT, ACCELERATOR), start it, wait until it is healthy
	@scripts/dev/pod.sh

bench: $(VENV)/dev ## measure; ratios go to benchmarks/out/
	@scripts/dev/bench.sh

guide: $(VENV)/dev ## take the pictures of docs/guide.md again
	@python -m scripts.dev.guide

presets-verify: $(VENV)/runtime ## check presets and ComfyUI's templates against the hubs
	@DEVELOPMENT=1 python -m backend.main.verify_presets

lock: $(VENV)/dev ## compile the Python locks again
	@scripts/dev/lock.sh

$(VENV)/runtime: requirements/runtime.txt
	@scripts/dev/venv.sh runtime

$(VENV)/agents: requirements/agents.txt
	@scripts/dev/venv.sh agents

$(VENV)/dev: requirements/dev.txt
	@scripts/dev/venv.sh dev
