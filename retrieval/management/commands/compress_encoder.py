"""Measure what smaller versions of an encoder would cost and find, and adopt one of them."""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retrieval.compression import Row, Table
from retrieval.errors import RetrievalError
from retrieval.management.bars import Bars
from retrieval.services.encoders import compression
from retrieval.services.encoders.compression import Wanted
from retrieval.services.evaluation import evaluation
from retrieval.services.evaluation.evaluation import Folder

HEAD = ("row", "mAP %", "difference", "dim.", "bytes/vector", "weights MB", "pictures/s", "ms/query", "runs by")


class Command(BaseCommand):
    """``manage.py compress_encoder NAME DIR``."""

    help = "Measure smaller versions of an encoder on DIR/class/picture: mAP, sizes, speeds."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("name", metavar="NAME", help="the encoder's name")
        parser.add_argument("folder", metavar="DIR", type=Path, help="a folder of class folders")
        parser.add_argument("--calibrate", metavar="DIR", type=Path, help="ordinary pictures to calibrate on")
        parser.add_argument("--dimensions", type=int, nargs="*", default=Wanted.dimensions, metavar="D")
        parser.add_argument("--prune", type=float, default=1.0, metavar="SHARE", help="share of channels to keep")
        parser.add_argument("--steps", type=int, default=Wanted.steps, help="batches of fine-tuning after pruning")
        parser.add_argument("--adopt", metavar="ROW", help="make a draft encoder of this row")
        parser.add_argument("--name", dest="called", default="", help="what to call it (default: NAME-ROW)")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Measure, show, and adopt if asked to; every expected failure is one sentence."""
        if options["called"] and not options["adopt"]:
            raise CommandError("--name: Say with --adopt which row is to be called so.")
        wanted = Wanted(
            dimensions=tuple(options["dimensions"]),
            keep=options["prune"],
            steps=options["steps"],
            calibration=Folder(options["calibrate"]) if options["calibrate"] else None,
        )
        try:
            with tempfile.TemporaryDirectory() as kept:
                self._run(wanted, Path(kept), options)
        except RetrievalError as error:
            raise CommandError(str(error)) from error

    def _run(self, wanted: Wanted, kept: Path, options: dict[str, Any]) -> None:
        encoder = evaluation.named(options["name"])
        if options["adopt"]:
            compression.require_adoptable(encoder, options["adopt"], wanted=wanted, called=options["called"])
        with Bars(quiet=options["verbosity"] == 0) as bars:
            table = compression.run(
                encoder,
                source=Folder(options["folder"]),
                wanted=wanted,
                workshop=compression.workshop_in(kept, bars),
            )
        self.stdout.write(_markdown(table))
        if options["adopt"]:
            row = compression.adopt(table, options["adopt"], folder=kept, called=options["called"])
            self.stdout.write(f"\n{row.name} is a draft encoder now, with {row.dimension} dimensions.")


def _markdown(table: Table) -> str:
    lines = [HEAD, ["---"] * len(HEAD), *map(_cells, table.rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + f"\n\nCalibrated on {table.calibrated_on}.\n"


def _cells(row: Row) -> list[str]:
    return [
        row.name,
        str(row.report.overall["mAP"]),
        str(row.difference),
        str(row.report.sizes.dimension),
        str(row.vector_bytes),
        f"{row.weights_bytes / 1e6:.1f}",
        f"{row.pictures_per_second:.0f}",
        f"{row.query_ms:.2f}",
        row.runtime,
    ]
