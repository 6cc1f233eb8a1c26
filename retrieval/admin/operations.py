"""The admin's front page: totals, throughput and failures of the last day, and which parts are up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from retrieval.services.operations import status, totals
from retrieval.services.people import rights

HEIGHT, WIDTH, GAP = 96, 18, 4


@dataclass(frozen=True)
class Bar:
    """One hour of the chart, in pixels from the top left: what was done, and above it what failed."""

    x: int
    label: str
    done_y: int
    done_height: int
    failed_y: int
    failed_height: int


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the figures to the context of the front page, for those who may read them."""
    if not rights.administrator(request.user):
        return context
    hours = totals.by_hour()
    context["totals"] = totals.overall()
    context["services"] = status.services()
    context["chart"] = {
        "bars": bars(hours),
        "height": HEIGHT,
        "width": len(hours) * (WIDTH + GAP),
        "bar": WIDTH,
        "from": clock(hours[0]),
        "to": clock(hours[-1]),
        "done": sum(hour.done for hour in hours),
        "failed": sum(hour.failed for hour in hours),
        "most": max(hour.done + hour.failed for hour in hours),
    }
    return context


def clock(hour: totals.Hour) -> str:
    """Return when an hour began, by the clock of the site."""
    return f"{timezone.localtime(hour.at):%H:%M}"


def bars(hours: list[totals.Hour]) -> list[Bar]:
    """Scale the hours to the height of the chart; what is not zero is at least one pixel high."""
    most = max((hour.done + hour.failed for hour in hours), default=0) or 1
    drawn = []
    for position, hour in enumerate(hours):
        done, failed = (max(1, round(HEIGHT * n / most)) if n else 0 for n in (hour.done, hour.failed))
        label = _("{hour}: {done} done, {failed} failed").format(hour=clock(hour), done=hour.done, failed=hour.failed)
        drawn.append(Bar(position * (WIDTH + GAP), label, HEIGHT - done, done, HEIGHT - done - failed, failed))
    return drawn
