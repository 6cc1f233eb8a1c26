"""What an encoder would cost and find if it were smaller: every row of the table measured, one of them adopted."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval import conf, embedding, live_encoders
from retrieval.embedding import checkpoint, codes, preprocessing
from retrieval.errors import Conflict, InvalidInput
from retrieval.evaluation import Interval, Match, Plan, Report, Subject, Trial, report
from retrieval.models import Encoder
from retrieval.services.encoders import storing, variants, weights
from retrieval.services.encoders.storing import FULL, Coder
from retrieval.services.encoders.variants import Wanted
from retrieval.services.evaluation import evaluation
from retrieval.services.evaluation.labelled import Measurable, Source
from retrieval.services.images.decoding import Progress

Pixels = NDArray[np.uint8]
SPEED_PICTURES, SPEED_ROUNDS = 64, 5
MOST_CALIBRATION = 1024


@dataclass(frozen=True)
class Row:
    """One line of the table.

    ``report`` has mAP and everything else; ``difference`` is mAP minus that of ``full``, paired over queries.
    ``vector_bytes`` for one picture, ``weights_bytes`` of the file, ``pictures_per_second`` resizing included,
    ``query_ms`` for an exact scan of 20,000 vectors in memory: all measured here and now. ``sha256`` is that of the
    weights file to adopt, empty where only the stored vectors differ: search stores halves.
    """

    name: str
    report: Report
    difference: Interval
    vector_bytes: int
    weights_bytes: int
    pictures_per_second: float
    query_ms: float
    runtime: str
    sha256: str = ""

    def brief(self) -> Row:
        """The same without what a report says of single classes and pictures."""
        return replace(self, report=replace(self.report, classes=(), confusions=(), worst=()))


@dataclass(frozen=True)
class Table:
    """The rows, ``full`` first; ``calibrated_on`` names the calibration pictures, ``unreadable`` what was left out."""

    source: str
    rows: tuple[Row, ...]
    calibrated_on: str
    unreadable: tuple[str, ...]

    def row(self, name: str) -> Row | None:
        """The row of this name."""
        return next((row for row in self.rows if row.name == name), None)

    def brief(self) -> Table:
        """The same without what reports say of single classes and pictures."""
        return replace(self, rows=tuple(row.brief() for row in self.rows))

    def to_dict(self) -> dict[str, Any]:
        """As JSON, every number finite."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Table:
        """What ``to_dict`` wrote, also after it went through JSON."""
        rows = (
            {**row, "report": Report.from_dict(row["report"]), "difference": Interval(**row["difference"])}
            for row in data["rows"]
        )
        return cls(**{**data, "rows": tuple(Row(**row) for row in rows), "unreadable": tuple(data["unreadable"])})


@dataclass(frozen=True)
class Workshop:
    """The folder in which the weights of what can be adopted are left, and who is told how far it is.

    Told are "calibrating", "building ROW", "timing", "encoding", "measuring ROW"; whatever is raised then ends it.
    """

    folder: Path
    progress: Progress = lambda *_: None

    @property
    def graphs(self) -> Path:
        """Where converted graphs of what may never be adopted lie while they are measured."""
        return self.folder / "graphs"


def run(row: Encoder, *, source: Source, wanted: Wanted, workshop: Workshop) -> Table:
    """Build every smaller encoder, encode the labelled pictures with each, and measure; no row is stored.

    What is measured is read back from the file that can be adopted. Raises InvalidInput when there are no pictures or
    too few, and WeightsError for the row's own file.
    """
    calibration, progress = wanted.calibration or source, workshop.progress
    full = live_encoders.load(row).to("cpu")
    pictures = [_shrunk(full, each) for each in calibration.sample(most=MOST_CALIBRATION, progress=progress)]
    if not pictures:
        raise InvalidInput.of("calibration", f"No picture in {calibration.name} can be read.")
    made = variants.build(full, pictures=pictures, wanted=wanted, progress=progress)
    networks = _networks(full, made=made, pictures=pictures, workshop=workshop)
    measurable = source.encode([network.encoder for network in networks], progress=progress)
    shutil.rmtree(workshop.graphs, ignore_errors=True)
    plain, *others = networks
    lines = [(name, plain, coder) for name, coder in storing.coders(full.encode(pictures)).items()]
    lines += [(network.name, network, codes.to_half) for network in others]
    rows = _rows(_Bench(row.name, measurable), lines, progress)
    return Table(row.name, rows, calibration.name, measurable.unreadable)


def require_adoptable(row: Encoder, name: str, *, wanted: Wanted, called: str = "") -> None:
    """Say before all the work what ``adopt`` would refuse after it: a row that will not be there, a name.

    Raises InvalidInput and Conflict as ``adopt`` does.
    """
    known = wanted.names(live_encoders.load(row).spec)
    if name not in known:
        raise InvalidInput.of("row", f"Only these rows can be adopted: {', '.join(known) or 'none'}.")
    weights.require_free(called or slug(f"{row.name}-{name}"))


