# Two commands do everything: `make demo` and `make test`. Both make their own environment in .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check -q
EXTRA  := $(BIN)/python tests/package/requirements.py
BUILT  := $(VENV)/.built
SOURCES := setup.py pyproject.toml $(wildcard sbcard_core/_fast/*.pyx sbcard_core/_fast/csrc/*)
# A process more than there are cores: some tests wait, for a card reader or a server. `make test JOBS=0` runs in one.
JOBS ?= $$(($$(getconf _NPROCESSORS_ONLN) + 1))
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist loadscope --no-loadscope-reorder
# The tests start some hundred processes: what Python compiled for one of them is kept for the next.
unexport PYTHONDONTWRITEBYTECODE
CFLAGS_CHECK := -std=c11 -pedantic-errors -Wall -Wextra -Werror

.PHONY: demo test build check bench ct soak explore fuzz floors mutants clean preflight levels

demo: $(BUILT)
	$(BIN)/sbcard replay hunan-2014-07 --out out/hunan-2014-07

test: $(VENV)/.test
	$(PYTEST) $(PYTEST_ARGS)

# Everything that computes with kernels, once at each level of this machine (tests/kernels goes through them by itself).
levels: $(VENV)/.test
	@for level in $$($(BIN)/python -c 'from sbcard_core import _kernels; print(*_kernels.machine_levels())'); do \
	  echo "SBCARD_CPU=$$level"; \
	  SBCARD_CPU=$$level $(PYTEST) -q tests/crypto tests/clearing tests/apdu tests/card/test_personalize.py || exit 1; \
	done

build: $(BUILT)

preflight:
	@command -v $(PYTHON) >/dev/null || { echo "python3 is missing: install Python 3.11 or newer"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; this is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing: on Debian or Ubuntu install python3-venv"; exit 1; }
	@$(PYTHON) -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || { echo "Python.h is missing: on Debian or Ubuntu install python3-dev"; exit 1; }
	@command -v $${CC:-cc} >/dev/null || { echo "a C compiler is missing: on Debian or Ubuntu install gcc, on macOS run xcode-select --install"; exit 1; }

$(BIN)/python: | preflight
	$(PYTHON) -m venv $(VENV)

$(BUILT): $(BIN)/python $(SOURCES)
	$(PIP) install --no-compile --editable .
	@touch $@

$(VENV)/.%: $(BUILT) pyproject.toml
	$(EXTRA) $* > $(VENV)/$*.txt
	$(PIP) install --no-compile -r $(VENV)/$*.txt
	@touch $@

check: $(VENV)/.test $(VENV)/.check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PATH="$(BIN):$$PATH" $(BIN)/cython-lint sbcard_core/_fast
	for source in sbcard_core/_fast/csrc/*.c; do $${CC:-cc} $(CFLAGS_CHECK) -fsyntax-only $$source || exit 1; done
	$(BIN)/python -m pytest -q tests/test_architecture.py

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks.peers
	$(BIN)/python -m pytest benchmarks -o addopts=--import-mode=importlib -o filterwarnings=default --benchmark-only --benchmark-columns=min,median,rounds $(BENCH_ARGS)

# Constant time: secret tracking where valgrind is installed, and a timing test of every kernel path (some minutes).
# Exit status 2 of the timing test: no leak, but the machine was too busy to measure every case.
CT_SAMPLES ?= 1000000
CT_BUILD = $${CC:-cc} -std=c11 -O3 -Wall -Wextra -I sbcard_core/_fast/csrc
ct:
	mkdir -p build
	@if command -v valgrind >/dev/null; then \
	  $(CT_BUILD) -o build/ct-secrets tests/kernels/c/secrets.c sbcard_core/_fast/csrc/*.c && \
	  valgrind -q --error-limit=no --log-file=build/ct-secrets.log build/ct-secrets; \
	else echo "secret tracking not run: valgrind is absent (apt install valgrind)"; fi
	$(CT_BUILD) -o build/ct-timing tests/kernels/c/timing.c sbcard_core/_fast/csrc/*.c -lm
	build/ct-timing $(CT_SAMPLES)

# Every parser under its laws; guided by coverage where atheris is installed. Failures are kept in out/fuzz.
FUZZ_SECONDS ?= 30
fuzz: $(VENV)/.test
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

# The tests with fresh random examples and other samples: what it finds becomes a test of its own.
explore: $(VENV)/.test
	SBCARD_EXPLORE=1 $(PYTEST) $(PYTEST_ARGS)

# What of the deciding code could be changed without a test that fails (some minutes an area); MUTANTS="payout card".
SAMPLE ?= 40
mutants: $(VENV)/.test
	$(BIN)/python -m tests.mutants --sample $(SAMPLE) $(MUTANTS)

# The oldest versions that pyproject.toml allows, in an environment and a copy of their own: the demo, a slice of tests.
FLOORS := build/floors
OLD    := .venv/bin/python
SLICE  := tests/fields tests/calendar tests/store tests/hosts tests/ledger/test_ledger_posting.py \
          tests/crypto/test_crypto_oracles.py tests/crypto/test_pkcs11_holder.py tests/officers tests/cli/test_check_command.py \
          tests/validation/test_check_files.py tests/validation/test_photos.py tests/validation/test_arrow_tables.py
floors: preflight
	rm -rf $(FLOORS) && mkdir -p $(FLOORS) && git ls-files | tar -cT - | tar -xC $(FLOORS)
	cd $(FLOORS) && $(PYTHON) -m venv .venv && $(OLD) tests/package/requirements.py --oldest test bulk hsm photo postgres > oldest.txt
	cd $(FLOORS) && $(OLD) -m pip --disable-pip-version-check -q install -r oldest.txt
	cd $(FLOORS) && $(OLD) -m pip --disable-pip-version-check -q install --no-deps --no-build-isolation --editable .
	cd $(FLOORS) && .venv/bin/sbcard replay hunan-2014-07 --out out/hunan-2014-07
	cd $(FLOORS) && $(OLD) -m pytest -q -W default $(SLICE)

soak: $(VENV)/.test
	SBCARD_SOAK=1 $(BIN)/python -m pytest -m soak -v

clean:
	rm -rf $(VENV) build dist out *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find . -name '*.so' -path './sbcard_core/*' -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f sbcard_core/_fast/*.c
