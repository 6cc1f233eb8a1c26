"""Measures how well concepts are learnt from examples and clicks, on labelled folders."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retrieval.errors import RetrievalError
from retrieval.management.bars import Bars
from retrieval.services.evaluation import answers, concepts, evaluation
from retrieval.services.evaluation.concepts import Learnt
from retrieval.services.evaluation.evaluation import Folder

HEAD = """| set (concepts) | {right} | rounds of {a_round} clicks: {rounds} |
|---|{lines}---|"""


class Command(BaseCommand):
    """``manage.py evaluate_concepts NAME DIR [DIR ...]``."""

    help = "Measure on DIR/class/picture how well a class is learnt as a concept: mAP of the pictures not clicked."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The encoder and the sets."""
        parser.add_argument("name", metavar="NAME", help="the encoder's name")
        parser.add_argument("folders", metavar="DIR", type=Path, nargs="+", help="folders of class folders")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Measure and show a table; every expected failure is one sentence."""
        try:
            with Bars(quiet=options["verbosity"] == 0) as bars:
                encoder = evaluation.named(options["name"])
                sets = answers.load(encoder, [Folder(path) for path in options["folders"]], progress=bars)
                rows = list(concepts.learnt(sets, progress=bars))
        except RetrievalError as error:
            raise CommandError(error.message) from error
        self.stdout.write(_head())
        for row in rows:
            self.stdout.write(_line(row))


def _head() -> str:
    right = " | ".join(f"{count} right: mean | fitted" for count in concepts.RIGHT)
    rounds = " · ".join(str(number) for number in concepts.ROUNDS)
    return HEAD.format(right=right, a_round=concepts.A_ROUND, rounds=rounds, lines="---|" * (2 * len(concepts.RIGHT)))


def _line(row: Learnt) -> str:
    pairs = " | ".join(f"{100 * mean:.1f} | {100 * fitted:.1f}" for mean, fitted in row.examples.values())
    clicks = " · ".join(f"{100 * value:.1f}" for value in row.clicks.values())
    return f"| {row.name} ({row.concepts}) | {pairs} | {clicks} |"
