"""The report: it names tests that exist, and calls nothing kept that was not run."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.chaos.promises import Promise, nodes
from tests.chaos.report import line, read, verdict

TESTS = Path(__file__).parents[1]
JUNIT = """<testsuites><testsuite>
<testcase classname="tests.chaos.test_a" name="test_good[1]"><properties><property name="figure" value="7 of 7"/>
</properties></testcase>
<testcase classname="tests.chaos.test_a" name="test_good[2]"/>
<testcase classname="tests.chaos.test_a" name="test_bad"/>
<testcase classname="tests.chaos.test_a" name="test_bad"><error message="the audit found something"/></testcase>
<testcase classname="tests.chaos.test_a" name="test_left_out"><skipped/></testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize("node", nodes())
def test_every_test_that_is_named_exists(node):
    file, name = node.split("::")
    tree = ast.parse((TESTS / file).read_text())
    assert name in {item.name for item in tree.body if isinstance(item, ast.FunctionDef)}


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
