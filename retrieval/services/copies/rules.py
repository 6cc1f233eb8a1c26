"""Which of several copies is the best: a rule that people order, and what decides between the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from retrieval.errors import InvalidInput
from retrieval.models import Image

# Formats that keep every pixel come first.
FORMATS = ("TIFF", "PNG", "BMP", "WEBP", "AVIF", "JPEG", "GIF")

Worth = Callable[[Image], Any]
"""What a picture is sorted by, the best one lowest."""

RULES: Mapping[str, Worth] = {
    "pixels": lambda image: -image.width * image.height,
    "bytes": lambda image: -image.bytes,
    "format": lambda image: FORMATS.index(image.format) if image.format in FORMATS else len(FORMATS),
    "oldest": lambda image: image.created_at,
    "newest": lambda image: -image.created_at.timestamp(),
    "metadata": lambda image: -said_of(image),
}
DEFAULT = ("pixels", "bytes", "format")
# What the rules read of a picture, beside its id.
COLUMNS = (
    "width", "height", "bytes", "format", "created_at", "sha256", "collection_id",
    "title", "caption", "group_key", "source_url", "tags", "metadata",
)  # fmt: skip


def require(names: Sequence[str]) -> None:
    """Raise InvalidInput (rule) unless these are rules, each once."""
    if len(set(names)) != len(names) or not set(names) <= set(RULES):
        raise InvalidInput.of("rule", f"Order some of {', '.join(RULES)}, each only once.")


def order(names: Sequence[str]) -> Worth:
    """What pictures are sorted by: the rules in their order, then the rest of the default, then the bytes' digest.

    Nothing in it depends on which picture came first, unless its date is asked for.
    """
    worths = [RULES[name] for name in dict.fromkeys((*names, *DEFAULT))]
    return lambda image: (*(worth(image) for worth in worths), image.sha256, str(image.collection_id), str(image.pk))


def said_of(image: Image) -> int:
    """How much people said of a picture: fields that are not empty, tags and entries of metadata one by one."""
    texts = (image.title, image.caption, image.group_key, image.source_url)
    return sum(map(bool, texts)) + len(image.tags) + len(image.metadata)
