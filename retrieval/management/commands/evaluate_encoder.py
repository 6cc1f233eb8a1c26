"""Measure an encoder on a folder of class folders, or by judgements: figures on the screen, and in files if asked."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retrieval import whole_files
from retrieval.errors import RetrievalError
from retrieval.evaluation import GROUP_RULES, MEASURES, markdown, plots
from retrieval.management.bars import Bars
from retrieval.services.evaluation import evaluation
from retrieval.services.evaluation.evaluation import CollectionJudgements, Folder, Plan, Result
from retrieval.services.images import collections

SHOWN_UNREADABLE = 5


class Command(BaseCommand):
    """``manage.py evaluate_encoder NAME DIR``, or ``--judgements COLLECTION`` in the place of DIR."""

    help = (
        "Measure retrieval by an encoder on DIR/class/[group/]picture, or by what people judged in a collection; "
        "keeps the scorecard on the encoder."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("name", metavar="NAME", help="the encoder's name")
        parser.add_argument("folder", metavar="DIR", type=Path, nargs="?", help="a folder of class folders")
        parser.add_argument("--judgements", metavar="COLLECTION", help="name or id; judged answers in the place of DIR")
        parser.add_argument(
            "--against", metavar="OTHER", action="append", default=[], help="measure this one beside it"
        )
        parser.add_argument("--measure", choices=MEASURES, default="cosine")
        parser.add_argument(
            "--protocol",
            choices=["leave-one-out", "query-gallery"],
            default="leave-one-out",
            help="query-gallery: DIR holds two folders of class folders, query and gallery",
        )
        parser.add_argument(
            "--groups", choices=GROUP_RULES, default="ignore", help="what to do with a query's own group"
        )
        parser.add_argument("--json", metavar="FILE", type=Path, help="write the whole reports")
        parser.add_argument("--markdown", metavar="FILE", type=Path, help="write what is shown")
        parser.add_argument("--plots", metavar="FOLDER", type=Path, help="write SVG plots")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Measure, show, write the files, and keep the scorecards."""
        plan = Plan(measure=options["measure"], group_rule=options["groups"])
        try:
            source = _source(options)
            rows = [evaluation.named(name) for name in [options["name"], *options["against"]]]
            with Bars(quiet=options["verbosity"] == 0) as bars:
                result = evaluation.run(rows, source=source, plan=plan, progress=bars)
        except RetrievalError as error:
            raise CommandError(error.message) from error
        self._warn(result)
        text = markdown.render(result.reports, differences=result.differences)
        self.stdout.write(text)
        _write(result, text, options)
        evaluation.save_scorecards(rows, result=result)

    def _warn(self, result: Result) -> None:
        for name in result.learned:
            self.stderr.write(f"{name} learned from these pictures: the figures show what it remembers.")
        if result.unreadable:
            names = ", ".join(result.unreadable[:SHOWN_UNREADABLE])
            more = " ..." if len(result.unreadable) > SHOWN_UNREADABLE else ""
            self.stderr.write(f"Left out, since they cannot be read: {len(result.unreadable)} files ({names}{more}).")


def _source(options: dict[str, Any]) -> Folder | CollectionJudgements:
    """What to measure on. Raises CommandError unless it is exactly one thing, and NotFound for no such collection."""
    if (options["folder"] is None) == (options["judgements"] is None):
        raise CommandError("Name a folder, or a collection by --judgements.")
    if options["judgements"] is None:
        return Folder(options["folder"], protocol=options["protocol"])
    if options["groups"] != "ignore" or options["protocol"] != "leave-one-out":
        raise CommandError("Judgements heed no groups, and have no other protocol.")
    return CollectionJudgements(collections.named(options["judgements"]), user=None)


def _write(result: Result, text: str, options: dict[str, Any]) -> None:
    """Write the files asked for."""
    if options["json"]:
        data = [built.to_dict() for built in result.reports]
        whole_files.write(options["json"], json.dumps(data, indent=1, allow_nan=False) + "\n")
    if options["markdown"]:
        whole_files.write(options["markdown"], text)
    if options["plots"]:
        options["plots"].mkdir(parents=True, exist_ok=True)
        for name, plot in (("overall", plots.overall_bars), ("classes", plots.class_bars), ("cmc", plots.cmc_curves)):
            whole_files.write(options["plots"] / f"{name}.svg", plot(result.reports))
