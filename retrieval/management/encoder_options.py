"""The options by which commands describe an encoder."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from retrieval.embedding import EncoderSpec

_TEXT = {"pooling": "avg, max, gem, rmac or fc", "projection": "identity or linear", "resize": "fixed or aspect"}
_NUMBERS = {"dimension": "length of the vector", "image_size": "side of the network's input, in pixels"}


def add(parser: ArgumentParser) -> None:
    """Offer the fields of a spec beside its backbone."""
    for name, text in _TEXT.items():
        parser.add_argument(f"--{name}", help=text)
    for name, text in _NUMBERS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, help=text)


def spec(backbone: str, options: Mapping[str, Any]) -> EncoderSpec:
    """The spec that the options given describe; raises InvalidInput naming the field at fault."""
    given = {name: options[name] for name in (*_TEXT, *_NUMBERS) if options[name] is not None}
    return EncoderSpec(backbone, **given)