def adopt(table: Table, name: str, *, folder: Path, called: str = "") -> Encoder:
    """Make a draft encoder of a row, from the weights left in ``folder``, with its scorecard, and return it.

    It is called ``<source>-<row>`` unless told otherwise. Raises InvalidInput for a row that is not there or that only
    differs in how vectors are stored, and for a name that none can have; Conflict when the name is taken or the weights
    are not there any more; WeightsError when they were altered.
    """
    found = table.row(name)
    if found is None or not found.sha256:
        known = ", ".join(row.name for row in table.rows if row.sha256)
        raise InvalidInput.of("row", f"Only these rows can be adopted: {known or 'none'}.")
    called = called or slug(f"{table.source}-{name}")
    weights.require_free(called)
    file = weights_file(folder, name)
    if not file.is_file():
        raise Conflict("The weights of this row are not kept any more; measure again.", code="weights_gone")
    adopted = weights.register(called, file, sha256=found.sha256)
    adopted.origin = {"compressed_from": table.source, "row": name, "calibrated_on": table.calibrated_on}
    adopted.save(update_fields=["origin"])
    evaluation.save_scorecards([adopted], result=evaluation.Result((found.report,), {}, ()))
    return adopted


def weights_file(folder: Path, name: str) -> Path:
    """Where the weights of a row lie."""
    return folder / f"{slug(name)}.safetensors"


def slug(name: str) -> str:
    """A row's name as encoders may be named."""
    return name.replace("%", "")


@dataclass(frozen=True)
class _Network:
    """One encoder of the table, its place among the galleries, its weights file, and how quick it is."""

    number: int
    name: str
    encoder: embedding.Encoder
    weights_bytes: int
    sha256: str
    pictures_per_second: float


@dataclass(frozen=True)
class _Bench:
    """The labelled set as every network sees it."""

    source: str
    measurable: Measurable

    def trial(self, network: _Network, coder: Coder) -> Trial:
        """Evaluate a network with its vectors stored as the coder does."""
        gallery, queries, plan = self.measurable.galleries[network.number], None, Plan()
        if self.measurable.queries:
            queries = self.measurable.queries[network.number]
        asking = gallery if queries is None else queries
        stored, asked = coder(gallery.vectors), coder(asking.vectors)
        outcome = Match(asking, gallery, plan=plan, scorer=storing.scorer(asked, stored)).run()
        return Trial(outcome, gallery, queries, plan)

    def row(self, name: str, *, network: _Network, coder: Coder, reference: Trial) -> Row:
        """One measured line."""
        trial = self.trial(network, coder)
        vectors = trial.gallery.vectors
        return Row(
            name=name,
            report=report.build(trial, Subject(f"{self.source}-{name}", self.measurable.name, self.measurable.digest)),
            difference=report.difference(trial, other=reference)["mAP"],
            vector_bytes=coder(vectors[:1]).bytes_each,
            weights_bytes=network.weights_bytes,
            pictures_per_second=network.pictures_per_second,
            query_ms=storing.query_ms(vectors, coder),
            runtime=network.encoder.runtime.name,
            sha256=network.sha256,
        )


def _rows(bench: _Bench, lines: Sequence[tuple[str, _Network, Coder]], progress: Progress) -> tuple[Row, ...]:
    """Every line measured against the first."""
    _, plain, exact = lines[0]
    reference, rows = bench.trial(plain, exact), []
    for done, (name, network, coder) in enumerate(lines):
        progress(f"measuring {name}", done, len(lines))
        rows.append(bench.row(name, network=network, coder=coder, reference=reference))
    return tuple(rows)


def _shrunk(encoder: embedding.Encoder, picture: Pixels) -> Pixels:
    """The picture at the encoder's own input size, so that a thousand of them fit into memory."""
    height, width = picture.shape[:2]
    size = preprocessing.target_size(width, height, side=encoder.spec.image_size, resize=encoder.spec.resize)
    return preprocessing.resized(picture, size)


def _networks(
    full: embedding.Encoder, *, made: Mapping[str, embedding.Encoder], pictures: Sequence[Pixels], workshop: Workshop
) -> list[_Network]:
    """The whole encoder and the others, these as their files say; each with its quickest runtime, then timed."""
    kept = {name: _kept(encoder, weights_file(workshop.folder, name)) for name, encoder in made.items()}
    live = {FULL: full} | {name: encoder for name, (encoder, _) in kept.items()}
    lasting = conf.get().data_dir / "cache" / "graphs"
    for done, (name, encoder) in enumerate(live.items()):
        workshop.progress("timing", done, len(live))
        embedding.use_quickest(encoder, cache=workshop.graphs if name in kept else lasting)
    some = pictures[:SPEED_PICTURES]
    taken = _seconds_in_turn([partial(encoder.encode, some) for encoder in live.values()])
    return [
        _Network(
            number=number,
            name=name,
            encoder=encoder,
            weights_bytes=_file_size(encoder),
            sha256=kept[name][1] if name in kept else "",
            pictures_per_second=len(some) / seconds,
        )
        for number, ((name, encoder), seconds) in enumerate(zip(live.items(), taken, strict=True))
    ]


def _kept(encoder: embedding.Encoder, file: Path) -> tuple[embedding.Encoder, str]:
    """Write the weights and read them back, rounded as they are in the file; with the file's SHA-256."""
    sha256 = checkpoint.save(encoder, file)
    return checkpoint.load(file, sha256=sha256), sha256


def _seconds_in_turn(works: Sequence[Callable[[], Any]]) -> list[float]:
    """The best time of each over several rounds: whatever else the machine does then troubles all alike."""
    rounds = [[storing.seconds(work) for work in works] for _ in range(SPEED_ROUNDS)]
    return [min(taken) for taken in zip(*rounds, strict=True)]


def _file_size(encoder: embedding.Encoder) -> int:
    """Bytes of the weights file, by writing it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "weights.safetensors"
        checkpoint.save(encoder, file)
        return file.stat().st_size
