# `make demo` and `make test` do their own set-up: all they need is Python 3.11 or newer.
#
#   make demo       see live frames of a built-in server, without the internet (ARGS=--browser: by hand)
#   make run        start the proxy on 127.0.0.1:8080 and print frames (ARGS="-p 9000" adds options)
#   make test       linters, types, import rules, all tests; on the oldest and the newest Python here (there in
#                   every mode of the proxy and every pair of circumstances, on the oldest in `regular` mode and
#                   without what is the same on both)
#   make test-long  what takes minutes: a gibibyte in a message, 7,000 sockets, a million frames, Autobahn's core,
#                   the README's first screen from an empty machine
#   make test-layer the end-to-end tests without the fast path (--set fast_path=false), in all modes on both
#   make test-matrix  the end-to-end tests under every combination of their circumstances, on both
#   make autobahn   the Autobahn conformance suite, through the proxy and without it (long)
#   make bench      CPU per message beside mitmproxy, mockttp, haproxy and others (ARGS=--quick: 3 minutes)
#   make bench-tui  the terminal UI over a million frames, and following 20,000 a second
#   make bench-filters  a search through a million frames with every kind of filter (ARGS="--repeat 1")
#   make bench-replay   how well replays keep time, how fast they go (ARGS="--messages 200000 --seconds 3")
#   make screenshots    take the pictures of the README anew (ports 8000 and 8080 must be free); then look at them
#   make clean      remove what the targets above have made

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo run test test-long test-layer test-matrix test-setup chromium node autobahn bench bench-filters bench-replay bench-tui screenshots clean

ARGS ?=
# Where it is set, every program that is started compiles the package anew, which takes longer than most of them do.
unexport PYTHONDONTWRITEBYTECODE
PYTHONS := $(shell bash .ci/pythons)
NEWEST := $(lastword $(PYTHONS))
VENV := .venv
TEST_VENVS := $(foreach python,$(PYTHONS),.venv-test-$(shell $(python) -c 'import sys; print("%d.%d" % sys.version_info[:2])'))

LINTS := $(TEST_VENVS:.venv-test-%=lint-%)
# One worker more than there are cores: a quarter of the time each waits for what it has started.
PYTEST := python -m pytest -q -n $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1))) --dist loadgroup
# For all Pythons but the newest, which has looked at every pair, more examples, and what is alike (tests/conftest.py).
THIN := WSPROXY_TEST_WAYS=regular WSPROXY_TEST_MATRIX=thin HYPOTHESIS_PROFILE=brief

help:
	@sed -n 's/^#   //p' Makefile

$(VENV)/ready: pyproject.toml
	@test -n "$(NEWEST)" || { echo "wsproxy needs Python 3.11 or newer" >&2; exit 3; }
	@echo "Setting up $(VENV) (once) ..."
	@$(NEWEST) -m venv $(VENV) || { echo "This Python cannot make virtual environments: install its venv package" >&2; exit 3; }
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

demo: $(VENV)/ready
	@$(VENV)/bin/wsproxy demo $(or $(ARGS),--script)

run: $(VENV)/ready
	@$(VENV)/bin/wsproxy dump $(ARGS)

.venv-test-%/ready: pyproject.toml
	@echo "Setting up .venv-test-$* (once) ..."
	@for python in $(PYTHONS); do \
	    if $$python -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$*")'; then \
	        $$python -m venv .venv-test-$* || exit 3; \
	    fi; \
	done
	@.venv-test-$*/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

# The browser tests drive the system's Chromium; without it they are skipped, and in CI that fails.
chromium:
	@bash .ci/chromium

# Peers of the end-to-end tests that run on Node.
node: tests/e2e/node/node_modules/ready
tests/e2e/node/node_modules/ready: tests/e2e/node/package.json
	@if command -v npm >/dev/null; then \
	    npm install --prefix tests/e2e/node --no-package-lock --no-audit --no-fund --silent && touch $@; \
	else echo "No npm: the tests with Node peers are skipped" >&2; fi

test-setup: chromium node $(addsuffix /ready,$(TEST_VENVS))

.PHONY: lint-format $(LINTS)
lint-format:
	@$(lastword $(TEST_VENVS))/bin/ruff check .
	@$(lastword $(TEST_VENVS))/bin/ruff format --check .

# Each Python has a mitmproxy of its own, and so types of its own.
$(LINTS): lint-%:
	@.venv-test-$*/bin/mypy --cache-dir .mypy_cache/$*
	@export PATH="$$PWD/.venv-test-$*/bin:$$PATH"; lint-imports --no-cache >/dev/null || lint-imports --no-cache

test: test-setup
	@test -n "$(TEST_VENVS)" || { echo "wsproxy needs Python 3.11 or newer" >&2; exit 3; }
	@$(MAKE) --no-print-directory -j 2 --output-sync=target lint-format $(LINTS)
	@set -e; for venv in $(TEST_VENVS); do \
	    echo "== $$venv"; \
	    if [ $$venv = $(lastword $(TEST_VENVS)) ]; then how=; else how="$(THIN)"; fi; \
	    env $$how $$venv/bin/$(PYTEST) $(ARGS); \
	done

test-long: test-setup
	@set -e; for venv in $(TEST_VENVS); do \
	    echo "== $$venv, what takes long"; \
	    $$venv/bin/$(PYTEST) -m long $(ARGS); \
	done

autobahn: $(firstword $(addsuffix /ready,$(TEST_VENVS)))
	@$(firstword $(TEST_VENVS))/bin/python tests/e2e/autobahn/run.py $(ARGS)

bench: $(lastword $(addsuffix /ready,$(TEST_VENVS)))
	@$(lastword $(TEST_VENVS))/bin/python tests/bench/run.py $(ARGS)

bench-filters: $(lastword $(addsuffix /ready,$(TEST_VENVS)))
	@$(lastword $(TEST_VENVS))/bin/python tests/bench/filters.py $(ARGS)

bench-replay: $(lastword $(addsuffix /ready,$(TEST_VENVS)))
	@$(lastword $(TEST_VENVS))/bin/python tests/bench/replay.py $(ARGS)

bench-tui: $(lastword $(addsuffix /ready,$(TEST_VENVS)))
	@$(lastword $(TEST_VENVS))/bin/python tests/bench/tui.py $(ARGS)
	@WSPROXY_TEST_FREEZE=0.1 $(lastword $(TEST_VENVS))/bin/python -m pytest -q -m still tests/tui

screenshots: $(lastword $(addsuffix /ready,$(TEST_VENVS)))
	@$(lastword $(TEST_VENVS))/bin/python tests/screenshots.py $(ARGS)

# The end-to-end tests once more with every frame on the layer, as where the fast path cannot go.
test-layer: test-setup
	@set -e; for venv in $(TEST_VENVS); do \
	    echo "== $$venv, without the fast path"; \
	    WSPROXY_TEST_FAST_PATH=false $$venv/bin/$(PYTEST) tests/e2e $(ARGS); \
	done

# The end-to-end tests under every combination of their circumstances, in all modes, where `test` takes every pair.
test-matrix: test-setup
	@set -e; for venv in $(TEST_VENVS); do \
	    echo "== $$venv, every combination"; \
	    WSPROXY_TEST_MATRIX=full $$venv/bin/$(PYTEST) tests/e2e $(ARGS); \
	done

clean:
	rm -rf .venv .venv-test-* tests/e2e/node/node_modules tests/e2e/autobahn/.tools tests/e2e/autobahn/out tests/bench/node/node_modules \
	    .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
