"""Style sheets of the pages lie on one another: what one says of a class, no other turns into something else."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

SHEETS = Path(__file__).parents[2] / "static" / "css"
RULE = re.compile(r"([^{}]+)\{[^{}]*\}")


def homes(sheets: dict[str, str]) -> dict[str, set[str]]:
    """The sheets that lay out each class by its name alone."""
    found = defaultdict(set)
    for sheet, text in sheets.items():
        for selectors in RULE.findall(re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)):
            for selector in selectors.split(","):
                if re.fullmatch(r"\.[\w-]+", selector.strip()):
                    found[selector.strip()].add(sheet)
    return found


def test_no_class_is_laid_out_by_two_sheets():
    sheets = {path.name: path.read_text() for path in SHEETS.glob("*.css") if path.name != "admin.css"}
    found = homes(sheets)
    assert len(found) > 100
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_a_class_of_two_sheets_is_noticed():
    assert homes({"a": ".x, .y { gap: 1px }", "b": "@media print { .y { gap: 2px } } .x b { gap: 0 }"}) == {
        ".x": {"a"}, ".y": {"a", "b"},
    }  # fmt: skip
