# The lines that people, CI and the README use. Needs Python 3.11 or newer and make; everything else goes into .venv.

# The first that runs and is new enough: a name on the PATH may be a stand-in for a version that is not there.
RUNS = $(shell $(1) -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $(1))
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(call RUNS,$(name))) python3)
PY := .venv/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check
LOCK = .venv/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
       --custom-compile-command "make lock" --no-emit-package torch
PYTEST_ARGS ?= -n 2 --dist worksteal

.PHONY: run test lint bench chaos fuzz demo clean licences sbom lock audit-dependencies secrets pin-images

run: .venv/run
	@exec $(PY) manage.py up

test: .venv/test
	$(PY) -m pytest $(PYTEST_ARGS)

lint: .venv/test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

bench: .venv/test
	$(PY) -m bench

fuzz: .venv/test
	IMAGESEARCH_FUZZ_EXAMPLES=300 IMAGESEARCH_FUZZ_FILES=10000 $(PY) -m pytest tests/api/test_contract.py tests/ingest/test_fuzz.py

chaos: .venv/test
	$(PY) -m tests.chaos.report

demo: .venv/run
	$(PY) manage.py demo

# For containers: the files of docker-compose.yml's secrets, and the digests of its images.
secrets:
	@$(PYTHON) containers/make_secrets.py

pin-images:
	@$(PYTHON) containers/pin_images.py

licences: .venv/test
	$(PY) -m bench.licences

# Every package the site runs on, for machines that look for known flaws: sbom.cdx.json.
sbom: .venv/test
	$(PY) -m bench.sbom sbom.cdx.json

# Needs the internet; a pin that it cannot ask about is a failure too. The tool has an environment of its own: its packages are none of ours.
audit-dependencies: .venv/audit/bin/pip-audit
	$< --requirement requirements.lock --requirement requirements.txt --no-deps --disable-pip --strict --progress-spinner off

clean:
	rm -rf .venv .pytest_cache .pytest_tmp .mypy_cache .ruff_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name it: make PYTHON=/path/to/python3 ...")'
	$(PYTHON) -m venv .venv

# Each file is checked by its hash. Of torch there are many builds: one that lies in a folder of wheels that pip's settings
# name is taken, as no index can answer for it then; else one of the index, by its hash. The rest is a CUDA build's own.
.venv/run: requirements.lock requirements-torch.lock requirements.txt | .venv/bin/python
	$(PIP) --require-hashes --no-deps -r requirements.lock
	$(PIP) --no-index --no-deps "$$(grep ^torch== requirements.txt)" 2>/dev/null || $(PIP) --require-hashes --no-deps -r requirements-torch.lock
	$(PIP) -r requirements.txt
	@touch $@

.venv/test: requirements-dev.lock requirements-dev.txt .venv/run
	$(PIP) --require-hashes --no-deps -r requirements-dev.lock
	$(PIP) -r requirements-dev.txt
	@touch $@

# Newer versions go into requirements*.txt by hand; this finds all that they in turn need, for every system.
lock: .venv/lock/bin/uv
	$(LOCK) requirements.txt -o requirements.lock
	grep ^torch== requirements.txt | $(filter-out --no-emit-package torch,$(LOCK)) --no-deps - -o requirements-torch.lock
	$(LOCK) requirements-dev.txt -c requirements.lock -o requirements-dev.lock

.venv/audit/bin/pip-audit: | .venv/bin/python
	$(PY) -m venv .venv/audit
	.venv/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1

.venv/lock/bin/uv: | .venv/bin/python
	$(PY) -m venv .venv/lock
	.venv/lock/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
