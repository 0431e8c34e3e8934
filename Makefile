# make demo                 install the core alone and show it, then the torch tier and what it adds
# make test                 set up for development, lint, type-check, test
# make check METHOD=tome    is this method as it must be?
# make bench                numbers, with the machine they were measured on
# make docs                 write what the docs take from the code

PYTHON ?= python3
BIN := .venv/bin
DEMO := .demo-venv

.PHONY: demo venv test check bench docs

demo: $(DEMO)/.done
	$(DEMO)/bin/lexel demo -o demo/
	$(MAKE) $(DEMO)/.torch
	$(DEMO)/bin/lexel demo emoji -o demo/
	$(DEMO)/bin/lexel demo codes -o demo/

venv: .venv/.done

# A process a core, each on one thread: torch's own threads would stand in each other's way.
test: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal

check: venv
	@test -n "$(METHOD)" || { echo "say which method: make check METHOD=tome"; exit 2; }
	$(BIN)/ruff check src tests
	$(BIN)/ruff format --check src tests
	$(BIN)/mypy
	$(BIN)/pytest --method $(METHOD)

bench: venv
	cd bench && for file in $$(ls *.py | grep -v -e harness -e peers); do ../$(BIN)/python $$file --json ../build/bench/$${file%.py}.json || exit; done

docs: venv
	$(BIN)/python docs/generate.py

# The stamp is written last, so that a set-up that was interrupted begins again.
.venv/.done: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	touch $@

$(DEMO)/.done: pyproject.toml
	$(PYTHON) -m venv $(DEMO)
	$(DEMO)/bin/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

# The torch that the tests stand on: without a number pip would take the newest.
$(DEMO)/.torch: $(DEMO)/.done
	$(DEMO)/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[torch]" "torch==2.13.0"
	touch $@
