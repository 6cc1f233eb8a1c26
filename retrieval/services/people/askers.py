"""For whom pictures are decoded while they wait for the answer: a person, or a visitor by address."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from retrieval.ingest import Asker
from retrieval.services.people import limits

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer


def waiting(user: Viewer, *, address: str = "") -> Asker:
    """Return the person, or the visitor from this address, who waits for a picture.

    Raises TooMany (``decoding_used_up``) when their pictures have taken the decoders long enough in this minute.
    """
    name = f"user:{user.pk}" if user.is_authenticated else f"address:{limits.place(address)}"
    limits.decoding(name)
    return Asker(name, charge=functools.partial(limits.decoded, name))
