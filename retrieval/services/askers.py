"""For whom pictures are decoded: whoever waits for the answer, or the owner of what is done behind the scenes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from retrieval.ingest.turns import Asker
from retrieval.services import limits

if TYPE_CHECKING:
    from retrieval.models.collections import Person


def waiting(user: Person | Any, *, address: str = "") -> Asker:
    """Return the person, or the visitor from this address, who waits for a picture.

    Raises TooMany (``decoding_used_up``) when their pictures have taken the decoders long enough in this minute.
    """
    name = f"user:{user.pk}" if user.is_authenticated else f"address:{limits.place(address)}"
    limits.decoding(name)
    return Asker(name, charge=functools.partial(limits.decoded, name))


def behind(user_id: int, *, charge: Callable[[float], None] | None = None) -> Asker:
    """Return the person for whom a worker decodes: takes turns with others, and is never refused.

    ``charge`` is told the seconds that each picture takes, in the thread that decodes it.
    """
    asker = Asker(f"user:{user_id}", patient=True)
    return replace(asker, charge=charge) if charge else asker
