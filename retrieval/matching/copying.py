"""Two stored pictures compared: what they have to do with each other, said in either direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from retrieval.matching.comparing import QueryPicture, compare, compare_parts
from retrieval.matching.verdict import Judgement, Side

OTHER_WAY = {"cropped": "pasted", "pasted": "cropped"}


def compare_stored(original: QueryPicture, made: QueryPicture) -> Judgement | None:
    """Say how the one was made of the other (``edit``, ``outline`` on the original); None: nothing in common.

    Where the original is a page on which the other stands in a part, that part is compared.
    """
    found = compare(made, Side(original.whole, original.size))
    if found is None:
        found = compare_parts(original, Side(made.whole, made.size))
        return other_way(found) if found else None
    return found


def other_way(judgement: Judgement) -> Judgement:
    """The same judgement, said of how the original was made of the other."""
    return replace(
        judgement,
        edit=undone(judgement.edit),
        outline=judgement.query_outline,
        query_outline=judgement.outline,
    )


def undone(edit: Sequence[str]) -> tuple[str, ...]:
    """What takes an edit back. What was turned is turned back; mirroring and then turning is its own way back."""
    mirrored = "mirrored" in edit
    return tuple(_undone(word, mirrored=mirrored) for word in edit)


def _undone(word: str, *, mirrored: bool) -> str:
    if word.startswith("turned ") and not mirrored:
        return f"turned {360 - int(word.removeprefix('turned '))}"
    return OTHER_WAY.get(word, word)
