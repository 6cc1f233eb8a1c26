"""The documentation is held to the code: variables, commands, links, and the words that must not be in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
OWN = {name for name, app in get_commands().items() if app == "retrieval"}
OF_DJANGO = {"shell", "migrate", "createsuperuser", "check"}


def test_every_variable_is_documented_and_none_is_made_up():
    source = (ROOT / "imagesearch" / "settings.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source))
    read |= {f"{name}_FILE" for name in re.findall(r'env\.(?:secret|url)\(\s*"([A-Z_]+)"', source)}
    page = (ROOT / "docs" / "configuration.md").read_text()
    told = set(re.findall(r"`((?:IMAGESEARCH_|DATABASE_|REDIS_)[A-Z_]+)`", page))
    assert read == told


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_named_exists(page):
    named = set(re.findall(r"manage\.py ([a-z_]+)", page.read_text()))
    assert named <= OWN | OF_DJANGO


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_make_line_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = {name for page in PAGES for name in re.findall(r"`make ([a-z-]+)`", page.read_text())}
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_test_named_exists(page):
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page.read_text())
    assert [f"{file}::{test}" for file, test in named if not _holds(ROOT / file, test)] == []


def _holds(file: Path, test: str) -> bool:
    """Whether there is this test in the file; with an empty name, whether there is the file."""
    return file.exists() and (not test or f"def {test}(" in file.read_text())
