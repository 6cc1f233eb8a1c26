"""The documentation is held to the code: variables, commands, links, and the words that must not be in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
OWN = {name for name, app in get_commands().items() if app in {"retrieval", "imagesearch"}}
ASVS, THREATS = ROOT / "docs" / "asvs.md", ROOT / "docs" / "threat-model.md"
STATES = ("met", "partly", "not met", "does not apply")
# How many requirements of level 1 and of level 2 each chapter of ASVS 5.0.0 has, from V1 to V17.
REQUIRED = [(8, 19), (4, 7), (8, 11), (2, 8), (4, 5), (13, 22), (6, 12), (4, 3), (4, 3), (5, 24), (3, 11), (3, 6),
            (1, 12), (2, 7), (3, 10), (0, 16), (0, 7)]  # fmt: skip
FILE = re.compile(r"`([\w./-]+\.(?:py|html|js|md|yml|toml|lock|css|sh)|Dockerfile|Makefile)(?:::\w+)?`")
OF_DJANGO = {"shell", "migrate", "createsuperuser", "changepassword", "check"}


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


def _requirements() -> list[list[str]]:
    """The rows of the table: number, level, what is asked, state, where or why."""
    lines = [line for line in ASVS.read_text().splitlines() if line.startswith("| v5")]
    return [[part.strip() for part in line.strip("|").split(" | ")] for line in lines]


def _missing(text: str) -> list[str]:
    """The files that a text names and that are not there."""
    return [name for name in FILE.findall(text) if not (ROOT / name).is_file()]


def test_every_file_named_in_the_table_of_asvs_exists():
    assert _missing(ASVS.read_text()) == []


@pytest.mark.parametrize("name", ["adding", "glossary"])
def test_every_place_named_for_those_who_carry_on_exists(name):
    named = set(
        re.findall(r"`([\w.-]+/[\w./-]*|[\w.-]+\.(?:md|txt|yml|toml))`", (ROOT / "docs" / f"{name}.md").read_text())
    )
    assert len(named) > 20
    assert sorted(place for place in named - {"recipes/NAME.toml", "scope/name"} if not (ROOT / place).exists()) == []


def test_make_help_tells_of_every_line():
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.M)[1].split()
    assert set(re.findall(r"^([a-z-]+):.*  ## \S", makefile, re.M)) == set(phony)


def test_pre_commit_runs_what_make_lint_runs():
    lint = re.search(r"^lint:.*\n((?:\t.+\n)+)", (ROOT / "Makefile").read_text(), re.M)[1].split("\n")
    wanted = [line.strip().replace("$(PY)", ".venv/bin/python") for line in lint if line.strip()]
    assert re.findall(r"^ +entry: (.+)$", (ROOT / ".pre-commit-config.yaml").read_text(), re.M) == wanted


def test_a_file_that_is_not_there_is_noticed():
    assert _missing("`docs/asvs.md`, `retrieval/nowhere.py`, `tests/nowhere.py::test_it`") == [
        "retrieval/nowhere.py", "tests/nowhere.py"
    ]  # fmt: skip


def test_no_requirement_of_asvs_is_left_out_or_made_up():
    rows = _requirements()
    numbers = [tuple(map(int, row[0].removeprefix("v5.0.0-").split("."))) for row in rows]
    assert numbers == sorted(set(numbers))
    levels = [(number[0], row[1]) for number, row in zip(numbers, rows, strict=True)]
    assert [(levels.count((chapter, "1")), levels.count((chapter, "2"))) for chapter in range(1, 18)] == REQUIRED


def test_each_requirement_of_asvs_has_a_state_and_a_reason():
    for row in _requirements():
        assert len(list(filter(None, row))) == 5, row
        assert row[3] in STATES, row
        assert row[3] != "met" or FILE.search(row[4]), row


def test_the_threat_model_counts_what_the_table_of_asvs_says():
    rows, page = _requirements(), THREATS.read_text()
    for title in re.findall(r"^## V(.+)$", ASVS.read_text(), re.M):
        states = [row[3] for row in rows if row[0].startswith(f"v5.0.0-{title.split()[0]}.")]
        assert f"| V{title} | {' | '.join(str(states.count(state)) for state in STATES)} |" in page
    listed = re.findall(r"^\| (v5\.0\.0-[\d.]+) \|", page, re.M)
    assert listed == [row[0] for row in rows if row[3] == "not met"]
