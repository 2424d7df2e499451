# Everything sets itself up: `make run` and `make test` need Python 3.11 to 3.13 and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export UV_PROJECT_ENVIRONMENT := $(VENV)
export UV_PYTHON_DOWNLOADS := never

.PHONY: run test lint unit real bench fuzz clean

$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet uv

$(VENV)/.synced: pyproject.toml uv.lock $(BIN)/uv
	$(BIN)/uv sync --locked --quiet --python $(BIN)/python
	touch $@

run: $(VENV)/.synced
	$(BIN)/python -m gateway demo

test: lint unit real

lint: $(VENV)/.synced
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/.synced
	$(BIN)/pytest -n auto --dist loadfile --ignore tests/elasticsearch

real: $(VENV)/.synced
	$(BIN)/pytest tests/elasticsearch --ignore tests/elasticsearch/faults
	$(BIN)/pytest tests/elasticsearch/faults

bench: $(VENV)/.synced
	$(BIN)/python -m tests.bench

fuzz: $(VENV)/.synced
	$(BIN)/uv run --locked --quiet --group fuzz --python $(BIN)/python python -m tests.fuzz

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
