"""What may be asked of the search, and within which bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sized
from dataclasses import asdict, dataclass, fields, replace
from typing import Any
from uuid import UUID

from retrieval.errors import InvalidInput
from retrieval.ingest import Region
from retrieval.matching import Band
from retrieval.models import Measure
from retrieval.models.bounds import GROUP_LENGTH

MODES = ("alike", "same")
IDS = ("images", "positives", "negatives", "collections", "exclude")
MOST_AT_ONCE = 200
FARTHEST = 10_000
MOST_PICTURES = 100
MOST_FILES = 10
MOST_TAGS = 50
MOST_COLLECTIONS = 200
MOST_EXCLUDED = 1_000
TEXT_LENGTH = 500
TAG_LENGTH = 100
# A region drawn to the edge may pass it by so much, by rounding.
ROUNDING = 1e-6


@dataclass(frozen=True)
class SearchRequest:
    """One search. ``measure`` None is the encoder's own.

    ``file``, ``more_files``, ``images`` and ``positives`` are looked for together. ``concept`` alone is the query, by
    cosine; beside pictures or a text it leaves only what it says yes to.

    ``region`` cuts the uploaded picture, else the only stored one. ``collections`` None means all that are visible.
    ``mode`` same verifies the first of the answer by details: of one picture, without anything to avoid.
    ``expand`` looks further: by one picture and cosine, with nothing beside it.
    ``text_weight`` (0..1) is the words' part of a query beside pictures; ``-word`` in the text and ``negative_words``
    are to be avoided. ``exclude_group`` leaves out the groups of the stored pictures asked with; ``group`` gives the
    best of each group; ``group_key`` keeps one group alone. ``diversity`` (0..1) puts the first of the answer in an
    order that varies. ``regions`` compares with parts of the pictures, where collections keep these; None does where
    what is asked with is a part itself. ``encoder`` names another one than the active, for administrators: what it has
    not read is not among the candidates.
    """

    file: bytes | None = None
    more_files: tuple[bytes, ...] = ()
    images: tuple[UUID, ...] = ()
    positives: tuple[UUID, ...] = ()
    negatives: tuple[UUID, ...] = ()
    text: str | None = None
    negative_words: tuple[str, ...] = ()
    concept: UUID | None = None
    text_weight: float = 0.5
    region: Region | None = None
    measure: str | None = None
    k: int = 24
    offset: int = 0
    collections: tuple[UUID, ...] | None = None
    tags: tuple[str, ...] = ()
    exclude_group: bool = False
    group: bool = False
    group_key: str | None = None
    diversity: float = 0.0
    exact: bool = False
    min_score: float | None = None
    min_band: str | None = None
    exclude: tuple[UUID, ...] = ()
    mode: str = "alike"
    expand: bool = False
    regions: bool | None = None
    encoder: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Everything but the files, as JSON values."""
        said = asdict(replace(self, file=None, more_files=()))
        for name in ("file", "more_files"):
            del said[name]
        said["concept"] = None if self.concept is None else str(self.concept)
        return {**said, **{name: None if said[name] is None else [str(pk) for pk in said[name]] for name in IDS}}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> SearchRequest:
        """Back from ``to_json``; what a later version asks besides is left at what it is by itself."""
        known = {field.name: said[field.name] for field in fields(cls) if field.name in said}
        lists = {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
        ids = {name: None if known[name] is None else tuple(UUID(pk) for pk in known[name]) for name in IDS}
        region = Region(**known["region"]) if known["region"] else None
        concept = UUID(known["concept"]) if known.get("concept") else None
        return cls(**{**known, **lists, **ids, "region": region, "concept": concept})

    @property
    def wanted(self) -> tuple[UUID, ...]:
        """The stored pictures to look for, each once."""
        return tuple(dict.fromkeys((*self.images, *self.positives)))

    @property
    def files(self) -> tuple[bytes, ...]:
        """All pictures that came along."""
        return self.more_files if self.file is None else (self.file, *self.more_files)

    @property
    def kind(self) -> str:
        """What the query is made of: ``file``, ``image``, ``concept``, ``several`` or ``text``."""
        pictures = len(self.wanted) + len(set(self.negatives)) + len(self.files)
        if pictures > 1:
            return "several"
        if self.file is not None:
            return "file"
        if pictures:
            return "image"
        return "text" if self.text or self.concept is None else "concept"

    @property
    def is_one_image(self) -> bool:
        """Whether exactly one stored picture is asked with, and nothing beside it."""
        return self.kind == "image" and not (self.text or self.negative_words)

    def check(self) -> None:
        """Raise InvalidInput naming the first field that is out of bounds."""
        self._check_query()
        self._check_sizes()
        _check_text("text", self.text or "", limit=TEXT_LENGTH)
        if not 0 <= self.text_weight <= 1:
            raise InvalidInput.of("text_weight", "Between 0 and 1.")
        if not 0 <= self.diversity <= 1:
            raise InvalidInput.of("diversity", "Between 0 and 1.")
        _check_text("group_key", self.group_key or "", limit=GROUP_LENGTH)
        for words in self.negative_words:
            _check_text("negatives", words, limit=TAG_LENGTH)
        for tag in self.tags:
            _check_text("tags", tag, limit=TAG_LENGTH)
        if self.measure is not None and self.measure not in Measure.values:
            raise InvalidInput.of("measure", f"The measure is one of {', '.join(Measure.values)}.")
        self._check_mode()
        if self.min_score is not None and not math.isfinite(self.min_score):
            raise InvalidInput.of("min_score", "The least score is a finite number.")
        if self.min_band is not None and self.min_band not in list(Band):
            raise InvalidInput.of("min_band", f"The least band is one of {', '.join(Band)}.")

    def _check_query(self) -> None:
        pictures = self.file is not None or bool(self.wanted)
        if not pictures and self.negatives:
            raise InvalidInput.of("negatives", "Give at least one picture to look for beside those to avoid.")
        if not pictures and not self.text and self.concept is None:
            raise InvalidInput.of("file", "Give a picture or words to look for.")
        if self.region:
            _check_region(self.region)
            if self.more_files or (self.file is None and len(self.wanted) != 1):
                raise InvalidInput.of("region", "A region needs exactly one picture, uploaded or stored.")

    def _check_mode(self) -> None:
        if self.encoder is not None and self.concept is not None:
            raise InvalidInput.of("encoder", "A concept is fitted to the active encoder; no other one is asked by it.")
        if self.mode not in MODES:
            raise InvalidInput.of("mode", f"The mode is one of {', '.join(MODES)}.")
        if self.mode == "same" and self.kind not in {"file", "image"}:
            raise InvalidInput.of("mode", "The same thing is looked for by exactly one picture.")
        if self.mode == "same" and self.diversity:
            raise InvalidInput.of("diversity", "What is the same comes first; it is not varied.")

        beside = bool(self.text or self.negative_words) or self.kind not in {"file", "image"} or self.mode != MODES[0]
        if self.expand and beside:
            raise InvalidInput.of("expand", "Looking further takes exactly one picture, and nothing beside it.")
        if self.regions and (self.expand or self.kind == "text"):
            raise InvalidInput.of("regions", "Parts are found by a picture, and without looking further.")

    def _check_sizes(self) -> None:
        if not 1 <= self.k <= MOST_AT_ONCE:
            raise InvalidInput.of("k", f"Between 1 and {MOST_AT_ONCE}.")
        if not 0 <= self.offset <= FARTHEST:
            raise InvalidInput.of("offset", f"Between 0 and {FARTHEST}.")
        _check_number("file", self.files, most=MOST_FILES)
        _check_number("positives", self.wanted, most=MOST_PICTURES)
        _check_number("negatives", self.negatives, most=MOST_PICTURES)
        _check_number("negatives", self.negative_words, most=MOST_TAGS)
        _check_number("tags", self.tags, most=MOST_TAGS)
        _check_number("collections", self.collections or (), most=MOST_COLLECTIONS)
        _check_number("exclude", self.exclude, most=MOST_EXCLUDED)


def _check_region(region: Region) -> None:
    for start, length in ((region.x, region.w), (region.y, region.h)):
        # Comparisons with NaN are false, so this refuses it too.
        if not (0 <= start < 1 and length > 0 and start + length <= 1 + ROUNDING):
            raise InvalidInput.of("region", "The region must lie inside the picture and not be empty.")


def _check_number(field: str, values: Sized, *, most: int) -> None:
    if len(values) > most:
        raise InvalidInput.of(field, f"At most {most}.")


def _check_text(field: str, text: str, *, limit: int) -> None:
    """Refuse what is too long or what the database cannot hold: null characters, halves of surrogate pairs."""
    if len(text) > limit:
        raise InvalidInput.of(field, f"At most {limit} characters.")
    if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InvalidInput.of(field, "This holds characters that are not text.")
