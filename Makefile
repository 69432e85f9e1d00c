# Everything starts from a fresh checkout: each target sets up what it needs first (see scripts/setup.py).
PYTHON ?= python3
SITE ?= provisioning/sites/demo.yaml
DATA ?= demo-data
PORT ?=
PY := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help demo test test-timescale check lint bench faults fuzz smoke docs screenshots format clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

demo: ## a whole campus on this machine: make demo [SITE=plan.yaml] [PORT=8080] [DATA=demo-data]
	@$(PYTHON) scripts/setup.py demo
	@exec $(PY) -m provisioning rehearse --site $(SITE) --data $(DATA) --history-days 35 $(if $(PORT),--port $(PORT))

# one process a core; a file's tests stay together, because they share its database
SPREAD := -n auto --maxprocesses 4 --dist loadfile

check: lint ## format, lint, strict types, unit tests
	$(PY) -m pytest tests/unit $(SPREAD)

lint: ## format, lint, strict types
	@$(PYTHON) scripts/setup.py check
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -m mypy --strict scripts

test: ## every test: unit, component, end to end
	@$(PYTHON) scripts/setup.py test
	$(PY) -m pytest tests/unit tests/component $(SPREAD)
	$(PY) -m pytest tests/e2e

TIMESCALE_TESTS := $(addprefix tests/component/central/,db ingest consumption storage metering)
test-timescale: ## the database tests on a real TimescaleDB in a chroot (root; built once, some minutes); elsewhere it says why not
	@$(PYTHON) scripts/setup.py test
# schema.sql is the plain edition's, and the embedded server is none of this one
	$(PY) scripts/timescale.py $(PY) -m pytest $(TIMESCALE_TESTS) -k "not stored_schema" --ignore tests/component/central/db/test_embedded.py

smoke: ## start the demo, use it in a browser, stop it; screenshots in build/screenshots
	@$(PYTHON) scripts/setup.py test
# CI: without a browser it fails, it does not skip
	CI=true $(PY) -m pytest -s tests/e2e/test_smoke.py

faults: ## break it on purpose, all of it (an hour or so), or some: make faults [ONLY=f02,f05] [SEED=1]
	@$(PYTHON) scripts/setup.py test
	$(PY) -m tests.faults $(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED))

fuzz: ## damaged frames against every codec, a million or: make fuzz [INPUTS=60000] [SEED=1] [ONLY=dlt645,mbus]
	@$(PYTHON) scripts/setup.py test
	$(PY) -m tests.fuzz $(if $(INPUTS),--inputs $(INPUTS)) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY))

bench: ## the benchmarks, or some: make bench [NAMES="ingest lines"]; results in bench/RESULTS.md
	@$(PYTHON) scripts/setup.py demo
	$(PY) -m tests.bench $(NAMES)

docs: ## write the generated reference pages again
	@$(PYTHON) scripts/setup.py demo
	$(PY) scripts/docs.py

screenshots: ## take the pictures of the documentation again: docs/images
	@$(PYTHON) scripts/setup.py test
	$(PY) scripts/screenshots.py

format: ## format and fix what can be fixed
	@$(PYTHON) scripts/setup.py check
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

clean: ## remove what was built, keep the demo's data
	rm -rf .venv .cache build dist node_modules central/web/static/vendor
