# `make demo` and `make test` do their own set-up; a second call installs nothing.

PYTHON ?= python3.11
CORES ?= all
CONFIG ?= configs/demo.yaml
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
SITE := .venv-site
SCHEMA := schemas/config.schema.json
TEST_MODEL := resources/models/smollm2-135m-instruct/manifest.json
COMPARE := .venv-compare
LOWEST := .venv-lowest
# names from a config reach the shell as the value of a variable, never as part of a command
RESULTS = results=$$($(BIN)/python envs/results.py "$$CONFIG")
SNAKEMAKE = $(BIN)/snakemake --configfile "$$CONFIG"

# make compare: names of experiments, and where the page listens on this machine
EXPERIMENTS :=
PORT := 7860

export CONFIG EXPERIMENTS PORT

export HF_HUB_DISABLE_TELEMETRY := 1
export TOKENIZERS_PARALLELISM := false

# a few facts and one round only: BENCHMARK=--short
BENCHMARK :=

.PHONY: help install demo report test test-faults test-slurm test-browser test-library compare benchmark docs site lint format lock clean clean-model

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

install: $(INSTALLED) $(SCHEMA)  ## virtual environment with the pinned packages

# torch first: the packages after it would otherwise choose another version
$(INSTALLED): pyproject.toml envs/constraints.txt
	@envs/debian.sh venv $(PYTHON)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python envs/pins.py > $(VENV)/pins.txt
	$(BIN)/python -m pip install --quiet "$$(grep '^torch==' $(VENV)/pins.txt)"
	$(BIN)/python -m pip install --quiet -r $(VENV)/pins.txt -c envs/constraints.txt
	touch $@

# for editors, which read it to check and complete a config
$(SCHEMA): $(INSTALLED) $(wildcard workflow_scripts/memat/study/*.py)
	$(BIN)/python docs/settings.py $@

demo: $(INSTALLED)  ## facts to results table and report, with configs/demo.yaml
	@pairs=$$($(BIN)/python envs/pairs.py "$$CONFIG") && \
	for pair in $$pairs; do envs/debian.sh apertium "$$pair" || exit 1; done
	@$(RESULTS) && $(SNAKEMAKE) --cores $(CORES)
	@$(RESULTS) && $(SNAKEMAKE) --cores 1 --report "$$results/report.html" && \
	printf '\n' && cat "$$results/table.md" && \
	printf '\ntable    %s/table.md, %s/summary.csv, %s/differences.csv\n' "$$results" "$$results" "$$results" && \
	printf 'report   %s/report.html\nfigures  %s/figures/\n' "$$results" "$$results"

report: $(INSTALLED)  ## results/report.html from what is already made
	@results=$$($(BIN)/python envs/results.py "$$CONFIG" --finished) && \
	$(SNAKEMAKE) --cores 1 --report "$$results/report.html"

test: $(INSTALLED)  ## unit and workflow tests
	@envs/debian.sh apertium || echo "tests of the apertium engine are skipped"
	@$(BIN)/snakemake --cores 2 --quiet all -- $(TEST_MODEL) || echo "tests on a real model are skipped"
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-faults: $(INSTALLED)  ## kills, a full disk, damaged files, NaN: a few minutes
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/faults

test-slurm: $(INSTALLED)  ## the workflow through a SLURM cluster of one node, as root
	@envs/debian.sh slurm || echo "no SLURM: its tests are skipped"
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/slurm

test-browser: $(INSTALLED)  ## the pages in a real browser, headless: half a minute
	@envs/debian.sh chromium || echo "no Chromium: its tests are skipped"
	@$(MAKE) --no-print-directory $(COMPARE)/.installed || echo "no gradio: tests of its page are skipped"
	@python=$(COMPARE)/bin/python; test -f $(COMPARE)/.installed || python=$(BIN)/python; \
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $$python -m pytest tests/browser

test-library:  ## the library's tests with the oldest packages that it allows
	test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	$(PYTHON) envs/pins.py --lowest > $(LOWEST)/pins.txt
	$(LOWEST)/bin/python -m pip install --quiet "$$(grep '^torch==' $(LOWEST)/pins.txt)"
	$(LOWEST)/bin/python -m pip install --quiet -r $(LOWEST)/pins.txt
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest tests/unit/test_editor.py \
	tests/unit/test_editor_adapter.py

compare: $(COMPARE)/.installed  ## a local page: one prompt, several models of CONFIG side by side
	@set -f; HF_HUB_OFFLINE=1 $(COMPARE)/bin/python envs/compare.py "$$CONFIG" "$$PORT" $$EXPERIMENTS

# above the packages of the workflow, which stay as they are pinned
$(COMPARE)/.installed: pyproject.toml $(INSTALLED)
	test -x $(COMPARE)/bin/python || $(PYTHON) -m venv $(COMPARE)
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > \
	$$($(COMPARE)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/workflow.pth
	@$(COMPARE)/bin/python -m pip install --quiet "$$($(BIN)/python envs/pins.py --compare)" || \
	{ echo "gradio could not be installed: the page needs it, and a network to get it once"; exit 1; }
	@touch $@

benchmark: $(INSTALLED)  ## every stage against its plain loop: ratio, agreement, memory
	$(BIN)/snakemake --cores 2 --quiet all -- $(TEST_MODEL)
	@$(RESULTS) && HF_HUB_OFFLINE=1 $(BIN)/python tests/benchmarks/run.py --folder "$$results" $(BENCHMARK)

docs: $(INSTALLED)  ## config.yaml, its JSON schema, the pages of settings and of errors, from the library
	$(BIN)/python docs/settings.py

# an environment of its own: the site's packages are not the workflow's
site:  ## the pages of docs/ as a site, in site/
	test -x $(SITE)/bin/mkdocs || { $(PYTHON) -m venv $(SITE) && \
	$(SITE)/bin/python -m pip install --quiet "$$($(PYTHON) envs/pins.py --site)"; }
	$(SITE)/bin/mkdocs build --strict --quiet

lint: $(INSTALLED)  ## linters and format checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint

format: $(INSTALLED)  ## apply the formatters
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

lock: $(INSTALLED)  ## record every installed version in envs/constraints.txt
	$(BIN)/python envs/pins.py --lock > envs/constraints.txt

clean:  ## remove what the run of CONFIG made in its results folder; what runs share stays
	@test -x $(BIN)/python || { echo "$(BIN)/python is missing: make install"; exit 1; }
	@$(BIN)/python envs/results.py "$$CONFIG" --clean

clean-model:  ## remove the prepared model of CONFIG and what runs share of it
	@test -x $(BIN)/python || { echo "$(BIN)/python is missing: make install"; exit 1; }
	@$(BIN)/python envs/results.py "$$CONFIG" --clean-model

.PHONY: tiny
tiny: $(INSTALLED)  ## every stage in about two minutes on an untrained model
	$(BIN)/python tests/tiny.py
	$(BIN)/snakemake --cores $(CORES) --configfile configs/tiny.yaml
