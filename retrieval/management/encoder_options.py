"""The options by which commands describe an encoder."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from retrieval.embedding import EncoderSpec

_TEXT = {"pooling": "avg, max, gem, rmac or fc", "projection": "identity or linear", "resize": "fixed or aspect"}
_CHANNELS = {
    "mean": "subtracted from red, green and blue in 0..1; the backbone's own when left out",
    "std": "divides them then; for a network trained on -1..1 both are .5 .5 .5, for 0..1 they are 0 0 0 and 1 1 1",
}
_NUMBERS = {"dimension": "length of the vector", "image_size": "side of the network's input, in pixels"}


def add(parser: ArgumentParser) -> None:
    """Offer the fields of a spec beside its backbone."""
    for name, text in _TEXT.items():
        parser.add_argument(f"--{name}", help=text)
    for name, text in _NUMBERS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, help=text)
    for name, text in _CHANNELS.items():
        parser.add_argument(f"--{name}", type=float, nargs=3, metavar=("R", "G", "B"), help=text)


def spec(backbone: str, options: Mapping[str, Any]) -> EncoderSpec:
    """The spec that the options given describe; raises InvalidInput naming the field at fault."""
    fields = (*_TEXT, *_NUMBERS, *_CHANNELS)
    return EncoderSpec(backbone, **{name: options[name] for name in fields if options[name] is not None})
