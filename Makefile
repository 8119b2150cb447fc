# make demo and make test need Python 3.10 or newer and make, nothing else: they make their own environment.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test lint format types docs docs-check site wheel-test test-arm test-layouts test-systemd dist requirements image bench peers clean

VENV ?= .venv
BIN := $(VENV)/bin
# The first Python that tensorflow has wheels for; say PYTHON=/path/to/python to choose another.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.10 python; do \
	"$$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo "$$python" && exit; done; echo python3)
PYTEST_FLAGS ?= -q -n auto --dist loadfile

export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.workstation ## train, export, score and compare on the bundled recording; ends in report.html
	@$(BIN)/saelite demo

test: $(VENV)/.dev ## run the tests
	@$(BIN)/python -m pytest $(PYTEST_FLAGS)

lint: $(VENV)/.dev ## check style with ruff
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .

format: $(VENV)/.dev ## format the code with ruff
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

types: $(VENV)/.dev ## check the types with mypy
	@$(BIN)/mypy --no-error-summary

docs: $(VENV)/.dev ## write the pages made from commands and settings, and from the figures in docs/benchmarks
	@$(BIN)/python docs/generate_cli.py
	@$(BIN)/python docs/generate_plant.py
	@$(BIN)/python docs/generate_benchmarks.py
	@$(BIN)/python docs/generate_cortex_m.py
	@$(BIN)/python docs/generate_public.py
	@$(BIN)/python docs/generate_fleet.py

docs-check: $(VENV)/.dev ## check that these pages match the commands and the figures
	@$(BIN)/python docs/generate_cli.py --check
	@$(BIN)/python docs/generate_plant.py --check
	@$(BIN)/python docs/generate_benchmarks.py --check
	@$(BIN)/python docs/generate_cortex_m.py --check
	@$(BIN)/python docs/generate_public.py --check
	@$(BIN)/python docs/generate_fleet.py --check

site: $(VENV)/.dev ## build the documentation site into site/; a warning is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict # --quiet would hide the warnings from --strict as well

wheel-test: $(VENV)/.dev ## build the wheel and score with it in empty environments
	@$(BIN)/python tests/house/wheel_check.py 3.11 3.13

test-arm: $(VENV)/.dev ## run the device's part in emulated ARM interpreters; downloads are kept in .arm
	@$(BIN)/python tests/arm/check.py

test-layouts: $(VENV)/.dev .ecosystems/.installed ## check layouts of the C library and the ESPHome example with each ecosystem's own tools
	@PATH="$(CURDIR)/.ecosystems/bin:$$PATH" $(BIN)/python -m pytest $(PYTEST_FLAGS) tests/export/layouts tests/house/test_esphome_example.py

test-systemd: $(VENV)/.dev ## run the service under a real systemd in a virtual machine; needs root, mmdebstrap and QEMU
	@$(BIN)/python tests/systemd/check.py

dist: $(VENV)/.dev ## build wheel and sdist of the last commit twice, check them, and write dist/ with bills of materials
	@$(BIN)/python tests/release/write_dist.py

requirements: $(VENV)/.dev ## write the device's requirements files from constraints.txt, with hashes
	$(call compile,requirements-device.txt)
	$(call compile,requirements-device-extras.txt,host modbus mqtt opcua plant prometheus serial signing web)

image: $(VENV)/.dev ## build the container image for amd64 and arm64 and run it; IMAGE_FLAGS go to container/check.py
	@$(BIN)/python container/build.py
	@$(BIN)/python container/check.py $(IMAGE_FLAGS)

bench: $(VENV)/.workstation ## measure, and report what became slower than in docs/benchmarks/speed.md; BENCH_FLAGS=--quick makes it short
	@[ -f .bench/digits.tflite ] || $(BIN)/saelite bench digits -o .bench
	@$(BIN)/saelite bench .bench/digits.tflite --full .bench/run --compare docs/benchmarks/benchmark.json $(BENCH_FLAGS)

peers: $(VENV)/.peers ## compare with other detectors and runtimes; installs them, a gigabyte or more
	@$(BIN)/python -m pytest -q tests/benchmarks/test_peers.py
	@$(BIN)/saelite bench peers $(BENCH_FLAGS)

clean: ## remove the environment, builds and caches
	rm -rf $(VENV) .arm .bench .ecosystems build dist site *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.workstation: pyproject.toml constraints.txt
	$(call install,workstation)

# All of workstation is in it, so `make demo` after `make test` has nothing left to install.
$(VENV)/.dev: pyproject.toml constraints.txt
	$(call install,workstation,dev)
	@touch $(VENV)/.workstation

# In an environment of their own: they pin versions of what saelite uses too.
.ecosystems/.installed: tests/requirements-ecosystems.txt
	@$(PYTHON) -m venv --clear .ecosystems
	@.ecosystems/bin/python -m pip install -qq -r tests/requirements-ecosystems.txt
	@touch $@

$(VENV)/.peers: $(VENV)/.dev
	$(call install,workstation,dev$(comma)peers)

define compile
@$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-annotate --no-config \
	--custom-compile-command 'make requirements' -c constraints.txt $(addprefix --extra ,$(2)) -o $(1) pyproject.toml
endef

define install
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
	echo "saelite needs Python 3.10 or newer. Received: $(PYTHON)," \
		"$$($(PYTHON) --version 2>&1 || true). Choose one: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
@[ -x $(BIN)/python ] || $(PYTHON) -m venv --clear $(VENV)
@[ -t 1 ] || quiet=-qq; \
	$(BIN)/python -m pip install $${quiet:-} -c constraints.txt -e '.[$(1)$(if $(2),$(comma)$(2))]'
@touch $@
endef
comma := ,
