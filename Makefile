# The lines that people, CI and the README use. Needs Python 3.11 or newer and make; everything else goes into .venv.

# The first that runs and is new enough: a name on the PATH may be a stand-in for a version that is not there.
RUNS = $(shell $(1) -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $(1))
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(call RUNS,$(name))) python3)
PY := .venv/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check
LOCK = .venv/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
       --custom-compile-command "make lock" --no-emit-package torch
# One more than cores: many tests wait.
PYTEST_ARGS ?= -n 3 --dist worksteal

.PHONY: help run extras extras-video test lint bench chaos fuzz demo clean licences sbom lock audit-dependencies secrets pin-images

# The first target is what a bare `make` does; the words after ## are what this prints.
help:  ## say what there is
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | while IFS='|' read -r name text; do printf '%-20s %s\n' "$$name" "$$text"; done

run: .venv/run  ## install into .venv, start everything, print the address
	@exec $(PY) manage.py up

extras: .venv/extras  ## install what reads more (HEIC, JPEG XL, PDF, DICOM, words in pictures)

extras-video: .venv/extras-video  ## install what reads videos (PyAV; its wheel holds code under the GPL)

# Compiled code is kept even where the environment says otherwise: the tests start many programs, which would compile it again.
test: .venv/test  ## run the tests (PYTEST_ARGS=...)
	PYTHONDONTWRITEBYTECODE= $(PY) -m pytest $(PYTEST_ARGS)

lint: .venv/test  ## ruff, ruff format --check, mypy
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

bench: .venv/test  ## measure times, on this machine
	$(PY) -m bench

fuzz: .venv/test  ## thousands of made-up requests and files
	IMAGESEARCH_FUZZ_EXAMPLES=300 IMAGESEARCH_FUZZ_FILES=10000 $(PY) -m pytest tests/api/test_contract.py tests/ingest/test_fuzz.py

chaos: .venv/test  ## the long fault tests; writes docs/reliability.md
	$(PY) -m tests.chaos.report

demo: .venv/run  ## fill a collection with drawn pictures
	$(PY) manage.py demo

# For containers: the files of docker-compose.yml's secrets, and the digests of its images.
secrets:  ## make the secret files of docker-compose.yml
	@$(PYTHON) containers/make_secrets.py

pin-images:  ## pin the containers' images by digest
	@$(PYTHON) containers/pin_images.py

licences: .venv/test  ## write docs/licences.md
	$(PY) -m bench.licences

# Every package the site runs on, for machines that look for known flaws: sbom.cdx.json.
sbom: .venv/test  ## write sbom.cdx.json
	$(PY) -m bench.sbom sbom.cdx.json

# Needs the internet; a pin that it cannot ask about is a failure too. The tool has an environment of its own: its packages are none of ours.
audit-dependencies: .venv/audit/bin/pip-audit  ## ask the internet for known flaws of the packages
	$< --requirement requirements.lock --requirement requirements.txt --no-deps --disable-pip --strict --progress-spinner off

clean:  ## remove .venv and all caches
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

.venv/extras: requirements-extras.lock .venv/run
	$(PIP) --require-hashes --no-deps -r requirements-extras.lock
	@touch $@

.venv/extras-video: requirements-extras-video.lock .venv/run
	$(PIP) --require-hashes --no-deps -r requirements-extras-video.lock
	@touch $@

.venv/test: requirements-dev.lock requirements-dev.txt .venv/run .venv/extras .venv/extras-video
	$(PIP) --require-hashes --no-deps -r requirements-dev.lock
	$(PIP) -r requirements-dev.txt
	@touch $@

# Newer versions go into requirements*.txt by hand; this finds all that they in turn need, for every system.
lock: .venv/lock/bin/uv  ## resolve requirements*.txt into the lock files
	$(LOCK) requirements.txt -o requirements.lock
	grep ^torch== requirements.txt | $(filter-out --no-emit-package torch,$(LOCK)) --no-deps - -o requirements-torch.lock
	$(LOCK) --no-deps requirements-extras.txt -c requirements.lock -o requirements-extras.lock
	$(LOCK) --no-deps requirements-extras-video.txt -c requirements.lock -o requirements-extras-video.lock
	$(LOCK) requirements-dev.txt -c requirements.lock -o requirements-dev.lock

.venv/audit/bin/pip-audit: | .venv/bin/python
	$(PY) -m venv .venv/audit
	.venv/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1

.venv/lock/bin/uv: | .venv/bin/python
	$(PY) -m venv .venv/lock
	.venv/lock/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
