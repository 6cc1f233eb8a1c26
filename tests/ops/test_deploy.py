"""A site that others reach: Django's own list of what to mind finds nothing, and finds what is amiss."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVED = {"IMAGESEARCH_ALLOWED_HOSTS": "pictures.example", "IMAGESEARCH_HTTPS": "on", "IMAGESEARCH_HOST": "0.0.0.0"}
# One interpreter reads the settings twice: with the guard, which ends it, and without.
TWICE = """
from django.conf import settings
try:
    settings.DEBUG
except SystemExit as refusal:
    print("refused:", refusal.code)
from imagesearch import safety
safety.{guard} = lambda *_, **__: None
print(settings.{name})
"""


def check(folder, **variables):
    """Run ``manage.py check --deploy`` with these variables."""
    kept = {"PATH": os.environ["PATH"], "TMPDIR": str(folder)}
    environment = {**kept, "IMAGESEARCH_DATA_DIR": str(folder / "data"), **variables}
    words = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.long
@pytest.mark.parametrize("variables", [SERVED, {}], ids=["served to others", "this machine alone"])
def test_the_check_before_deployment_is_clean(tmp_path, variables):
    done = check(tmp_path, **variables)
    assert (done.returncode, "System check identified no issues" in done.stdout) == (0, True), done.stderr


@pytest.mark.long
def test_without_https_the_check_says_what_is_open(tmp_path):
    done = check(tmp_path, IMAGESEARCH_ALLOWED_HOSTS="pictures.example")
    assert done.returncode == 1
    assert {"security.W004", "security.W012", "security.W016"} <= {word.strip("(?:)") for word in done.stderr.split()}


@pytest.mark.parametrize(
    ("guard", "name", "variables", "shown"),
    [
        ("require_safe_hosts", "ALLOWED_HOSTS[-1]", {"IMAGESEARCH_ALLOWED_HOSTS": "*"}, "*"),
        ("require_safe_debug", "DEBUG", {"IMAGESEARCH_DEBUG": "on", "IMAGESEARCH_HOST": "0.0.0.0"}, "True"),
        ("require_safe_secret", "SECRET_KEY", {"IMAGESEARCH_SECRET_KEY": "changeme"}, "changeme"),
    ],
)
def test_without_its_guard_an_unsafe_start_succeeds(tmp_path, guard, name, variables, shown):
    kept = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "imagesearch.settings", "TMPDIR": str(tmp_path)}
    environment = {**kept, "IMAGESEARCH_DATA_DIR": str(tmp_path / "data"), **variables}
    words = [sys.executable, "-c", TWICE.format(guard=guard, name=name)]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    refused, found = done.stdout.splitlines()
    assert refused.startswith("refused: IMAGESEARCH_")
    assert found == shown
