"""Compressions without the work: a labelled collection of real files, and a table that somebody else measured."""

from __future__ import annotations

from retrieval.compression import Row, Table
from retrieval.embedding import Encoder, EncoderSpec, checkpoint
from retrieval.evaluation.bootstrap import Interval
from retrieval.evaluation.protocol import Plan
from retrieval.evaluation.report import Report, Sizes, Subject
from tests.web.library import put

TINY = EncoderSpec("mobilenet_v2", image_size=32, widths=(32, *[16] * 16, 64))
NAMES = ("full", "half", "int8")


def labelled(collection, **fields):
    """Put eight small pictures of two labels into a collection."""
    colours = {"red": "warm", "pink": "warm", "blue": "cold", "green": "cold"}
    return [
        put(collection, colour, title=f"p{number}", tags=[tag], **fields)
        for number, (colour, tag) in enumerate([*colours.items()] * 2)
    ]


def canned(row, *, source, wanted, workshop):
    """Stands in for ``compression.run``: leaves weights, tells two stages, and returns a table of three rows."""
    workshop.progress("calibrating", 1, 1)
    sha256 = checkpoint.save(Encoder(TINY), workshop.weights_file("int8"))
    workshop.progress("measuring int8", 2, 3)
    rows = tuple(line(name, source=source.name, sha256=sha256 if name == "int8" else "") for name in NAMES)
    return Table(row.name, rows, (wanted.calibration or source).name, ("a picture",))


def line(name, *, source="a set", sha256=""):
    """A row as it might be measured."""
    return Row(
        name=name,
        report=_report(f"whole-{name}", source),
        difference=Interval(-0.01, -0.02, 0.0),
        vector_bytes=128,
        weights_bytes=3_200_000,
        pictures_per_second=651.5,
        query_ms=2.25,
        runtime="torch-cpu",
        sha256=sha256,
    )


def _report(encoder, source):
    return Report(
        subject=Subject(encoder, f"{source} by tags", "d" * 64),
        protocol="leave-one-out",
        plan=Plan(),
        sizes=Sizes(gallery=8, queries=8, left_out=0, dimension=64),
        overall={"mAP": Interval(0.897, 0.886, 0.907)},
        balanced={"mAP": 0.897},
        classes=(),
        cmc=(1.0,),
        own_group_first=None,
        confusions=(),
        worst=(),
    )
