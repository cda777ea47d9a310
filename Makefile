# On a fresh machine two commands do everything: `make demo` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TEST_STAMP := $(VENV)/.installed-test
PIP := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -c constraints.txt
# Show the large downloads, the installation and errors: the first installation takes minutes.
SHOW_PROGRESS := sed -un -e 's|^ *Downloading \(.*/\)\{0,1\}\([^/ ]*\) (\([0-9.]* [MG]B\)).*|  downloading \2 (\3)|p' \
  -e 's|^ *Using cached \([^ ]*\) (\([0-9.]* [MG]B\)).*|  using \1 (\2)|p' \
  -e 's|^Installing collected packages.*|  installing the packages|p' -e '/[Ee][Rr][Rr][Oo][Rr]/p'
# Three processes on two cores: tests spend much of their time waiting for servers, leases and kills.
PYTEST := $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

# Tests start the program many times, so its compiled modules are kept, even if this variable is set.
test test-slow coverage: export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-slow test-all gpu gpu-kit lint format coverage reference lock lock-verify audit sbom clean

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Reelmill needs Python 3.11 or newer. Name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Creating the virtual environment $(VENV) …"
	@$(PYTHON) -m venv $(VENV) || { echo "Python cannot create a virtual environment here. On Debian or Ubuntu, run: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }

$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Reelmill and its packages into $(VENV). This takes a few minutes the first time …"
	@$(PIP) -e . 2>&1 | $(SHOW_PROGRESS)
	@touch $@

$(TEST_STAMP): $(STAMP)
	@echo "Installing the packages for development and tests …"
	@$(PIP) -e '.[test]' 2>&1 | $(SHOW_PROGRESS)
	@touch $@

demo: $(STAMP)
	@echo "Running: $(BIN)/reelmill run examples/spring.csv"
	@$(BIN)/reelmill run examples/spring.csv
	@echo "The program is $(BIN)/reelmill. Start a sheet of your own with: $(BIN)/reelmill init sheet.xlsx"

test: $(TEST_STAMP)
	$(PYTEST) -m "not slow and not gpu"

test-slow: $(TEST_STAMP)
	$(PYTEST) -m "slow and not gpu"

test-all: lint test test-slow

# Tests and benchmarks that need a CUDA GPU, within 25 minutes. GPU="--tiny --device cpu" tests the command itself.
gpu: $(TEST_STAMP)
	$(BIN)/python infra/gpu/session.py $(GPU)

# The same for a machine without a network: out/reelmill-gpu-kit.tar, 3.3 GB. KIT="--python 3.12" names its Python.
gpu-kit: $(TEST_STAMP)
	$(BIN)/python -m infra.gpu.kit $(KIT)

lint: $(TEST_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python infra/prose/check.py

format: $(TEST_STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

coverage: $(TEST_STAMP)
	$(PYTEST) -m "not slow and not gpu" --cov --cov-report=term:skip-covered

reference: $(STAMP)
	$(BIN)/python -m app.reference

# Packages of the image: their digests, known vulnerabilities, and the list with licences. See CONTRIBUTING.md.
lock: $(TEST_STAMP)
	$(BIN)/python -m infra.supply.lock

lock-verify: $(TEST_STAMP)
	$(BIN)/python -m infra.supply.lock --verify

audit: $(TEST_STAMP)
	$(BIN)/python -m infra.supply.audit

sbom: $(TEST_STAMP)
	$(BIN)/python -m infra.supply.sbom

clean:
	rm -rf $(VENV) sbom.cdx.json .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
