"""Measures what searches make of an encoder's scores: refusals and probabilities, or the gain of looking further."""

from __future__ import annotations

import tomllib
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retrieval.errors import RetrievalError
from retrieval.management.bars import Bars
from retrieval.matching import Calibration, Refusals, Reliability
from retrieval.models import Encoder
from retrieval.services.evaluation import answers, evaluation
from retrieval.services.evaluation.answers import Gain, Named, OpenSet
from retrieval.services.evaluation.evaluation import Folder
from retrieval.services.evaluation.word_answers import WordRefusals, word_refusals


class Command(BaseCommand):
    """``manage.py evaluate_answers NAME DIR [DIR ...] --open-set``, ``--words FILE`` or ``--further``."""

    help = "Measure on DIR/class/picture what is refused and how likely hits are (--open-set, --words), or --further."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The encoder, the sets, and what to measure."""
        parser.add_argument("name", metavar="NAME", help="the encoder's name")
        parser.add_argument("folders", metavar="DIR", type=Path, nargs="+", help="folders of class folders")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--open-set", action="store_true", help="each class left out, each set asked of each other")
        what.add_argument(
            "--words", metavar="FILE", type=Path, help="the same by words: TOML of set, language, class = word"
        )
        what.add_argument("--further", action="store_true", help="mAP of each set, and of all as one gallery")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Measure and show; every expected failure is one sentence."""
        try:
            encoder = evaluation.named(options["name"])
            calibration = answers.calibration_of(encoder) if options["further"] else None
            queries = _queries(options["words"]) if options["words"] else None
            with Bars(quiet=options["verbosity"] == 0) as bars:
                sets = answers.load(encoder, [Folder(path) for path in options["folders"]], progress=bars)
            by_words = word_refusals(encoder, sets, queries=queries) if queries else []
        except RetrievalError as error:
            raise CommandError(error.message) from error
        for each in by_words:
            self.stdout.write(_words(each))
        if not queries:
            self._show(encoder, sets, calibration=calibration)

    def _show(self, encoder: Encoder, sets: Sequence[Named], *, calibration: Calibration | None) -> None:
        if calibration is None:
            for found in answers.open_sets(encoder, sets):
                self.stdout.write(_open_set(found))
        else:
            alone = []
            for gain in answers.gains(calibration, sets, smooth=encoder.smooths_id is None):
                self.stdout.write(_gain(gain))
                alone += [gain] if gain.name != answers.MIXED else []
            self.stdout.write(_gain(answers.mean(alone)))


def _queries(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise CommandError(f"--words: {error}") from error


def _words(found: WordRefusals) -> str:
    strangers = f"; strangers: {_refusals(found.strangers)}" if found.strangers else ""
    return f"{found.name}, {found.words} words\n  near: {_refusals(found.near)}{strangers}"


def _gain(gain: Gain) -> str:
    (plain, first), *others = gain.steps.items()
    told = [f"{100 * found:.2f} {step} ({100 * (found - first):+.2f})" for step, found in others]
    return f"{gain.name}: mAP {100 * first:.2f} {plain}, {', '.join(told)}"


def _open_set(found: OpenSet) -> str:
    lines = [found.name, f"  near: {_refusals(found.near)}"]
    if found.strangers:
        lines.append(f"  strangers: {_refusals(found.strangers)}")
    for name, table in (("calibration", found.said), ("refitted, half by half", found.refitted)):
        lines += [f"  {name}: {_reliability(table)}"] if table else []
    return "\n".join(lines)


def _refusals(found: Refusals) -> str:
    text = f"AUC {found.auc:.3f}, seen at 5 % false alarms {100 * found.seen:.1f} %"
    if found.refused is None or found.false_alarms is None:
        return text
    return f"{text}; as calibrated {100 * found.refused:.1f} % at {100 * found.false_alarms:.1f} %"


def _reliability(table: Sequence[Reliability]) -> str:
    return ", ".join(f"said {each.said:.2f} seen {each.seen:.2f} ({each.count})" for each in table)
