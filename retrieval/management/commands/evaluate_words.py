"""Measures how well the words of an encoder's table find pictures that it was not made with."""

from __future__ import annotations

import tomllib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retrieval.errors import RetrievalError
from retrieval.management.bars import Bars
from retrieval.management.commands.make_word_table import add_places, places
from retrieval.services.encoders import word_tables
from retrieval.services.encoders.word_tables import Score


class Command(BaseCommand):
    """``manage.py evaluate_words NAME --sets DIR --queries recipes/word_queries.toml --data ... --captions ...``."""

    help = "Measure a word table: mAP and P@10 of one query a class, R@10 of captions held out."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The encoder, labelled sets with their queries, and the captioned pictures."""
        parser.add_argument("name", metavar="NAME", help="a weights file, without .safetensors")
        parser.add_argument("--sets", type=Path, required=True, help="a folder of labelled sets")
        parser.add_argument("--queries", type=Path, default=Path("recipes/word_queries.toml"))
        add_places(parser)

    def handle(self, **options: Any) -> None:
        """Measure and show a table."""
        try:
            asked = tomllib.loads(options["queries"].read_text())
        except (OSError, ValueError) as error:
            raise CommandError(f"--queries: {error}") from error
        self.stdout.write("| set | queries | pictures | figures |\n|---|---|---|---|")
        try:
            with Bars(quiet=options["verbosity"] == 0) as bars:
                for name, languages in asked.items():
                    for language, queries in languages.items():
                        score = word_tables.measure_classes(
                            options["name"], options["sets"] / name, queries=queries, progress=bars
                        )
                        self.stdout.write(_line(score, language))
                self.stdout.write(
                    _line(word_tables.measure_captions(options["name"], places(options), progress=bars), "en")
                )
        except RetrievalError as error:
            raise CommandError(error.message) from error


def _line(score: Score, language: str) -> str:
    figures = " · ".join(f"{name} {100 * value:.1f}" for name, value in score.values.items())
    return f"| {score.name} {language} | {score.queries} | {score.pictures} | {figures} |"
