"""Local features of the pictures in collections that keep them: found picture by picture, in turns of some seconds."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import QuerySet

from retrieval.errors import RetrievalError
from retrieval.ingest import Asker, Part, files, folder_mark, sandbox
from retrieval.matching import QueryPicture, local_features
from retrieval.models import Collection, Image, ImageFeatures
from retrieval.work import turns


def lacking() -> QuerySet[Image]:
    """Return the living pictures that should have local features and have none yet, in a fixed order."""
    wanted = Collection.objects.filter(local_features=True, deleted_at=None)
    return Image.objects.alive().filter(collection__in=wanted, has_features=False).order_by("pk")


def work() -> bool:
    """Find and store features for some seconds, one commit a picture; return whether more is left.

    A picture that cannot be read gets none, for good; one that a decoder had no time for is left for the next turn.
    Two workers at once do some pictures twice, and nothing else.
    """
    return turns.take(lacking, _put, event="local_features_found")


@dataclass(frozen=True)
class Found:
    """Features of a picture, packed, and those of parts in which another one may stand."""

    packed: bytes
    parts: list[bytes] = field(default_factory=list)


NOTHING = Found(local_features.NONE)


def found_in(image: Image) -> Found | None:
    """Find a picture's features now; ``NOTHING`` where it cannot be read, None where that has to wait."""
    try:
        asker = Asker.behind(image.uploader_id)
        pixels = sandbox.pixels(files.original(image.sha256), part=Part.of(image), asker=asker)
    except FileNotFoundError:
        folder_mark.require()  # else this host is at fault, and no picture
        return NOTHING
    except RetrievalError as error:
        return None if error.code in sandbox.PASSING else NOTHING
    seen = QueryPicture.of(pixels, size=(image.width, image.height), most=local_features.KEPT)
    return Found(local_features.pack(seen.whole), seen.packed_parts())


def _put(image: Image) -> bool:
    """Find and store one picture's features; False where that has to wait."""
    found = found_in(image)
    if found is None:
        return False
    with transaction.atomic():
        if not Image.objects.select_for_update(no_key=True).filter(pk=image.pk).exists():
            return False
        row = ImageFeatures(image_id=image.pk, packed=found.packed, parts=found.parts)
        ImageFeatures.objects.bulk_create(
            [row], update_conflicts=True, unique_fields=["image"], update_fields=["packed", "parts"]
        )
    return True
