# make run: open the dashboard.  make test: run every check.  Nothing else has to be installed first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PORT ?= 8050
DATA ?=

.PHONY: run test check demo benchmark screenshots clean

run: $(VENV)/dashboard-ready
	$(BIN)/python -m dashboard --port $(PORT) $(if $(DATA),--data "$(DATA)")

test: check

check: $(VENV)/dev-ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

demo: $(VENV)/all-ready
	$(BIN)/python -m brainmri demo

benchmark: $(VENV)/dev-ready
	$(BIN)/python -m benchmarks

screenshots: $(VENV)/dev-ready
	$(BIN)/python -m tests.browser.screenshots

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/dashboard-ready: requirements-dashboard.txt | $(VENV)/bin/python
	@echo "Installing what the dashboard needs (once, about a minute)"
	$(PIP) -r $<
	@touch $@

$(VENV)/all-ready: requirements.txt requirements-dashboard.txt | $(VENV)/bin/python
	@echo "Installing everything, torch included (once, a few minutes, about 6 GB)"
	$(PIP) -r $<
	@touch $@

$(VENV)/dev-ready: requirements-dev.txt requirements.txt requirements-team.txt requirements-dashboard.txt | $(VENV)/bin/python
	@echo "Installing everything and the tools of the checks (once, a few minutes, about 6 GB)"
	$(PIP) -r $<
	@touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
