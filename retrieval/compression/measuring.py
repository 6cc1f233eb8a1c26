"""Smaller encoders measured side by side: sizes, speeds, and what each finds of a labelled set."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval import embedding
from retrieval.compression import codes, storing
from retrieval.compression.storing import Coder
from retrieval.compression.table import FULL, Row, slug
from retrieval.embedding import Encoder, Pixels, checkpoint, preprocessing
from retrieval.evaluation import LabelledSet, Match, Plan, Subject, Trial, report
from retrieval.progress import Progress, silent

Floats = NDArray[np.float32]

SPEED_PICTURES, SPEED_ROUNDS = 64, 5


@dataclass(frozen=True)
class Workshop:
    """The folder in which the weights of what can be adopted are left, and who is told how far it is.

    Told are "calibrating", "building ROW", "timing", "encoding", "measuring ROW"; whatever is raised then ends it.
    ``lasting`` is where the converted graph of the encoder itself is kept, as it serves on.
    """

    folder: Path
    lasting: Path
    progress: Progress = silent

    @property
    def graphs(self) -> Path:
        """Where converted graphs of what may never be adopted lie while they are measured."""
        return self.folder / "graphs"

    def weights_file(self, name: str) -> Path:
        """Where the weights of a row lie."""
        return weights_file(self.folder, name)


def weights_file(folder: Path, name: str) -> Path:
    """Where the weights of a row lie in the folder of a workshop."""
    return folder / f"{slug(name)}.safetensors"


@dataclass(frozen=True)
class Network:
    """One encoder of the table, its place among the galleries, its weights file, and how quick it is."""

    number: int
    name: str
    encoder: Encoder
    weights_bytes: int
    sha256: str
    pictures_per_second: float


@dataclass(frozen=True)
class Bench:
    """A labelled set as every network sees it: ``galleries`` has one entry for each, and ``queries`` too or none.

    ``source`` is the name of the encoder, ``name`` and ``digest`` are those of the set.
    """

    source: str
    name: str
    digest: str
    galleries: tuple[LabelledSet, ...]
    queries: tuple[LabelledSet, ...]

    def trial(self, network: Network, coder: Coder) -> Trial:
        """Evaluate a network with its vectors stored as the coder does."""
        gallery, queries, plan = self.galleries[network.number], None, Plan()
        if self.queries:
            queries = self.queries[network.number]
        asking = gallery if queries is None else queries
        stored, asked = coder(gallery.vectors), coder(asking.vectors)
        outcome = Match(asking, gallery, plan=plan, scorer=storing.scorer(asked, stored)).run()
        return Trial(outcome, gallery, queries, plan)

    def row(self, name: str, *, network: Network, coder: Coder, reference: Trial) -> Row:
        """One measured line."""
        trial = self.trial(network, coder)
        vectors = trial.gallery.vectors
        return Row(
            name=name,
            report=report.build(trial, Subject(f"{self.source}-{name}", self.name, self.digest)),
            difference=report.difference(trial, other=reference)["mAP"],
            vector_bytes=coder(vectors[:1]).bytes_each,
            weights_bytes=network.weights_bytes,
            pictures_per_second=network.pictures_per_second,
            query_ms=storing.query_ms(vectors, coder),
            runtime=network.encoder.runtime.name,
            sha256=network.sha256,
        )


def measured(bench: Bench, networks: Sequence[Network], *, calibration: Floats, progress: Progress) -> tuple[Row, ...]:
    """A row for each way to store the whole encoder's vectors, and for each other encoder; all against the first.

    ``networks`` begins with the whole one; ``calibration`` (M, D) are its vectors of ordinary pictures.
    """
    plain, *others = networks
    lines = [(name, plain, coder) for name, coder in storing.coders(calibration).items()]
    lines += [(network.name, network, codes.to_half) for network in others]
    reference, rows = bench.trial(plain, lines[0][2]), []
    for done, (name, network, coder) in enumerate(lines):
        progress(f"measuring {name}", done, len(lines))
        rows.append(bench.row(name, network=network, coder=coder, reference=reference))
    return tuple(rows)


def shrunk(encoder: Encoder, picture: Pixels) -> Pixels:
    """The picture at the encoder's own input size, so that a thousand of them fit into memory."""
    height, width = picture.shape[:2]
    size = preprocessing.target_size(width, height, side=encoder.spec.image_size, resize=encoder.spec.resize)
    return preprocessing.resized(picture, size)


def networks(
    full: Encoder, *, made: Mapping[str, Encoder], pictures: Sequence[Pixels], workshop: Workshop
) -> list[Network]:
    """The whole encoder and the others, these as their files say; each with its quickest runtime, then timed."""
    kept = {name: _kept(encoder, workshop.weights_file(name)) for name, encoder in made.items()}
    live = {FULL: full} | {name: encoder for name, (encoder, _) in kept.items()}
    for done, (name, encoder) in enumerate(live.items()):
        workshop.progress("timing", done, len(live))
        embedding.use_quickest(encoder, cache=workshop.graphs if name in kept else workshop.lasting)
    some = pictures[:SPEED_PICTURES]
    taken = _seconds_in_turn([partial(encoder.encode, some) for encoder in live.values()])
    return [
        Network(
            number=number,
            name=name,
            encoder=encoder,
            weights_bytes=_file_size(encoder),
            sha256=kept[name][1] if name in kept else "",
            pictures_per_second=len(some) / seconds,
        )
        for number, ((name, encoder), seconds) in enumerate(zip(live.items(), taken, strict=True))
    ]


def _kept(encoder: Encoder, file: Path) -> tuple[Encoder, str]:
    """Write the weights and read them back, rounded as they are in the file; with the file's SHA-256."""
    sha256 = checkpoint.save(encoder, file)
    return checkpoint.load(file, sha256=sha256), sha256


def _seconds_in_turn(works: Sequence[Callable[[], Any]]) -> list[float]:
    """The best time of each over several rounds: whatever else the machine does then troubles all alike."""
    rounds = [[storing.seconds(work) for work in works] for _ in range(SPEED_ROUNDS)]
    return [min(taken) for taken in zip(*rounds, strict=True)]


def _file_size(encoder: Encoder) -> int:
    """Bytes of the weights file, by writing it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "weights.safetensors"
        checkpoint.save(encoder, file)
        return file.stat().st_size
