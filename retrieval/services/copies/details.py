"""Pictures as they are compared: features that their collection keeps, or found now and kept at hand for a while."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from retrieval.matching import QueryPicture, local_features, unpacked_parts
from retrieval.models import Image, ImageFeatures
from retrieval.work import features

MOST_BYTES = 48 * 2**20  # of features that no collection keeps, in each process; a picture's are 10 to 40 kB


class WaitingError(Exception):
    """A picture's details have to wait for a decoder."""


class AtHand:
    """Features found of pictures whose collections keep none, by content, the last used ones up to so many bytes.

    To find them takes longer than to compare, and the same pictures are candidates again and again. Threads share it.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self.most, self.bytes = most, 0
        self._found: OrderedDict[str, features.Found] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, image: Image) -> features.Found:
        """Return a picture's features, found now unless they are at hand. Raises WaitingError."""
        with self._lock:
            if image.content in self._found:
                self._found.move_to_end(image.content)
                return self._found[image.content]
        found = features.found_in(image)
        if found is None:
            raise WaitingError
        if found is not features.NOTHING:  # a file that is missing now may come back
            self._keep(image.content, found)
        return found

    def _keep(self, content: str, found: features.Found) -> None:
        with self._lock:
            if content in self._found:
                return
            self._found[content] = found
            self.bytes += _size(found)
            while self.bytes > self.most:
                self.bytes -= _size(self._found.popitem(last=False)[1])


AT_HAND = AtHand()


@dataclass
class Details:
    """The pictures that are compared for one."""

    _found: dict[UUID, QueryPicture] = field(default_factory=dict)

    def kept(self, images: Iterable[Image]) -> dict[UUID, QueryPicture]:
        """Read the features that the pictures' collections keep; those of which none are kept are left out."""
        wanted = {image.pk: image for image in images if image.collection.local_features}
        rows = ImageFeatures.objects.filter(image__in=wanted) if wanted else ()
        read = {row.image_id: features.Found(bytes(row.packed), [bytes(part) for part in row.parts]) for row in rows}
        kept = {pk: _picture(wanted[pk], found) for pk, found in read.items()}
        self._found |= kept
        return kept

    def of(self, image: Image) -> QueryPicture:
        """Return what is compared. Raises WaitingError."""
        if image.pk not in self._found:
            self._found[image.pk] = _picture(image, AT_HAND.of(image))
        return self._found[image.pk]


def _picture(image: Image, found: features.Found) -> QueryPicture:
    return QueryPicture((image.width, image.height), local_features.unpack(found.packed), unpacked_parts(found.parts))


def _size(found: features.Found) -> int:
    return sum(map(len, (found.packed, *found.parts)))
