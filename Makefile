# `make` lists the targets. Everything is built and installed in this folder: .venv, build, dist.
PYTHON ?= python3
SANITIZE ?= address,undefined
export EDGERUN_SHARED ?= ../shared
export PIP_DISABLE_PIP_VERSION_CHECK = 1

PY := .venv/bin/python
PIP := $(PY) -m pip install --quiet
PYTEST := $(PY) -m pytest $(ARGS)
# What the extension modules are made of.
SOURCES := setup.py $(shell find csrc -name tests -prune -o -type f -print)

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help build demo test test-system lint bench wheel sanitize fuzz fuzz-guided fuzz-native clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

# ---- what the targets stand on ----

.venv/environment: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "edgerun needs Python 3.11 or newer, and '$(PYTHON)' is not: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv .venv || { \
	  echo "'$(PYTHON) -m venv' failed; Debian and Ubuntu have it in the package python3-venv."; exit 1; }
	$(PY) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
	  > .venv/build-requirements.txt
	$(PIP) -r .venv/build-requirements.txt
	touch $@

# An editable install: the extension modules lie beside the Python files, and only what changed is compiled.
.venv/build: .venv/environment $(SOURCES)
	$(PIP) --no-build-isolation --editable '.[test,lint]'
	touch $@

build: .venv/build ## the extension modules, and edgerun installed in .venv

# ---- what people run ----

demo: build ## the demo camera with the bundled model, live: http://127.0.0.1:8000
	$(PY) -m edgerun serve

test: build ## the tests; those on models need EDGERUN_SHARED (default ../shared)
	$(PYTEST) -m "not system"

test-system: .venv/system ## the tests that need other programs; as root it installs them with apt
	$(PYTEST) -m system

# Debian's packages of the programs that they run.
SYSTEM_PACKAGES := qemu-user chromium fonts-dejavu-core python3-gi gir1.2-gst-rtsp-server-1.0 \
  gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly

.venv/system: pyproject.toml Makefile | .venv/build
	@if dpkg -s $(SYSTEM_PACKAGES) > /dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	  export DEBIAN_FRONTEND=noninteractive; \
	  apt-get -qq update < /dev/null && \
	  apt-get -qq install --no-install-recommends $(SYSTEM_PACKAGES) < /dev/null > /dev/null || \
	  echo "SYSTEM TESTS WILL BE SKIPPED: apt could not install $(SYSTEM_PACKAGES)."; \
	else \
	  echo "SYSTEM TESTS WILL BE SKIPPED where they need $(SYSTEM_PACKAGES): only root can install that, with apt."; \
	fi
	$(PIP) --no-build-isolation --editable '.[test-system]'
	touch $@

lint: build ## ruff, mypy --strict, and the C++ with warnings as errors
	$(PY) -m ruff check .
	$(PY) -m mypy --strict src
	EDGERUN_STRICT=1 $(PY) setup.py --quiet build_ext --build-lib build/strict

bench: build ## the benchmarks: bench/README.md explains them
	$(PY) -m bench

wheel: .venv/environment ## a wheel in dist/
	rm -rf build/lib* dist
	$(PY) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@ls -l dist/*.whl | awk '{printf "%s: %.2f MB\n", $$NF, $$5 / 1e6; if ($$5 > 3e6) exit 1}'
	@$(PY) -m zipfile -l "$$(ls dist/*.whl)" > build/wheel.txt
	@for file in _engine.c _vision.c models/demo.tflite models/demo.toml dashboard/index.html py.typed; do \
	  grep -q "edgerun/.*$$file" build/wheel.txt || { echo "The wheel lacks $$file."; exit 1; }; done

# Python itself is not sanitized, so the sanitizers' runtime (and the library whose exceptions it catches)
# must be there first; what the interpreter leaks at its end is not ours.
SANITIZED = PYTHONPATH=build/sanitize PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0:quarantine_size_mb=16 \
  UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 TSAN_OPTIONS=die_after_fork=0 OPENBLAS_NUM_THREADS=1 \
  LD_PRELOAD="$$($(CXX) -print-file-name=lib$(if $(findstring thread,$(SANITIZE)),tsan,asan).so) $$($(CXX) -print-file-name=libstdc++.so)"

sanitize: build ## the native checks and the unit tests under sanitizers (SANITIZE=address,undefined | thread)
	rm -rf build/sanitize
	EDGERUN_SANITIZE=$(SANITIZE) $(PY) setup.py --quiet build --build-lib build/sanitize
	$(PY) -m pytest tests/native
	$(SANITIZED) $(PYTEST) -m "not system and not shared" --ignore=tests/native

SECONDS ?= 60
FUZZ = EDGERUN_CACHE=off OPENCV_LOG_LEVEL=OFF OPENCV_FFMPEG_LOGLEVEL=-8 PYTHONPATH=tests $(PY) -m

fuzz: fuzz-guided ## changed files into every reader, SECONDS=60 each, guided and blindly; docs/fuzzing.md
	@for format in $$($(FUZZ) fuzz --list); do echo "-- $$format"; \
	  $(FUZZ) fuzz --format $$format --seconds $(SECONDS) --seed $$(date +%s) --keep build/fuzz/$$format || exit 1; done

fuzz-guided: build ## the guided ones alone, SECONDS=60 each
	@$(PIP) --no-build-isolation --editable '.[fuzz]' || echo "GUIDED FUZZING DOES NOT RUN: atheris cannot be installed."
	@mkdir -p build/fuzz
	@! $(PY) -c 'import atheris' 2> /dev/null || for reader in $$($(FUZZ) fuzz --list-readers); do \
	  $(FUZZ) fuzz.guided $$reader --seconds $(SECONDS) --corpus build/fuzz/corpus-$$reader \
	    > build/fuzz/$$reader.log 2>&1 || { tail -n 40 build/fuzz/$$reader.log; exit 1; }; \
	  echo "$$reader, guided: $$(grep -a '^Done' build/fuzz/$$reader.log)"; done

COUNT ?= 10000000
fuzz-native: build ## changed steps into the engine, under sanitizers (COUNT=10000000 GUIDED=1: by libFuzzer, Clang)
	PYTHONPATH=tests $(PY) -m fuzz.native --count $(COUNT) $(if $(GUIDED),--guided)

clean: ## removes everything that make made
	rm -rf .venv build dist src/*.egg-info src/edgerun/*.so .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests csrc bench -name __pycache__ -type d -prune -exec rm -rf {} +
