# What can be done with this checkout; `make help` says more. Everything is in deploy/local.
PYTHON ?= python3
ARGS ?=

.PHONY: run test check bench docs stop clean help requirements
.DEFAULT_GOAL := help

run:
	@$(PYTHON) -m deploy.local run
test:
	@$(PYTHON) -m deploy.local test $(ARGS)
check:
	@$(PYTHON) -m deploy.local check
bench:
	@$(PYTHON) -m deploy.local bench $(ARGS)
docs:
	@$(PYTHON) -m deploy.local docs
stop:
	@$(PYTHON) -m deploy.local stop
clean:
	@$(PYTHON) -m deploy.local clean
requirements:
	@$(PYTHON) -m deploy.local requirements
help:
	@$(PYTHON) -m deploy.local help
