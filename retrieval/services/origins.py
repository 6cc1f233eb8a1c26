"""What a person may read of an encoder's scores and origin: nothing that names a collection which they do not see."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

from retrieval.models import Collection, Encoder

if TYPE_CHECKING:
    from retrieval.models.collections import Person

# How services.labelled and services.judged call a collection, wherever a scorecard or an origin names one.
NAMED = re.compile(r"collection ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


def as_seen_by(user: Person | Any, encoder: Encoder) -> Encoder:
    """Return a copy to be read, never saved, without the scores and the origins that name a hidden collection.

    On how many pictures a projection was learned goes as well, unless they are of one collection that the person sees.
    """
    scores = {key: _named(key) for key in encoder.scores}
    origin = {key: _named(f"{key} {value}") for key, value in encoder.origin.items()}
    named = {*scores.values(), *origin.values()} - {""}
    seen = {"", *map(str, Collection.objects.visible_to(user).filter(pk__in=named).values_list("pk", flat=True))}
    read = copy.copy(encoder)
    read.scores = {key: card for key, card in encoder.scores.items() if scores[key] in seen}
    read.origin = {key: value for key, value in encoder.origin.items() if origin[key] in seen}
    if not read.origin.get("collection"):
        read.origin.pop("vectors", None)
    return read


def _named(text: str) -> str:
    """Return the id of the collection that the text names, empty for none."""
    found = NAMED.search(text)
    return found[1] if found else ""
