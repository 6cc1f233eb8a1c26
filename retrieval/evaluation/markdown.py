"""A report as Markdown text: the figures of several encoders side by side, then classes, confusions, worst queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from retrieval.evaluation.bootstrap import Interval
from retrieval.evaluation.report import Report

CLASS_METRICS = ("mAP", "P@1", "R-precision")
SHOWN = 10


def render(reports: Sequence[Report], *, differences: Mapping[str, Mapping[str, Interval]] | None = None) -> str:
    """Write reports on one set, the first in detail; ``differences`` (first minus other) go by the other's name."""
    first = reports[0]
    parts = [_heading(first), _side_by_side(reports)]
    parts += [_difference(first, name, figures) for name, figures in (differences or {}).items()]
    parts += [_classes(first), _confusions(first), _worst(first)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _heading(report: Report) -> str:
    plan, sizes, how = report.plan, report.sizes, report.plan.bootstrap
    lines = [
        f"# {report.subject.dataset}",
        "",
        f"{sizes.queries} queries over {sizes.gallery} pictures, {report.protocol}, {plan.measure}, "
        f"groups: {plan.group_rule}. Queries left out because nothing else suits them: {sizes.left_out}. "
        f"Set digest `{report.subject.digest[:16]}`.",
        "",
        f"Figures in percent, in brackets {how.confidence:.0%} bootstrap intervals over queries "
        f"({how.resamples} draws, seed {how.seed}).",
    ]
    if report.own_group_first is not None:
        lines += ["", f"First answer from the query's own group: {report.own_group_first:.1%}."]
    return "\n".join(lines)


def _side_by_side(reports: Sequence[Report]) -> str:
    head = ["", *(f"{each.subject.encoder} ({each.sizes.dimension})" for each in reports)]
    rows = [[name, *(str(each.overall[name]) for each in reports)] for name in reports[0].overall]
    if reports[0].protocol != "judgements":
        rows.append(["mAP, classes equal", *(f"{100 * each.balanced['mAP']:.1f}" for each in reports)])
    return _table(head, rows)


def _difference(first: Report, other: str, figures: Mapping[str, Interval]) -> str:
    title = f"## {first.subject.encoder} minus {other}, paired over queries"
    return f"{title}\n\n{_table(['', 'difference'], [[name, str(value)] for name, value in figures.items()])}"


def _classes(report: Report) -> str:
    if report.protocol == "judgements":
        return ""
    rows = [
        [each.name, str(each.queries), *(str(each.figures[name]) for name in CLASS_METRICS if name in each.figures)]
        for each in report.classes
    ]
    metrics = [name for name in CLASS_METRICS if name in report.overall]
    return f"## Classes\n\n{_table(['class', 'queries', *metrics], rows)}"


def _confusions(report: Report) -> str:
    if not report.confusions:
        return ""
    rows = [
        [each.wanted, each.found, str(each.count), f"{each.share:.1%}", f"{each.query_item} -> {each.found_item}"]
        for each in report.confusions[:SHOWN]
    ]
    return f"## Wrong first answers\n\n{_table(['wanted', 'found', 'queries', 'of the class', 'example'], rows)}"


def _worst(report: Report) -> str:
    rows = [
        [
            each.item,
            f"{100 * each.average_precision:.1f}",
            str(each.first_rank),
            ", ".join(a.item for a in each.answers),
        ]
        for each in report.worst[:SHOWN]
    ]
    return f"## Worst queries\n\n{_table(['query', 'AP', 'first right answer', 'first answers'], rows)}"
