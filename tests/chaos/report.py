"""Run every test that proves a promise, print how each ended, and write it down: ``python -m tests.chaos.report``.

Named files are JUnit reports of earlier runs to be read instead; of a test that is in several the last one counts.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

from tests.chaos.promises import SECTIONS, Promise, nodes

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
MARK = "<!-- written by make chaos: below here nothing is kept -->\n"


@dataclass
class Result:
    """How all parameters of one test ended."""

    outcomes: list[str] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)

    @property
    def word(self) -> str:
        """One word for all of them."""
        return next((word for word in ("FAIL", "skipped") if word in self.outcomes), "pass")


def main(names: list[str]) -> int:
    """Run or read, write the page, and return an exit status: 0 when every promise is kept."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(name) for name in names] or [run(Path(folder) / "chaos.xml")]
        results = read(files)
    head = PAGE.read_text().partition(MARK)[0]
    PAGE.write_text(head + MARK + "\n" + page(results))
    words = [verdict(row, results) for rows in SECTIONS.values() for row in rows]
    sys.stdout.write(table(results))
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}: {words.count('pass')} of {len(words)} promises pass.\n")
    return int(set(words) != {"pass"})


def run(report: Path) -> Path:
    """Run every named test, long ones too."""
    options = ["-m", "", "-o", "junit_family=xunit1", f"--junitxml={report}"]
    words = [sys.executable, "-m", "pytest", *options, *(f"tests/{node}" for node in nodes())]
    subprocess.run(words, cwd=ROOT, check=False)
    return report


def read(files: Iterable[Path]) -> dict[str, Result]:
    """Return the results by node as the promises name it."""
    found: dict[str, Result] = {}
    for file in files:
        here: dict[str, Result] = {}
        for case in ElementTree.parse(file).iter("testcase"):
            name = case.get("name", "").partition("[")[0]
            node = f"{case.get('classname', '').removeprefix('tests.').replace('.', '/')}.py::{name}"
            result = here.setdefault(node, Result())
            result.outcomes.append(outcome(case))
            result.figures += [str(one.get("value")) for one in case.iter("property") if one.get("name") == "figure"]
        found |= here
    return found


def outcome(case: ElementTree.Element) -> str:
    """One word for one case; an error of a fixture is a failure, as that is where the audit is."""
    kinds = {child.tag for child in case}
    return "FAIL" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "pass"


def verdict(row: Promise, results: dict[str, Result]) -> str:
    """One word for a promise: the worst of its tests and controls."""
    words = {results[node].word if node in results else "not run" for node in row.named}
    return next(word for word in ("FAIL", "not run", "skipped", "pass") if word in words)


def measured(row: Promise, results: dict[str, Result]) -> str:
    """Return the figures of a promise, or how many cases were tried where there is no better one."""
    tried = [results[node] for node in row.tests if node in results]
    figures = list(dict.fromkeys(text for result in tried for text in result.figures))
    cases = sum(len(result.outcomes) for result in tried)
    return "; ".join(figures) or f"{cases} case{'s' * (cases != 1)}"


def seen_to_fail(row: Promise, results: dict[str, Result]) -> str:
    """Count the controls in which the bad thing happened without the guard, and the planted faults that were seen."""
    kinds = (("without the guard it failed in", row.controls), ("planted faults were seen in", row.detectors))
    return "; ".join(f"{words} {passed(nodes, results)} of {len(nodes)}" for words, nodes in kinds if nodes)


def passed(nodes: Iterable[str], results: dict[str, Result]) -> int:
    """Count those that were run and passed."""
    return sum(node in results and results[node].word == "pass" for node in nodes)


def table(results: dict[str, Result]) -> str:
    """Return the rows for the terminal: how each ended, its sentence, its figures."""
    lines = []
    for title, rows in SECTIONS.items():
        lines += ["", f"{title}:"]
        for row in rows:
            lines += [f"{verdict(row, results):<8}{row.text}",
                      f"        {measured(row, results)}; {seen_to_fail(row, results)}",
                      ]  # fmt: skip
    return "\n".join(lines) + "\n\n"


def page(results: dict[str, Result]) -> str:
    """Return the tables as Markdown."""
    lines = [f"Run on {datetime.now(UTC):%Y-%m-%d}.", ""]
    for title, rows in SECTIONS.items():
        lines += [f"## {title}", "", "| promise | proven by | figure | result |", "|---|---|---|---|"]
        lines += [line(row, results) for row in rows]
        lines.append("")
    return "\n".join(lines)


def line(row: Promise, results: dict[str, Result]) -> str:
    """Return one row of a table."""
    proofs = "<br>".join(f"`{node}`" for node in row.tests)
    for words, named in (("without the guard", row.controls), ("a planted fault", row.detectors)):
        if named:
            proofs += f"<br>{words}: " + "<br>".join(f"`{node}`" for node in named)
    return f"| {row.text} | {proofs} | {measured(row, results)} | {verdict(row, results)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
