"""A search of the history as the pages show it: in few words, and the address that asks it again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from retrieval.models import SearchRecord

ONE_TO_ONE = {"measure": "measure", "group_key": "of", "k": "k", "concept": "concept"}
SWITCHES = {"group": "group", "exclude_group": "apart", "diversity": "varied"}
LISTS = {"positives": "image", "collections": "collection", "tags": "tag"}
ID_LENGTH = 36


@dataclass(frozen=True)
class Again:
    """One line of the history; without an ``address`` it needs pictures that were not kept."""

    words: str
    at: datetime
    address: str


def again(record: SearchRecord) -> Again:
    """Return the line of one search."""
    return Again(_words(record), record.created_at, "" if record.files and not record.url else _address(record))


def _words(record: SearchRecord) -> str:
    said, pictures = record.asked, len(record.asked.get("positives", ())) + record.files
    parts = [record.url or str(said.get("text", ""))]
    if pictures and not record.url:
        parts.append(ngettext("{n} picture", "{n} pictures", pictures).format(n=intcomma(pictures)))
    if said.get("concept"):
        parts.append(_("Concept"))
    if said.get("tags"):
        parts.append(", ".join(said["tags"]))
    if said.get("mode") == "same":
        parts.append(_("The same"))
    return " · ".join(filter(None, parts))


def _address(record: SearchRecord) -> str:
    said: dict[str, Any] = record.asked
    pairs = [("q", record.url or said.get("text", ""))]
    pairs += [(short, said.get(name, "")) for name, short in ONE_TO_ONE.items()]
    pairs += [(short, item) for name, short in LISTS.items() for item in said.get(name, ())]
    pairs += [("no", item) for item in said.get("negatives", ()) if len(item) == ID_LENGTH]
    pairs += [(short, "on" if said.get(name) else "") for name, short in SWITCHES.items()]
    pairs += [(side, f"{value:.4f}") for side, value in said.get("region", {}).items()]
    pairs.append(("mode", "further" if said.get("expand") else said.get("mode", "")))
    return f"/?{urlencode([(name, value) for name, value in pairs if value])}"
