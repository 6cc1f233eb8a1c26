"""How a collection is looked through: which of its pictures, in which order, and the address that keeps both."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.core.validators import MaxValueValidator
from django.http import QueryDict

from retrieval.models.bounds import CAMERA_LENGTH, GROUP_LENGTH, TAG_LENGTH
from retrieval.services.images.images import ImageFilters
from retrieval.web.forms import refusal
from retrieval.web.paging import NEWEST, ORDERS, TAKEN, TAKEN_FIRST, Place

KEPT = ("q", "tag", "group", "camera", "month", "sort", "status")
MONTH = "%Y-%m"
DECEMBER = 12
LAST = date(9999, 11, 1)  # whose end is a moment
MOST_BEFORE = 10**9


def edge(month: date | None, *, first: bool) -> datetime | None:
    """Return the moment, in UTC, when a month begins, for a list with the first taken first; else when it is over."""
    if month is None:
        return None
    if first:
        return datetime(month.year, month.month, 1, tzinfo=UTC)
    year, next_month = divmod(month.month, DECEMBER)
    return datetime(month.year + year, next_month + 1, 1, tzinfo=UTC)


class BrowseForm(forms.Form):
    """The short names of the address bar."""

    q = forms.CharField(required=False, max_length=500)
    tag = forms.CharField(required=False, max_length=TAG_LENGTH)
    group = forms.CharField(required=False, max_length=GROUP_LENGTH)
    camera = forms.CharField(required=False, max_length=CAMERA_LENGTH)
    month = forms.DateField(required=False, input_formats=[MONTH], validators=[MaxValueValidator(LAST)])
    sort = forms.ChoiceField(required=False, choices=[(order, order) for order in ORDERS])
    status = forms.ChoiceField(required=False, choices=[("failed", "failed")])
    after = forms.UUIDField(required=False)
    near = forms.UUIDField(required=False)
    at = forms.IntegerField(required=False, min_value=0, max_value=MOST_BEFORE)


class Browsing:
    """What is looked through, cleaned."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    @property
    def order(self) -> str:
        """A key of ``paging.ORDERS``."""
        said = str(self.values["sort"] or NEWEST)
        return TAKEN if self.values["month"] and said != TAKEN_FIRST else said

    @property
    def by_moment(self) -> bool:
        """Whether the months follow each other in the list."""
        return self.order in {TAKEN, TAKEN_FIRST}

    @property
    def after(self) -> UUID | None:
        """The last picture that was shown before."""
        found: UUID | None = self.values["after"]
        return found

    @property
    def place(self) -> Place:
        """Where to begin: a month is a place in the list, with what is before it and what follows."""
        said = {name: self.values[name] for name in ("near", "at", "after")}
        return Place(**said, moment=edge(self.values["month"], first=self.order == TAKEN_FIRST))

    @property
    def is_narrowed(self) -> bool:
        """Whether some pictures are left out."""
        return any(self.values[name] for name in ("q", "tag", "group", "camera", "status"))

    def filters(self, collection: UUID) -> ImageFilters:
        """Return what to keep of the collection."""
        said = {name: self.values[name] or None for name in KEPT}
        named = {name: said[name] for name in ("status", "tag", "camera", "q")}
        return ImageFilters(collection=collection, group_key=said["group"], **named)

    @property
    def listed(self) -> str:
        """The query of the same list without a place in it; it is empty, or ends with ``&``."""
        return self.kept(month="", sort="" if self.order == NEWEST else self.order)

    def kept(self, **other: str) -> str:
        """Return the query of the same address with other values, an empty one left out; it ends with ``&``."""
        month = self.values["month"]
        pairs = {name: self.values[name] for name in KEPT} | {"month": month and f"{month:{MONTH}}"} | other
        said = urlencode([(name, value) for name, value in pairs.items() if value])
        return f"{said}&" if said else ""


def browsed(data: QueryDict) -> Browsing:
    """Clean what was asked for. Raises InvalidInput naming the field at fault."""
    form = BrowseForm(data)
    if not form.is_valid():
        raise refusal(form)
    return Browsing(form.cleaned_data)
