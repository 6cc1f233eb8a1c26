"""The report: it names tests that exist, and calls nothing kept that was not run."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.chaos import report
from tests.chaos.promises import SECTIONS, Promise, nodes
from tests.chaos.report import line, read, table, verdict

TESTS = Path(__file__).parents[1]
JUNIT = """<testsuites><testsuite>
<testcase classname="tests.chaos.test_a" name="test_good[1]"><properties><property name="figure" value="7 of 7"/>
</properties></testcase>
<testcase classname="tests.chaos.test_a" name="test_good[2]"/>
<testcase classname="tests.chaos.test_a" name="test_bad"/>
<testcase classname="tests.chaos.test_a" name="test_bad"><error message="the audit found something"/></testcase>
<testcase classname="tests.chaos.test_a" name="test_left_out"><skipped/></testcase>
</testsuite></testsuites>"""


@cache
def written(file: str) -> set[str]:
    """The names of the functions of a file of tests."""
    tree = ast.parse((TESTS / file).read_text())
    return {item.name for item in tree.body if isinstance(item, ast.FunctionDef)}


def test_every_test_that_is_named_exists():
    named = [node.split("::") for node in nodes()]
    assert [f"{file}::{name}" for file, name in named if name not in written(file)] == []


def test_every_promise_has_a_proof_and_a_control_of_its_own():
    rows = [row for rows in SECTIONS.values() for row in rows]
    assert [row.text for row in rows if not row.tests] == []
    unguarded = [row.text for row in rows if not (row.controls or row.detectors)]
    assert unguarded == [], "switch its guard off in a test, and show what then happens"
    assert [row.text for row in rows if len(set(row.named)) != len(row.named)] == []


def test_no_two_promises_say_the_same():
    texts = [row.text for rows in SECTIONS.values() for row in rows]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(
    ("names", "word"),
    [
        (["good"], "pass"), (["good", "bad"], "FAIL"), (["good", "left_out"], "skipped"), (["good", "new"], "not run"),
    ],
)  # fmt: skip
def test_a_promise_is_as_good_as_its_worst_test(tmp_path, names, word):
    (tmp_path / "junit.xml").write_text(JUNIT)
    results = read([tmp_path / "junit.xml"])
    first, *rest = [f"chaos/test_a.py::test_{name}" for name in names]
    row = Promise("It holds", (first,), tuple(rest))
    assert verdict(row, results) == word
    assert line(row, results).endswith(f"| 7 of 7 | {word} |")


def test_each_promise_is_printed_with_its_figure_and_its_controls(tmp_path, monkeypatch):
    (tmp_path / "junit.xml").write_text(JUNIT)
    results = read([tmp_path / "junit.xml"])
    good, bad = (f"chaos/test_a.py::test_{name}" for name in ("good", "bad"))
    rows = (Promise("It holds", (good,), (good,)), Promise("It does not", (bad,), (bad,), (good, bad)))
    monkeypatch.setattr(report, "SECTIONS", {"Faults": rows})
    printed = table(results).splitlines()
    assert printed[1:4] == [
        "Faults:", "pass    It holds", "        7 of 7; without the guard it failed in 1 of 1",
    ]  # fmt: skip
    assert printed[4:6] == [
        "FAIL    It does not",
        "        2 cases; without the guard it failed in 0 of 1; planted faults were seen in 1 of 2",
    ]
