"""Small plots of reports as SVG text: no scripts, no inline styles, text in the colour of the page around them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape, quoteattr

from retrieval.evaluation.bootstrap import Interval
from retrieval.evaluation.report import Report

COLOURS = ("#2563eb", "#d97706", "#059669", "#db2777", "#7c3aed", "#65a30d")
LEFT, WIDTH, RIGHT = 160, 400, 60
LETTERS = 22  # that fit beside a bar
BAR, GAP = 12, 8
GRID = (0, 25, 50, 75, 100)


def overall_bars(reports: Sequence[Report], *, names: Sequence[str] = ("mAP", "P@1", "R-precision", "MRR")) -> str:
    """A bar with its interval for each metric and encoder."""
    rows = [(name, [each.overall[name] for each in reports]) for name in names if name in reports[0].overall]
    return _bars("Figures over all queries, %", rows, legend=[each.subject.encoder for each in reports])


def class_bars(reports: Sequence[Report], *, name: str = "mAP") -> str:
    """A bar with its interval for each class of the first report and each encoder."""
    by_class = [{each.name: each.figures[name] for each in report.classes} for report in reports]
    rows = [(label, [figures[label] for figures in by_class if label in figures]) for label in by_class[0]]
    return _bars(f"{name} by class, %", rows, legend=[each.subject.encoder for each in reports])


def cmc_curves(reports: Sequence[Report]) -> str:
    """Share of queries with a right answer among the first k, a line for each encoder."""
    height, depth = 220, max(2, *(len(each.cmc) for each in reports))
    top = 40 + 18 * len(reports)

    def place(k: int, share: float) -> str:
        return f"{LEFT + WIDTH * (k - 1) / (depth - 1):.1f},{top + height * (1 - share):.1f}"

    parts = [_text(LEFT, 20, "A right answer among the first k, % of queries"), *_legend(reports)]
    for mark in GRID:
        y = top + height * (1 - mark / 100)
        parts += [_across(y, start=LEFT, end=LEFT + WIDTH, opacity=0.2), _text(LEFT - 8, y + 4, str(mark), "end")]
    for k in (1, *range(5, depth + 1, 5)):
        parts.append(_text(LEFT + WIDTH * (k - 1) / (depth - 1), top + height + 18, str(k), "middle"))
    for number, report in enumerate(reports):
        points = " ".join(place(k, share) for k, share in enumerate(report.cmc, start=1))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{_colour(number)}" stroke-width="2"/>')
    return _svg(parts, height=top + height + 30, title="Cumulative match")


def _bars(title: str, rows: Iterable[tuple[str, Sequence[Interval]]], *, legend: Sequence[str]) -> str:
    y = 34 + 18 * len(legend)
    parts = [_text(LEFT, 20, title), *_names(legend)]
    for label, figures in rows:
        parts.append(_text(LEFT - 8, y + BAR * len(figures) / 2 + 4, _short(label), "end"))
        for number, figure in enumerate(figures):
            parts += _bar(y, figure, _colour(number))
            y += BAR
        y += GAP
    return _svg(parts, height=y + GAP, title=title)


def _bar(y: float, figure: Interval, colour: str) -> list[str]:
    low, mean, high = (WIDTH * value for value in (figure.low, figure.mean, figure.high))
    return [
        f'<rect x="{LEFT}" y="{y:.1f}" width="{mean:.1f}" height="{BAR - 2}" fill="{colour}"/>',
        _across(y + BAR / 2 - 1, start=LEFT + low, end=LEFT + high),
        _text(LEFT + max(high, mean) + 6, y + BAR - 3, f"{100 * figure.mean:.1f}"),
    ]


def _legend(reports: Sequence[Report]) -> list[str]:
    return _names([each.subject.encoder for each in reports])


def _names(names: Sequence[str]) -> list[str]:
    return [
        part
        for number, name in enumerate(names)
        for part in (
            f'<rect x="{LEFT}" y="{30 + 18 * number}" width="10" height="10" fill="{_colour(number)}"/>',
            _text(LEFT + 16, 39 + 18 * number, name),
        )
    ]


def _short(label: str) -> str:
    return label if len(label) <= LETTERS else label[: LETTERS - 1] + "…"


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _across(y: float, *, start: float, end: float, opacity: float = 1) -> str:
    ends = f'x1="{start:.1f}" y1="{y:.1f}" x2="{end:.1f}" y2="{y:.1f}"'
    return f'<line {ends} stroke="currentColor" stroke-opacity="{opacity}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(parts: Iterable[str], *, height: float, title: str) -> str:
    width = LEFT + WIDTH + RIGHT
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}" width="{width}" '
        f'height="{height:.0f}" role="img" aria-label={quoteattr(title)} font-family="sans-serif" font-size="12" '
        f'fill="currentColor">'
    )
    return "\n".join([head, *parts, "</svg>"])
