# One command each; `make help` lists them.
PYTHON ?= python3
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The environments, each made anew when its locks change:
#   run     the serving and client sides, no TensorFlow: demo, serve, web
#   dev     everything, TensorFlow included: test, check, train
#   protos  the proto generator, an old one on purpose (requirements/protos.in)
#   tritonclient, kserve, node  clients that are not ours, for the tests; made by the tests
#   typefaces  what no package of Python's has; for the training of the champion alone
RUN := .venv/run
DEV := .venv/dev
PROTOS := .venv/protos
FOREIGN := .venv/tritonclient .venv/kserve
NODE := .venv/node
NODE_CLIENT := tests/contract/clients/node
TYPEFACES := .venv/typefaces

.PHONY: help demo test test-compose chaos serve web bench bench-pages train typefaces check format protos locks clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUN)/.ready ## start the real server, classify the example pictures, stop it
	@$(RUN)/bin/python examples/demo.py

test: $(DEV)/.ready ## run the whole suite
	@$(DEV)/bin/python -m pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

test-compose: $(DEV)/.ready ## run the end-to-end test of the containers, on a Docker engine
	@DIGITSERVE_COMPOSE_TEST=1 $(DEV)/bin/python -m pytest tests/e2e/test_compose.py -s $(ARGS)

chaos: $(DEV)/.ready ## disturb servers at length while clients call, and write docs/chaos.md: half an hour on busy cores
	@$(DEV)/bin/python -m pytest tests/chaos --long --report docs/chaos --timeout 1200 $(ARGS)

serve: $(RUN)/.ready ## serve the bundled model on localhost:50051 (ARGS="--port 0 ...")
	@exec $(RUN)/bin/digitserve-server $(ARGS)

web: $(RUN)/.ready ## serve the page and the HTTP API on localhost:8080, beside `make serve` (ARGS="--target ...")
	@exec $(RUN)/bin/digitserve-web --models models $(ARGS)

bench: $(DEV)/.ready ## measure the servers against the floors of this machine (ARGS="--quick ...")
	@PYTHONPATH=benchmarks $(DEV)/bin/python -m digitserve_bench $(ARGS)

bench-pages: $(DEV)/.ready ## measure the reading of composed pages (ARGS="--pages 5 ...")
	@PYTHONPATH=tests $(DEV)/bin/python -m composed_pages.bench $(ARGS)

train: $(DEV)/.ready ## train a new version of the model (ARGS="--quick ...")
	@$(DEV)/bin/digitserve-train $(ARGS)

typefaces: $(TYPEFACES)/.ready ## fetch the typefaces that the champion learns from, and those it is measured on

check: $(DEV)/.ready $(PROTOS)/.ready ## lint, types, protos, stale generated code, locks
	$(DEV)/bin/ruff check
	$(DEV)/bin/ruff format --check
	$(DEV)/bin/mypy
	cd protos && ../$(DEV)/bin/buf lint && ../$(DEV)/bin/buf format --diff --exit-code
	protos/generate.sh $(CURDIR)/$(PROTOS)/bin/python --check
	UV=$(DEV)/bin/uv requirements/lock.sh --check

format: $(DEV)/.ready ## format Python and protos
	$(DEV)/bin/ruff check --fix
	$(DEV)/bin/ruff format
	cd protos && ../$(DEV)/bin/buf format --write

protos: $(PROTOS)/.ready ## generate protos/gen from the .proto files
	protos/generate.sh $(CURDIR)/$(PROTOS)/bin/python

locks: $(DEV)/.ready ## compile requirements/*.txt from the declared dependencies
	UV=$(DEV)/bin/uv requirements/lock.sh $(ARGS)

clean: ## remove the environments and caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(RUN)/.ready: requirements/build.txt requirements/serving.txt requirements/client.txt \
		requirements/web.txt protos/pyproject.toml serving/pyproject.toml clients/python/pyproject.toml \
		clients/web/pyproject.toml
	@requirements/install.sh $(PYTHON) $(RUN) "build serving client web" "protos serving clients/python clients/web"
	@touch $@

$(DEV)/.ready: requirements/dev.txt \
		protos/pyproject.toml serving/pyproject.toml clients/python/pyproject.toml clients/web/pyproject.toml \
		training/pyproject.toml
	@requirements/install.sh $(PYTHON) $(DEV) "dev" "protos serving clients/python clients/web training"
	@touch $@

$(PROTOS)/.ready: requirements/protos.txt
	@requirements/install.sh $(PYTHON) $(PROTOS) "protos" ""
	@touch $@

# With uv, as kserve brings seventy packages; it stands in $(DEV), which runs the tests and so is there.
$(FOREIGN:=/.ready): .venv/%/.ready: requirements/%.txt
	@rm -rf .venv/$* && $(DEV)/bin/uv venv --quiet --python $(DEV)/bin/python .venv/$*
	@$(DEV)/bin/uv pip install --quiet --system-certs --python .venv/$* --require-hashes -r $<
	@touch $@

$(NODE)/.ready: $(NODE_CLIENT)/package.json $(NODE_CLIENT)/package-lock.json $(NODE_CLIENT)/.npmrc
	@rm -rf $(NODE) && mkdir -p $(NODE) && cp $^ $(NODE)
	@cd $(NODE) && npm ci --loglevel error
	@touch $@

$(TYPEFACES)/.ready: training/typefaces/.npmrc $(wildcard training/typefaces/*/*.json)
	@rm -rf $(TYPEFACES) && cp -r training/typefaces $(TYPEFACES)
	@for part in $(TYPEFACES)/*/; do cp $(TYPEFACES)/.npmrc $$part; (cd $$part; npm ci --loglevel error); done
	@touch $@
