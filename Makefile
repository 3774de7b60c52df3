# Everything a person or CI runs. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
JAR := java_client/target/vision-client.jar
MVN := mvn -q -B -f java_client/pom.xml
# A worker a core; a file's tests stay together, for they share what the file starts.
SIDE_BY_SIDE := -n auto --dist loadfile --no-loadscope-reorder
JAVA_SOURCES := $(shell find java_client/*/src protos -name '*.java' -o -name '*.proto') \
	$(wildcard java_client/pom.xml java_client/*/pom.xml serving_config/contracts/*.json)
PACKAGES := export serving_config signature_contract model_server python_client demo

# In a variable, so that it is said before anything else is done, and in one line.
define CHECK_TOOLS
$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	|| { echo "Python 3.11, 3.12 or 3.13 is needed, found $$($(PYTHON) --version 2>&1 | head -n 1); name one with: make PYTHON=python3.12" >&2; exit 1; }; \
$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	|| { echo "$(PYTHON) lacks the venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }; \
[[ "$$(javac -version 2>&1)" =~ ^javac\ ([0-9]+) && $${BASH_REMATCH[1]} -ge 17 ]] \
	|| { echo "A JDK of version 17 or later is needed (javac on PATH), found: $$(javac -version 2>&1 | head -n 1)" >&2; exit 1; }; \
command -v mvn >/dev/null \
	|| { echo "Maven is needed (mvn on PATH), found none" >&2; exit 1; }
endef

.PHONY: help check-tools setup java demo serve tune test test-quick coverage test-python test-java bench-java lint format lock benchmarks clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

check-tools:
	@$(CHECK_TOOLS)

setup: check-tools $(READY) ## install the locked Python packages into .venv

$(READY): requirements.lock pyproject.toml | check-tools
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

java: check-tools $(JAR) ## build the Java client

$(JAR): $(JAVA_SOURCES) | check-tools
	$(MVN) package -DskipTests
	touch $@

demo: setup java ## train, export, verify, serve and ask; DATA=folder/of/class/folders for your own
	$(BIN)/python -m demo $(if $(DATA),--data "$(DATA)") $(if $(OUT),--out "$(OUT)")

serve: setup ## host the models of CONFIG (default: the demo's) on PORT (default: 8500)
	$(BIN)/python -m model_server --server=auto --port=$(or $(PORT),8500) --grpc_max_threads=32 \
		--model_config_file=$(or $(CONFIG),demo_output/models.config) \
		$$(cat serving_config/serving.flags 2>/dev/null)

tune: setup ## measure thread settings on this machine for MODEL (default: the demo's classifier)
	$(BIN)/python -m model_server.tune $(or $(MODEL),demo_output/models/classifier)

test: setup lint test-java test-python ## all tests of both languages

coverage: setup java ## which lines the tests run, also in the programs that they start; gates nothing
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) --cov --cov-report=term

# JVM=/usr/lib/jvm/…/bin/java runs the tests on another release than the one that compiles.
test-java: check-tools
	$(MVN) verify $(if $(JVM),"-Djvm=$(JVM)")
	touch $(JAR)

test-python: setup java
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

# No training, no JVM, no program beside Python.
QUICK := not (training or jvm or containers or browser or postgres or long)

test-quick: setup ## what can be told in three minutes, between two thoughts
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "$(QUICK)"

bench-java: setup ## what Java costs beside a bare session and stub: MODEL=…/1 IMAGE=cat.jpg
	$(MVN) package -Pbenchmarks -pl benchmarks -am -DskipTests
	$(BIN)/python benchmarks/java_speed.py "$(or $(MODEL),demo_output/models/classifier/1)" "$(IMAGE)" $(BENCH)

lint: setup ## formatting, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: setup ## put the sources into the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(MVN) spotless:apply

lock: ## resolve requirements.lock anew (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --extra dev --generate-hashes \
		--upgrade --no-header --quiet --output-file requirements.lock

clean: ## remove what the targets above made, .venv included
	rm -rf .venv demo_output java_client/target java_client/*/target *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
