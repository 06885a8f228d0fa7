# make run      fly the first-light mission and write a report
# make test     the tests
# make check    lint, format, types, import contracts
# make prove    long demonstrations and benchmarks
#
# Each sets up a virtual environment in .venv by itself, and nothing outside it.

PYTHON ?= python3
BIN := .venv/bin
SCENARIO ?= first-light

.PHONY: run test check prove clean

run: .venv/.run
	@$(BIN)/highbay run $(SCENARIO)

test: .venv/.dev
	@$(BIN)/python -m pytest -m "not slow"

check: .venv/.dev
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

prove: .venv/.dev
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[oracles]'
	@$(BIN)/python -m pytest -m slow -s

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || \
	{ echo "highbay needs Python 3.10 or newer as $(PYTHON): sudo apt install python3, or say make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	{ echo "highbay needs Python's venv: sudo apt install python3-venv"; exit 1; }
	@echo "Setting up .venv (once)"
	@$(PYTHON) -m venv .venv

.venv/.run: pyproject.toml | .venv/bin/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[broker]'
	@touch $@

.venv/.dev: pyproject.toml | .venv/bin/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[broker,dev]'
	@touch $@ .venv/.run

clean:
	rm -rf .venv
