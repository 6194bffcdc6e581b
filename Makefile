# Smidgen builds its own virtual environment: `make demo` and `make test` need only Python 3.11 with venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
export PYTHONHASHSEED := 0

# The recordings of SPHERE: `make localisation SMIDGEN_DATA=FOLDER`. A killed study continues where it stopped.
LOCALISATION := runs/localisation

.PHONY: demo localisation test test-all check format bench readme clean

demo: $(STAMP)
	$(BIN)/smidgen demo

localisation: $(STAMP)
	$(BIN)/smidgen localise --data sphere --out $(LOCALISATION)
	$(BIN)/python -m benchmarks.readme --localisation $(LOCALISATION)/localisation.json

test: $(STAMP) check
	$(BIN)/pytest -m "not slow"

test-all: $(STAMP) check
	$(BIN)/pytest

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)
	$(BIN)/python -m benchmarks

readme: $(STAMP)
	$(BIN)/python -m benchmarks.readme

# torch is pinned in constraints.txt; point PIP_EXTRA_INDEX_URL at PyTorch's CPU index to avoid the CUDA build.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Smidgen needs Python 3.11 or later; $(PYTHON) is older. Set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "python -m venv failed; on Debian: apt-get install python3-venv"; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,report,dev]'
	@touch $(STAMP)

clean:
	rm -rf build runs .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
