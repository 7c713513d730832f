# Every target first installs what it needs into .venv; when nothing changed that takes a moment.
.DEFAULT_GOAL := help
.PHONY: help install demo test test-unit check format bench clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

help: ## Show what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(STAMP) ## Install Meshwright and everything its tests need into .venv

# An installed uv is used; where there is none, pip puts one into .venv first.
$(STAMP): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		(echo "Meshwright needs Python 3.11 or later; name one: make PYTHON=python3.12 …" >&2; exit 1)
	@uv --version >/dev/null 2>&1 || test -x $(BIN)/uv || \
		($(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet --disable-pip-version-check uv)
	@UV=$$(uv --version >/dev/null 2>&1 && echo uv || echo $(BIN)/uv); \
		$$UV sync --quiet --frozen --all-extras --python $(PYTHON)
	@touch $(STAMP)

demo: $(STAMP) ## Build the example mesh of real flights in demo/ and show what it does
	@$(BIN)/mesh demo demo

test: $(STAMP) ## Run every test; installs the servers that they start
	@tests/install-servers
	@$(BIN)/pytest -n 2 --dist worksteal

test-unit: $(STAMP) ## Run the tests that take milliseconds
	@tests/install-servers
	@$(BIN)/pytest -n 2 -m "not slow"

check: $(STAMP) ## Format, lint, types and import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(STAMP) ## Format and fix what can be fixed
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(STAMP) ## Measure against peers and the floor; prints ratios
	@$(BIN)/python -m bench

clean: ## Remove what make made
	@rm -rf $(VENV) demo .bench
