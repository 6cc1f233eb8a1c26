"""What a person may read of an encoder's scores and origin: nothing that tells of a collection they do not see."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from retrieval.models import Collection, Compression, Encoder, EncoderState, LongJob, TrainingRun
from retrieval.services.evaluation import lineage
from retrieval.services.people import rights

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer

# What an origin says of the pictures that an encoder was made from, and of the work that made it.
OF_PICTURES = ("training_run", "compression", "data", "vectors")
NOBODYS = "nobody's"
"""The home of what was made from pictures of which no collection is written down any more: nobody sees it."""


def as_seen_by(user: Viewer, encoder: Encoder) -> Encoder:
    """Return a copy to be read, never saved, without the scores and the origins that tell of a hidden collection.

    What was learned on pictures of everywhere tells nobody how many they were, nor their digest. In the place of all
    that it learned from, each scorecard says by ``learned_from_these`` whether it was measured on any of that.
    """
    learned = lineage.learned_cards(encoder)
    scores = {key: _named(key) for key in encoder.scores}
    origin = {key: _named(f"{key} {value}") for key, value in encoder.origin.items()}
    made_from = _home(encoder)
    seen = _seen(user, {*scores.values(), *origin.values(), made_from})
    read = copy.copy(encoder)
    read.scores = {
        key: {**card, "learned_from_these": key in learned}
        for key, card in encoder.scores.items()
        if scores[key] in seen
    }
    read.origin = {key: encoder.origin[key] for key in origin if origin[key] in seen and key != lineage.LEARNED_FROM}
    if not made_from or made_from not in seen:
        read.origin = {key: value for key, value in read.origin.items() if key not in OF_PICTURES}
    return read


def hidden_drafts(user: Viewer) -> list[Any]:
    """Return the ids of the drafts whose very names tell of a collection that this person does not see.

    A draft has its run's name. Administrators see all drafts, as they decide what becomes of them; once one is built it
    is everybody's.
    """
    if rights.administrator(user):
        return []
    homes = {draft.pk: _home(draft) for draft in Encoder.objects.filter(state=EncoderState.DRAFT)}
    seen = _seen(user, set(homes.values()))
    return [pk for pk, home in homes.items() if home not in seen]


def _seen(user: Viewer, homes: set[str]) -> set[str]:
    """Return those that this person sees, and the empty one."""
    asked = homes - {"", NOBODYS}
    rows = Collection.objects.visible_to(user).filter(pk__in=asked) if asked else Collection.objects.none()
    return {"", *map(str, rows.values_list("pk", flat=True))}


def _home(encoder: Encoder) -> str:
    """Return the id of the collection that the encoder was made from, empty where none is behind it."""
    origin = encoder.origin
    if run := origin.get("training_run"):
        return _home_of(TrainingRun, run)
    if made_by := origin.get("compression"):
        return _home_of(Compression, made_by)
    return str(origin.get("collection") or "")


def _home_of(kind: type[LongJob], pk: str) -> str:
    home = kind._default_manager.filter(pk=pk).values_list("collection_id", flat=True).first()
    return str(home) if home else NOBODYS


def _named(text: str) -> str:
    """Return the id of the collection that the text names, empty for none."""
    found = lineage.COLLECTION.search(text)
    return found[1] if found else ""
