"""The search form: from an address or a posted form to a ``SearchRequest``, and back to an address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import URLValidator
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from retrieval.models import Measure
from retrieval.models.bounds import GROUP_LENGTH
from retrieval.services.searching import query_pictures
from retrieval.services.searching.search import Region, SearchRequest
from retrieval.services.searching.search_request import MODES
from retrieval.web.bands import HEADINGS
from retrieval.web.forms import refusal

MOST = 50
SIZES = (24, 48, 96)
FURTHER = "further"
# How much the switch of the page varies an answer.
VARIED = 0.5
_address = URLValidator(schemes=["http", "https"])


class UUIDs(forms.Field):
    """Several ids under one name."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> tuple[UUID, ...]:
        """Return the ids without repeats, in their order."""
        try:
            return tuple(dict.fromkeys(UUID(str(item)) for item in value or [] if item))[:MOST]
        except ValueError as error:
            raise ValidationError(_("This is not the id of anything.")) from error


class Words(forms.Field):
    """Several words under one name, or one text with commas."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> tuple[str, ...]:
        """Return the words without blanks and repeats."""
        parts = (part.strip()[:100] for item in value or [] for part in str(item).split(","))
        return tuple(dict.fromkeys(part for part in parts if part))[:MOST]


class SearchForm(forms.Form):
    """Everything a search can be asked with, under the short names of the address bar."""

    file = forms.FileField(required=False)
    q = forms.CharField(required=False, max_length=500, strip=True)
    image = UUIDs(required=False)
    no = UUIDs(required=False)
    collection = UUIDs(required=False)
    tag = Words(required=False)
    measure = forms.ChoiceField(required=False, choices=Measure.choices)
    mode = forms.ChoiceField(required=False, choices=[(mode, mode) for mode in (*MODES, FURTHER)])
    group = forms.BooleanField(required=False)
    apart = forms.BooleanField(required=False)
    varied = forms.BooleanField(required=False)
    of = forms.CharField(required=False, max_length=GROUP_LENGTH)
    concept = forms.UUIDField(required=False)
    k = forms.IntegerField(required=False, min_value=1, max_value=200)
    offset = forms.IntegerField(required=False, min_value=0, max_value=10_000)
    band = forms.ChoiceField(required=False, choices=[(heading, heading) for heading in HEADINGS])
    after = forms.UUIDField(required=False)
    x = forms.FloatField(required=False, min_value=0, max_value=1)
    y = forms.FloatField(required=False, min_value=0, max_value=1)
    w = forms.FloatField(required=False, min_value=0, max_value=1)
    h = forms.FloatField(required=False, min_value=0, max_value=1)


@dataclass(frozen=True)
class Asked:
    """What a person asked for, cleaned."""

    values: dict[str, Any]

    @property
    def file(self) -> UploadedFile[bytes] | None:
        """The query picture, which is never kept."""
        found: UploadedFile[bytes] | None = self.values.get("file")
        return found

    @property
    def files(self) -> tuple[UploadedFile[bytes], ...]:
        """All query pictures that came along, which are looked for together."""
        return tuple(self.values.get("files", ()))

    @property
    def url(self) -> str:
        """The address of a picture that stands in the place of words; empty where words are words."""
        words = str(self.values["q"])
        try:
            _address(words)
        except ValidationError:
            return ""
        return words

    @property
    def text(self) -> str:
        """The words."""
        return "" if self.url else str(self.values["q"])

    @property
    def name(self) -> str:
        """What was asked, for the title of the page; empty where only stored pictures say it."""
        return str(self.values["q"] or (self.file.name if self.file else ""))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to search by, so that the newest pictures are shown."""
        asked = [self.file, *(self.values[name] for name in ("image", "no", "q", "concept"))]
        return not any(asked)

    @property
    def measure(self) -> str:
        """The measure asked for; empty: the encoder's own."""
        return str(self.values["measure"])

    @property
    def mode(self) -> str:
        """``alike``, ``same`` for the same thing, or ``further``, which is alike too."""
        return str(self.values["mode"] or MODES[0])

    @property
    def k(self) -> int:
        """How many pictures at once."""
        return int(self.values["k"] or SIZES[0])

    @property
    def offset(self) -> int:
        """How many were shown before."""
        return int(self.values["offset"] or 0)

    @property
    def band(self) -> str:
        """The heading of the last hit shown before, empty for none."""
        return str(self.values["band"])

    @property
    def after(self) -> UUID | None:
        """The last of the newest pictures that were shown before."""
        found: UUID | None = self.values["after"]
        return found

    @property
    def is_narrowed(self) -> bool:
        """Whether collections, tags, or words beside a picture leave some out."""
        pictures = self.file or self.values["image"]
        beside = (self.text and pictures) or (self.values["concept"] and (pictures or self.values["q"]))
        return bool(self.values["collection"] or self.values["tag"] or self.values["of"] or beside)

    @property
    def widened(self) -> str:
        """The address of the same search without what narrows it."""
        words = "" if self.values["image"] else self.values["q"]
        concept = None if words or self.values["image"] else self.values["concept"]
        wide = {"collection": (), "tag": (), "of": "", "q": words, "concept": concept}
        return Asked({**self.values, **wide}).address()

    @property
    def region(self) -> Region | None:
        """The part of the query picture, when one was drawn around it."""
        x, y, w, h = (self.values[side] for side in "xywh")
        return Region(x or 0.0, y or 0.0, w, h) if w and h else None

    def request(self, *, fetched: tuple[bytes, ...] = ()) -> SearchRequest:
        """Return the question for the search service, with the picture of ``url`` when it was fetched.

        Raises TooLarge before a file is read.
        """
        files = (*map(query_pictures.sent, self.files), *fetched)
        return SearchRequest(
            file=next(iter(files), None),
            more_files=files[1:],
            images=self.values["image"],
            negatives=self.values["no"],
            text=self.text or None,
            region=self.region,
            measure=self.measure or None,
            k=self.k,
            offset=self.offset,
            collections=self.values["collection"] or None,
            tags=self.values["tag"],
            exclude=(*self.values["image"], *self.values["no"]),
            mode=MODES[0] if self.mode == FURTHER else self.mode,
            expand=self.mode == FURTHER,
            group=self.values["group"],
            exclude_group=self.values["apart"],
            group_key=self.values["of"] or None,
            concept=self.values["concept"],
            diversity=VARIED if self.values["varied"] else 0.0,
        )

    @property
    def compares(self) -> str:
        """How each hit can be set beside the query: the query of an address, ``file``, or empty where there are others.

        A comparison is of two pictures; several, or words beside one, make a query that is none.
        """
        if self.values["no"] or self.values["q"] or len(self.values["image"]) + len(self.files) != 1:
            return ""
        return "file" if self.file else urlencode([("image", str(self.values["image"][0])), *self._sides()])

    def pair(self) -> SearchRequest:
        """Return the one picture to compare with. Raises TooLarge before the file is read."""
        return SearchRequest(
            file=query_pictures.sent(self.file) if self.file else None, images=self.values["image"], region=self.region
        )

    def _sides(self) -> list[tuple[str, str]]:
        return [(side, f"{self.values[side] or 0:.4f}") for side in "xywh"] if self.region else []

    @property
    def can_be_watched(self) -> bool:
        """Whether it can go on by itself: without files, and without what is told only of many pictures together."""
        values = self.values
        together = self.mode != MODES[0] or values["group"] or values["apart"] or values["varied"]
        several = values["concept"] and (values["q"] or values["image"])
        measured = values["measure"] not in ("", Measure.COSINE)
        return not (self.is_empty or self.file or self.url or together or several or measured)

    def address(self) -> str:
        """Return the address that asks the same again, offset left out; a file cannot be part of it."""
        return f"/?{self.query}" if self.query else "/"

    @property
    def query(self) -> str:
        """The query part of its address."""
        return urlencode(self.pairs)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """What its address says."""
        pairs: list[tuple[str, str]] = []
        for name in ("q", "image", "no", "concept", "collection", "tag", "measure", "of"):
            value = self.values[name]
            pairs += [(name, str(item)) for item in (value if isinstance(value, tuple) else [value]) if item]
        if self.mode != MODES[0]:
            pairs.append(("mode", self.mode))
        pairs += [(name, "on") for name in ("group", "apart", "varied") if self.values[name]]
        if self.k != SIZES[0]:
            pairs.append(("k", str(self.k)))
        return pairs + self._sides()


def asked(data: QueryDict, files: Any) -> Asked:
    """Clean what was asked. Raises InvalidInput naming the field at fault."""
    lists = {name: data.getlist(name) for name in ("image", "no", "collection", "tag")}
    form = SearchForm({**data.dict(), **lists}, files)
    if not form.is_valid():
        raise refusal(form)
    return Asked({**form.cleaned_data, "files": tuple(files.getlist("file"))})
