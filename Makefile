# Five verbs and a few more. Each sets up what it needs; nothing but git, make and Python 3.11-3.13 is assumed.
.DEFAULT_GOAL := help
.PHONY: help setup demo test check proof bench bench-quick docs generate pixel clean build up logs down

PYTHON ?= python3
UV_VERSION := 0.13.8
VENV := .venv
# The uv of this folder, so that a fresh machine needs none of its own.
UV := .uv/bin/uv
RUN := $(VENV)/bin

help:
	@echo "make demo     two days of traffic to verified files, then serve it (SERVE=0: exit after the summary)"
	@echo "make test     every test (make check: lint and types, make proof: the long proofs, make bench, make bench-quick)"
	@echo "make docs     the dbt docs with lineage, one file: dbt_project/target/static_index.html"
	@echo "make build    the container image; make up, make logs, make down: deploy/compose.yaml (docs/deployment.md)"
	@echo "make pixel    build pixel/dist (needs node and npm)"

setup: $(VENV)/.ready
	@$(RUN)/python -m commands.prepare

$(UV):
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(not (3, 11) <= v < (3, 14) and "Python 3.11 to 3.13 is needed, %s is %d.%d; set PYTHON=" % (sys.executable, *v))'
	@echo "setting up uv $(UV_VERSION) …"
	@$(PYTHON) -m venv .uv
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.ready: $(UV) pyproject.toml uv.lock
	@echo "installing the locked packages …"
	@$(UV) sync --frozen --quiet --compile-bytecode --python $(PYTHON) --no-python-downloads
	@touch $@

demo: setup
	@$(RUN)/footfall demo $(if $(filter 0,$(SERVE)),--no-serve)

# A file of tests on each core and one more, three at least and four at most: some wait, and some hold a gigabyte.
# In the order of tests/conftest.py, and not those with the most tests first: the longest files have the fewest.
test: setup
	@$(RUN)/pytest --dist loadfile --no-loadscope-reorder -n $$(n=$$(($$(nproc) + 1)); echo $$((n < 3 ? 3 : n > 4 ? 4 : n)))

check: setup
	@$(RUN)/ruff format --check .
	@$(RUN)/ruff check .
	@$(RUN)/mypy
	@$(RUN)/footfall clients

proof: setup
	@$(RUN)/pytest -m "proof or hypothesis" --hypothesis-profile proof

# The references that are not installed are left out, and said to be.
bench: setup
	-@$(UV) sync --frozen --quiet --group bench --no-python-downloads
	@$(RUN)/python bench/run.py

# The same with less of everything, in some five minutes: what broke, and not how fast it is.
bench-quick: setup
	-@$(UV) sync --frozen --quiet --group bench --no-python-downloads
	@$(RUN)/python bench/run.py --quick

docs: setup
	@$(RUN)/python -m orchestration.modelling.docs

# What documents and YAML say of footfall/catalogue; the files are committed, and a test compares them.
generate: setup
	@$(RUN)/python -m commands.generate

# Needs node 20 and npm; the built files are committed, so that nothing else does.
pixel:
	@cd pixel && npm ci --silent --no-audit --no-fund && npm run --silent build

# Containers (docs/deployment.md). FOOTFALL_ENVIRONMENT=prod, PROFILES="tls s3 demo".
COMPOSE := docker compose -f deploy/compose.yaml $(foreach each,$(PROFILES),--profile $(each))

build:
	@$(COMPOSE) build

up:
	@deploy/make_secrets.sh
	@$(COMPOSE) up -d --wait

logs:
	@$(COMPOSE) logs -f

# Volumes stay: `docker compose -f deploy/compose.yaml down -v` removes what was collected.
down:
	@$(COMPOSE) down

clean:
	rm -rf $(VENV) .uv .pytest_cache .mypy_cache .ruff_cache dbt_project/target
