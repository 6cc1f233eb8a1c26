"""Links around the pictures of a collection: by which it is narrowed, and to the months of its list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from typing import Any

from retrieval.models import Collection
from retrieval.models.images import ImageQuerySet
from retrieval.services.images import facets
from retrieval.services.images.browse import Tag
from retrieval.web.forms.browsing import Browsing
from retrieval.web.paging import TAKEN_FIRST


def around(collection: Collection, browsing: Browsing, *, found: ImageQuerySet) -> dict[str, Any]:
    """Return the links, the months those of the list, and how many pictures it has in ``total``.

    Where all are of one camera or month, these lead nowhere.
    """
    counted = facets.of_collection(collection)
    months = facets.months(found) if browsing.is_narrowed else counted.months
    cameras = counted.cameras if len(counted.cameras) > 1 or browsing.values["camera"] else []
    return {
        "tags": _links(browsing, counted.tags, name="tag"),
        "groups": _links(browsing, counted.groups, name="group"),
        "cameras": _links(browsing, cameras, name="camera"),
        "total": sum(month.count for month in months),
        "years": _years(browsing, months) if len(months) > 1 else [],
    }


def _years(browsing: Browsing, months: Sequence[Tag]) -> list[dict[str, Any]]:
    """Return the years with their months in the order of the list; a year leads to the first month that it shows."""
    kept = TAKEN_FIRST if browsing.order == TAKEN_FIRST else ""
    ordered = reversed(months) if kept else months
    links = [_month(browsing, one, sort=kept) for one in ordered]
    by_year = [(year, list(group)) for year, group in groupby(links, key=lambda link: link["month"].year)]
    return [
        {"year": year, "months": group, "count": sum(link["count"] for link in group), "address": group[0]["address"],
         "open": len(by_year) == 1 or any(link["on"] for link in group)}
        for year, group in by_year
    ]  # fmt: skip


def _month(browsing: Browsing, one: Tag, *, sort: str) -> dict[str, Any]:
    month = date.fromisoformat(f"{one.name}-01")
    address = f"?{browsing.kept(month=one.name, sort=sort).removesuffix('&')}"
    on = month == browsing.values["month"]
    return {"name": one.name, "count": one.count, "month": month, "address": address, "on": on}


def _links(browsing: Browsing, counted: Sequence[Tag], *, name: str) -> list[dict[str, Any]]:
    """Return a link for each, which narrows to it, or takes that away where it is narrowed to already."""
    chosen = browsing.values[name]
    return [
        {
            "name": one.name,
            "count": one.count,
            "on": one.name == chosen,
            "address": f"?{browsing.kept(**{name: '' if one.name == chosen else one.name}).removesuffix('&')}",
        }
        for one in counted
    ]
