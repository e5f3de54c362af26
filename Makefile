# Everything that can be done with this checkout; deploy/local has the code.
PYTHON ?= python3
ARGS ?=
# A make that is killed outright passes nothing on: the kernel tells the launcher.
LAUNCHER = setpriv --pdeathsig TERM $(PYTHON) -m deploy.local

.PHONY: help run stop clean check quick test test-full bench docs requirements
.DEFAULT_GOAL := help

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  PORT, RTMP_PORT, RTMPS_PORT and MEDIA_PORT move the ports of `make run`: PORT=9000 make run.'
	@echo '  LISTEN_ADDRESS=0.0.0.0 make run lets phones and others on this network in.'
	@echo '  DATABASE_URL and REDIS_URL replace its private servers.'
	@echo '  ARGS goes to pytest, or to the benchmarks: make test ARGS="-k offers -x -n 0".'
run:  ## start everything: web, worker, pusher, packager, media server, PostgreSQL, Redis, demo data
	@$(LAUNCHER) run
stop:  ## end what `make run` started
	@$(LAUNCHER) stop
clean:  ## remove .local and .venv, and with them all local data
	@$(LAUNCHER) clean
check:  ## linters, types, import contracts, migrations, deployment settings, documentation
	@$(LAUNCHER) check
quick:  ## the checks, then the unit and API tests
	@$(LAUNCHER) quick $(ARGS)
test:  ## the checks, then all tests but the longest, with stores of their own
	@$(LAUNCHER) test $(ARGS)
test-full:  ## the checks, then all tests there are
	@$(LAUNCHER) test-full $(ARGS)
bench:  ## the benchmarks
	@$(LAUNCHER) bench $(ARGS)
docs:  ## build the documentation into .local/site
	@$(LAUNCHER) docs
requirements:  ## pin requirements.in into requirements.txt
	@$(LAUNCHER) requirements
