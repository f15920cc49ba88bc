# Every task of a developer and of CI. `make test` is exactly what CI runs.

PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3.14 python3,$(shell command -v $(name) 2>/dev/null)))
VENV := .venv
BIN := $(VENV)/bin
LOCK_HASH := $(shell cat requirements.lock pyproject.toml 2>/dev/null | cksum | cut -d' ' -f1)
STAMP := $(VENV)/.installed-$(LOCK_HASH)
# The commit that the contracts are compared with: the parent, or nothing in a first commit.
AGAINST ?= HEAD~1

# The pages are built where there is a Node that can; without one the API works alone.
NODE := $(shell node -e 'const [a, b] = process.versions.node.split(".").map(Number); if (a > 20 || (a === 20 && b >= 19)) console.log("node")' 2>/dev/null)
WEB_SOURCES := $(shell find web/src web/scripts web/public web/vite.config.ts -type f 2>/dev/null) $(wildcard services/intake/texts/*.json)
WEB_MODULES := web/node_modules/.installed
WEB_BUILT := build/web/pages.json
# What a run had to leave out; its last lines say so.
NOT_RUN := build/not-run.txt

export PATH := $(CURDIR)/$(BIN):$(PATH)
# Without byte code pytest parses every rewritten plugin anew in each run.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install runtime run test check format lint types imports protos generate generated unit quality gate contract \
        integration faults mutants e2e evals corpora campaign lock clean web web-test

help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP) ## Makes .venv with the locked dependencies and the fte command

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or set PYTHON" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) is older than 3.11: install Python 3.11 or newer, or set PYTHON" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@rm -f $(VENV)/.installed-*
	@touch $@

runtime: install ## Finds or makes the Dapr runtime, which the tests with real sidecars need
	@$(BIN)/fte runtime

run: install web ## Starts everything and plays the demonstration; ONCE=1 ends after it
	@exec $(BIN)/fte up $(if $(ONCE),--once,--demo)

# What waits for processes most of the time runs in pairs; each stack chooses its own ports.
test: install runtime check web ## Runs all checks and all tests
	@rm -f $(NOT_RUN)
	@$(MAKE) --no-print-directory -j2 --output-sync=target unit quality web-test
	@$(MAKE) --no-print-directory -j2 --output-sync=target contract integration
	@$(MAKE) --no-print-directory -j2 --output-sync=target faults mutants-third
	@$(MAKE) --no-print-directory e2e
	@$(MAKE) --no-print-directory corpora
	@test ! -s $(NOT_RUN) || { echo "not run:"; sed 's/^/  /' $(NOT_RUN); }

check: format lint types imports protos generated ## Runs the checks that need no process

format: install ## Fails if a file is not formatted
	$(BIN)/ruff format --check .

lint: install ## Looks for faults and lists long files
	$(BIN)/ruff check .
	@find services chassis devstack drill evals cli simulators -name '*.py' -size +4k -exec awk 'END { if (NR > 400) print FILENAME": "NR" lines" }' {} \;

types: install ## Checks the types
	$(BIN)/mypy .

imports: install ## Checks the direction of imports
	$(BIN)/lint-imports

protos: install ## Checks the contracts, and that they did not break since the parent commit
	$(BIN)/buf lint
	@if git rev-parse --verify --quiet '$(AGAINST)^{commit}' >/dev/null && git cat-file -e '$(AGAINST):buf.yaml' 2>/dev/null; then \
		echo "buf breaking against $(AGAINST)"; \
		$(BIN)/buf breaking --against ".git#ref=$$(git rev-parse '$(AGAINST)')"; \
	else echo "buf breaking: no contracts in $(AGAINST) to compare with"; fi

generate: install ## Writes gen/ from protos/, and docs/settings.md
	$(BIN)/python scripts/generate.py
	$(BIN)/python scripts/settings_table.py

generated: install ## Fails if gen/ or docs/settings.md is stale
	$(BIN)/python scripts/generate.py --check
	$(BIN)/python scripts/settings_table.py --check

unit: install ## Runs the unit tests
	$(BIN)/pytest tests/unit

quality: install ## Runs the short evaluations of judgement, retrieval and guard rails against their records
	$(BIN)/pytest tests/evals

web: ## Builds the support form and the status page; needs Node 20.19 or newer
	@test -n "$(NODE)" || echo "pages not built: Node 20.19 or newer is not here; the API works without them" >&2
	@test -z "$(NODE)" || $(MAKE) --no-print-directory $(WEB_BUILT) \
		|| { echo "pages not built: see above; the API works without them" >&2; rm -f $(WEB_BUILT); }

$(WEB_MODULES): web/package.json web/package-lock.json web/.npmrc
	cd web && npm ci --no-progress
	@touch $@

$(WEB_BUILT): $(WEB_MODULES) $(WEB_SOURCES)
	cd web && node scripts/build.mjs

web-test: web ## Runs the checks and unit tests of the pages
	@mkdir -p build
	@if test -f $(WEB_BUILT); then cd web && npm run --silent types && npm run --silent test -- --project unit; \
	else echo "the unit tests of the pages: the pages are not built" | tee -a $(NOT_RUN); fi

gate: install runtime ## Runs the gate that every change of the employee must pass, on a stack of its own
	$(BIN)/pytest tests/gate

contract: install ## Runs the contract tests
	$(BIN)/pytest tests/contract

integration: install ## Runs the tests of adapters against their real partners
	$(BIN)/pytest tests/integration

faults: install ## Runs seeded worlds, every crash point, stopped runners and two copies of an actor
	$(BIN)/pytest tests/faults

mutants: install ## Plants every known bug, one after the other, and requires that each is caught
	$(BIN)/python -m tests.faults.mutants

.PHONY: mutants-third
mutants-third: install
	$(BIN)/python -m tests.faults.mutants --third 1

campaign: install runtime ## Runs the long proof, about 80 minutes, and writes docs/reports/
	$(BIN)/python -m tests.faults.campaign

e2e: install runtime ## Runs the gate, the short evaluation and the stories on one whole stack
	$(BIN)/pytest tests/gate tests/e2e

evals: install runtime ## Runs the long evaluations: the employee's parts, then simulated customers
	FTE_EVALS=long $(BIN)/pytest tests/evals -m "not corpora"
	$(BIN)/fte eval --own --trials 4 --gate

corpora: install ## Runs the evaluations on public data; without CORPORA=DIR it says which those are
	@if test -d "$(CORPORA)"; then \
		FTE_CORPORA="$(abspath $(CORPORA))" FTE_EVALS=long $(BIN)/pytest tests/evals -m corpora; \
	else \
		$(BIN)/pytest tests/evals -m corpora --collect-only --quiet --quiet 2>/dev/null | grep '^tests/'; \
		echo "not run: the evaluations above, on public data; make corpora CORPORA=DIR says where those are"; \
	fi

lock: ## Writes requirements.lock from requirements.in
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 --output-file requirements.lock requirements.in

clean: ## Removes what can be made again; the stack's data stay (fte reset)
	rm -rf $(VENV) build web/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
