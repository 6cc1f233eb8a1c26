"""What requirements.txt brings is all that the site needs; the test tools are installed here, so that must be shown."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bench import licences

ROOT = Path(__file__).resolve().parents[2]
# Loads everything the programs load, as if the packages named by the arguments were not installed.
EVERYTHING = """
import importlib.machinery, os, pkgutil, sys

absent = set(sys.argv[1:])

class Installed(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if path is None and name in absent else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(importlib.machinery.PathFinder)] = Installed
os.environ["DJANGO_SETTINGS_MODULE"] = "imagesearch.settings"
import django
django.setup()
import imagesearch, retrieval
from django.core.management import load_command_class
from imagesearch.celery import app, schedule
for application in (app, schedule):
    application.connection().transport
for package in (imagesearch, retrieval):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
for application in (app, schedule):
    application.loader.import_default_modules()
importlib.import_module("uvicorn.protocols.http.httptools_impl")
importlib.import_module("celery.bin.worker"), importlib.import_module("celery.bin.beat")
print("loaded")
"""


def test_the_site_runs_on_what_its_requirements_bring_and_leaves_no_file_elsewhere(short_folder):
    assert _loads(_unneeded(), short_folder) == "loaded"
    assert list((short_folder / "temporary").iterdir()) == []


def test_a_missing_requirement_would_be_noticed(short_folder):
    assert _loads(_unneeded() | {"packaging"}, short_folder) == "ModuleNotFoundError: No module named 'packaging'"


def _loads(absent, folder):
    """The last line of what loading everything says."""
    (folder / "temporary").mkdir()
    places = {"IMAGESEARCH_DATA_DIR": str(folder / "data"), "TMPDIR": str(folder / "temporary")}
    command = [sys.executable, "-c", EVERYTHING, *sorted(absent)]
    environment = {"PATH": os.environ["PATH"], **places}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    return (ended.stdout if ended.returncode == 0 else ended.stderr).strip().splitlines()[-1]


def _unneeded():
    """The names of all that can be imported here and that no requirement brings, directly or through another."""
    brought, ahead = set(), licences.requirements()
    while ahead:
        requirement = ahead.pop()
        if (known := (canonicalize_name(requirement.name), frozenset(requirement.extras))) not in brought:
            brought.add(known)
            ahead += _needs(requirement)
    names = {name for name, _ in brought}
    return {
        module
        for module, owners in packages_distributions().items()
        if module.isidentifier() and not names & {canonicalize_name(owner) for owner in owners}
    }


def _needs(requirement):
    extras = requirement.extras or {""}
    try:
        needed = [Requirement(line) for line in requires(requirement.name) or ()]
    except PackageNotFoundError:  # not for this system
        return []
    return [each for each in needed if each.marker is None or any(each.marker.evaluate({"extra": e}) for e in extras)]
