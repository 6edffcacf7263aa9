# Everything a person or a machine does with Quarterdeck. Needs make and Python 3.11 or newer (with pip and venv).
# Another Python: make PYTHON=python3.12 run. Settings are environment variables: QUARTERDECK_PORT=18080 make run.

.DEFAULT_GOAL := help
.PHONY: help run test check style fix bench lock sbom guards python runtime dev

# Paths are relative (make -C changes the folder), so a folder's name may contain spaces.
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --no-input --quiet
ifeq ($(origin PYTHON),undefined)
CHOSEN :=
PYTHON := $(shell for name in python3 python3.13 python3.12 python3.11 python3.14 python; do \
    $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && exit; done; echo python3)
else
CHOSEN := yes
endif
# The root of a container has no other place to install to; .venv is no system folder.
export PIP_ROOT_USER_ACTION := ignore

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

run: runtime ## Install and start everything: database, web, worker; an empty database gets the demo company
	@exec $(BIN)/quarterdeck up --demo

# Types are checked beside the tests, which leave the processor time; what mypy found is said last, where it is seen.
test: style ## Install what tests need, check, and run every test
	@$(BIN)/python -m tests.chromium
	@rm -f .coverage .coverage.*
	@$(BIN)/mypy > .venv/mypy.log 2>&1 & types=$$!; \
	trap 'kill $$types 2>/dev/null' INT TERM; \
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --cov --cov-fail-under=90; tests=$$?; \
	wait $$types; types=$$?; echo "$(BIN)/mypy"; cat .venv/mypy.log; exit $$((tests | types))

check: style ## Lint, format, types, and who may import whom
	$(BIN)/mypy

style: dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

fix: dev ## Let ruff correct and format what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: dev ## Run a benchmark: make bench ARGS="imports --rows 100000"; without ARGS, list them
	@exec $(BIN)/python -m benchmarks $(ARGS)

# Hashes only: no index, no host. ARGS=--upgrade takes newer versions within the bounds of pyproject.toml.
UV_COMPILE = $(BIN)/uv pip compile pyproject.toml --no-config --quiet --universal --python-version 3.11 --no-annotate \
    --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(ARGS)

lock: dev ## Write both lock files anew from pyproject.toml
	$(UV_COMPILE) --group build --output-file requirements.lock
	$(UV_COMPILE) --group build --group dev --constraints requirements.lock --output-file requirements-dev.lock

sbom: dev ## Write docs/sbom.cdx.json and docs/licenses.md anew from requirements.lock
	@exec $(BIN)/python -m tests.bill

guards: dev ## Write app/seals/guards.txt anew: what the migrations make of triggers, policies, rights and functions
	@exec $(BIN)/python -m tests.guards

# Installing resolves nothing, so no later release can matter: each lock is complete, pip takes exactly what it names,
# checks every hash, and is asked afterwards whether all of it fits. The product is linked with the locked setuptools.
INSTALL = $(PIP) --no-deps --require-hashes -r
LINK = $(PIP) --no-deps --no-build-isolation -e . && $(BIN)/python -m pip --disable-pip-version-check check >/dev/null
# What was installed is kept beside it: nothing happens until a lock or pyproject.toml reads differently.
runtime: python
	@cat pyproject.toml requirements.lock | cmp -s - .venv/requirements.lock || { \
	    echo "Installing Quarterdeck in .venv. The first time takes a minute or two." && \
	    $(INSTALL) requirements.lock && $(LINK) && \
	    cat pyproject.toml requirements.lock > .venv/requirements.lock; }

dev: python
	@cat pyproject.toml requirements-dev.lock | cmp -s - .venv/requirements-dev.lock || { \
	    echo "Installing Quarterdeck and its tools in .venv. The first time takes a minute or two." && \
	    $(INSTALL) requirements-dev.lock && $(LINK) && \
	    cat pyproject.toml requirements.lock > .venv/requirements.lock && \
	    cat pyproject.toml requirements-dev.lock > .venv/requirements-dev.lock; }

# Keeps a .venv that works, unless another Python was asked for.
python:
	@if [ -x $(BIN)/pip ] && $(BIN)/python -c 'import pip' 2>/dev/null; then \
	    if [ -z "$(CHOSEN)" ] || [ "$$($(BIN)/python -V)" = "$$($(PYTHON) -V 2>&1)" ]; then exit 0; fi; \
	fi; \
	if ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "Quarterdeck needs Python 3.11 or newer, and $(PYTHON) is not. Install one, then name it: make PYTHON=python3.12 run" >&2; exit 1; \
	fi; \
	if ! $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null; then \
	    echo "Python's venv module is missing. On Debian or Ubuntu, run this and try again: sudo apt-get install python3-venv" >&2; exit 1; \
	fi; \
	$(PYTHON) -m venv --clear .venv || { rm -rf .venv; exit 1; }
