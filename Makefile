# cdrlake: two commands are enough, `make demo` and `make test`; the rest is for living here.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
SUPPORTED := 3.11 3.12
version_of = $(shell $(1) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
PYTHON ?= $(shell for p in python3.11 python3.12 python3; do $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null && echo $$p && break; done)
# A .venv of a Python that is not supported, or not the one named by PYTHON=, is made again.
HAS := $(if $(wildcard $(BIN)/python),$(call version_of,$(BIN)/python))
WANTS := $(if $(filter file,$(origin PYTHON)),$(HAS),$(call version_of,$(PYTHON)))
STALE := $(if $(HAS),$(if $(filter $(SUPPORTED),$(filter $(WANTS),$(HAS))),,stale))
PART ?= all
SIZE ?= full

.PHONY: stale $(shell sed -n 's/^\([a-z0-9-]*\):.*## .*/\1/p' Makefile)

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' Makefile

setup: $(VENV)/.runtime ## create .venv with the pinned dependencies

$(VENV)/bin/uv: locks/build.txt $(STALE)
	$(if $(filter $(SUPPORTED),$(call version_of,$(PYTHON))),,$(error Python 3.11 or 3.12 is needed$(if $(PYTHON), and $(PYTHON) is $(or $(call version_of,$(PYTHON)),not there), and there is none on the path); install one or run `make PYTHON=/path/to/python3.12`))
	$(PYTHON) -m venv $(if $(STALE),--clear) $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/build.txt
	@touch $@

$(VENV)/.runtime: locks/runtime.txt pyproject.toml $(VENV)/bin/uv
	$(BIN)/uv pip install --python $(BIN)/python --no-deps --require-hashes -r locks/runtime.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: locks/dev.txt $(VENV)/.runtime
	$(BIN)/uv pip install --python $(BIN)/python --no-deps --require-hashes -r locks/dev.txt
	@touch $@

env: ## make .env, the secrets of docker compose (docs/deploy.md)
	@docker/make_env.sh

demo: setup ## set everything up and run the main job, from POST to monitored prediction
	@$(BIN)/cdrlake demo

demo-cards: setup ## decide card transactions, with outages, verdicts and a second model
	@$(BIN)/cdrlake demo --domain cards

demo-fraud: setup ## run the main job of card fraud: 50,000 events, two versions, monitored
	@$(BIN)/cdrlake demo --domain fraud

demo-clicks: setup ## detect bots in SQL, with users by change data capture and two versions
	@$(BIN)/cdrlake demo --domain clicks

demo-segments: setup ## segment cards: purchases, three models behind gates, REST, and a drift
	@$(BIN)/cdrlake demo --domain segments

demos: setup ## run the main job of every domain, and end with one table
	@$(BIN)/cdrlake demo --domain all

up: setup ## set everything up and leave it running (Ctrl-C stops it)
	@$(BIN)/cdrlake up

test: $(VENV)/.dev ## all tests, every tier, file by file in two processes (PROCESSES=2)
	$(BIN)/python -m pytest -n $(or $(PROCESSES),2) --dist loadfile --no-loadscope-reorder

test-unit: $(VENV)/.dev ## the tests that need no JVM and no server
	$(BIN)/python -m pytest lakehouse tests/unit

test-spark: $(VENV)/.dev ## the tests on one shared Spark session
	$(BIN)/python -m pytest tests/spark

test-integration: $(VENV)/.dev ## the tests against a real broker and a real database
	$(BIN)/python -m pytest tests/integration

test-e2e: $(VENV)/.dev ## the main path on a small world, over HTTP
	$(BIN)/python -m pytest tests/e2e

test-cluster: $(VENV)/.dev ## the main path on a Spark cluster, a worker killed, against one machine
	$(BIN)/python -m pytest -s tests/cluster

test-domains: $(VENV)/.dev ## processes of fraud and clicks killed again and again
	$(BIN)/python -m pytest -m domains tests/integration

test-long: $(VENV)/.dev ## the simulator's hardest tests in full: twenty kills, outages of thirty seconds
	KILLS=20 OUTAGE_SECONDS=30 $(BIN)/python -m pytest tests/integration/test_simulator_kill.py tests/integration/test_simulator_outage.py

lint: $(VENV)/.dev ## ruff and mypy, tests included
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fmt: $(VENV)/.dev ## format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

generated: $(VENV)/.dev ## write the pages and contracts that are made from the code
	$(BIN)/python -m tests.generated

docs: $(VENV)/.dev ## build the documentation as a site in output/site, which needs no internet
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo 'open output/site/index.html'

bench: $(VENV)/.dev ## side-by-side measurements (PART=ingest SIZE=small)
	$(BIN)/python -m bench --part $(PART) --size $(SIZE)

kills: $(VENV)/.dev ## kill -9 the driver twenty times in half a million events, compare every cell
	$(BIN)/python -m bench.kills --publish

kills-fraud: $(VENV)/.dev ## kill -9 the fraud pipeline (KILLS=60, BATCHES=90), compare state, predictions, joined rows
	$(BIN)/python -m bench.kills_fraud $(if $(KILLS),--kills $(KILLS)) $(if $(BATCHES),--batches $(BATCHES)) --publish

kills-clicks: $(VENV)/.dev ## kill -9 each process of clicks (KILLS=10, MONGO=command of a server), compare users, windows, documents
	$(BIN)/python -m bench.kills_clicks --kills $(or $(KILLS),10) --publish $(if $(MONGO),--mongo '$(MONGO)')

race: $(VENV)/.dev ## three thousand commits that replace files, while OPTIMIZE and VACUUM race them
	$(BIN)/python -m bench.commit_race

faults: $(VENV)/.dev ## inject faults into every process and count what is lost (docs/reliability.md; ONLY=poison)
	$(BIN)/python -m bench.faults --only '$(ONLY)' --publish

corruptions: $(VENV)/.dev ## damage 500 files, one at a time, and see what names it (COUNT=500)
	$(BIN)/python -m bench.corruptions --count $(or $(COUNT),500) --publish

soak: $(VENV)/.dev ## five million events, and the memory of each process meanwhile (docs/benchmarks.md)
	$(BIN)/python -m bench.soak

swaps: $(VENV)/.dev ## swap the served champion 200 times in a minute under load, ten times to a broken one
	$(BIN)/python -m bench.serving_swaps

cards-outages: $(VENV)/.dev ## take each part of the alarm path away, and each pair, and count what is lost (SECONDS=60)
	$(BIN)/python -m bench.cards_outages --seconds $(or $(SECONDS),60)

cards-parity: $(VENV)/.dev ## a million decisions on cards under restarts, held against the lake to the bit
	$(BIN)/python -m bench.cards_parity

stream-kills: $(VENV)/.dev ## kill -9 a stream service again and again (KILLS=800) while two share a topic, compare every decision and state
	$(BIN)/python -m bench.stream_kills --kills $(or $(KILLS),800) --each $(or $(EACH),400) --publish

schemas: $(VENV)/.dev ## requests generated from the OpenAPI description of the served models (CASES=20000)
	$(BIN)/python -m bench.serving_schemas --cases $(or $(CASES),20000)

lock: $(VENV)/bin/uv ## pin the dependencies again, with hashes
	$(BIN)/uv pip compile -q pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header -o locks/runtime.txt
	$(BIN)/uv pip compile -q pyproject.toml --group dev --group bench --group build -c locks/runtime.txt --universal --python-version 3.11 --generate-hashes --no-header -o locks/dev.txt
	$(BIN)/uv pip compile -q --group build -c locks/dev.txt --universal --python-version 3.11 --generate-hashes --no-header -o locks/build.txt

reset: ## stop everything and wipe its state; downloads stay
	@if test -x $(BIN)/cdrlake; then $(BIN)/cdrlake reset --yes; fi

clean: reset ## reset, and remove .venv and downloads too
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache
