# Two commands for a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# One thread a process: BLAS threads fight with each other and with the test workers.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1

.PHONY: demo test lint docs datasets bench lowest coverage mutation chromium clean

demo: $(VENV)/base
	$(BIN)/mmm demo --out demo

test: $(VENV)/test chromium lint
	$(BIN)/python -m pytest -W error --doctest-modules -n auto --dist worksteal mmm tests

lint: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The page is site/index.html; what is wrong in a link, a name or a docstring is an error.
docs: $(VENV)/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

datasets: $(VENV)/base
	$(BIN)/python -m mmm.simulate datasets

bench: $(VENV)/test
	$(BIN)/python benchmarks/import_time.py
	$(BIN)/python benchmarks/funnel_scale.py
	$(BIN)/python benchmarks/attribution_orders.py
	$(BIN)/python benchmarks/attribution_truth.py
	$(BIN)/python benchmarks/ledger.py
	$(BIN)/python benchmarks/writeback.py

# The lowest versions that pyproject.toml allows, in an environment of their own. What pytest says
# of scikit-learn 1.8's own checks is not ours to mend.
lowest: $(VENV)/bin/python
	mkdir -p build
	$(BIN)/python -m tests.packaging.lowest > build/lowest.txt
	$(PYTHON) -m venv build/lowest
	build/lowest/bin/python -m pip install --quiet -c build/lowest.txt --editable '.[test]'
	build/lowest/bin/python -m pytest -W error -W 'ignore:Passing a non-Collection' \
	  -m 'not slow' --doctest-modules -n auto mmm tests

# Lines and branches that the tests run, processes of the command line included.
coverage: $(VENV)/test
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest -W error --doctest-modules mmm tests
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report --skip-covered --sort=cover

# Faults put in on purpose, and how many of them the tests notice.
mutation: $(VENV)/test
	mkdir -p build
	$(BIN)/python benchmarks/mutation.py --out build/mutants.jsonl

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "mmm needs Python 3.11 to 3.13; run: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/base: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable .
	@touch $@

$(VENV)/test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable '.[test]'
	@touch $(VENV)/base $@

$(VENV)/docs: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable '.[docs]'
	@touch $(VENV)/base $@

# The page is tested in a real browser: Debian's, where it is missing and may be installed.
chromium:
	@command -v chromium >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || \
	  { echo "installing chromium"; apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } || \
	  echo "chromium could not be installed; its tests are skipped (they fail where CI=true)"

clean:
	rm -rf $(VENV) demo out site .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
