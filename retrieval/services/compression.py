"""What an encoder would cost and find if it were smaller: every row of the table measured, one of them adopted."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval import conf, embedding, encoders
from retrieval.embedding import checkpoint, codes, preprocessing
from retrieval.embedding.codes import Codes
from retrieval.errors import InvalidInput
from retrieval.evaluation import ranking, report
from retrieval.evaluation.bootstrap import Interval
from retrieval.evaluation.protocol import Match, Plan
from retrieval.evaluation.report import Report, Subject, Trial
from retrieval.models import Encoder
from retrieval.services import evaluation, labelled, variants, weights
from retrieval.services.labelled import Folder, Measurable, Progress
from retrieval.services.variants import Wanted

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Coder = Callable[[Floats], Codes]

FULL = "full"
CANDIDATES = 200  # that signs hand over for re-ranking
SEARCHED = 20_000  # rows, the set's own repeated: the time of a scan does not depend on what they say
ANSWERS, QUERIES = 24, 20
SPEED_PICTURES, SPEED_ROUNDS = 64, 5
MOST_CALIBRATION = 1024


@dataclass(frozen=True)
class Row:
    """One line of the table.

    ``report`` has mAP and everything else; ``difference`` is mAP minus that of ``full``, paired over queries.
    ``vector_bytes`` for one picture, ``weights_bytes`` of the file, ``pictures_per_second`` resizing included,
    ``query_ms`` for an exact scan of 20,000 vectors in memory: all measured here and now. ``encoder`` is what can be
    adopted, None where only the stored vectors differ: search stores halves.
    """

    name: str
    report: Report
    difference: Interval
    vector_bytes: int
    weights_bytes: int
    pictures_per_second: float
    query_ms: float
    runtime: str
    encoder: embedding.Encoder | None


@dataclass(frozen=True)
class Table:
    """The rows, ``full`` first; ``calibrated_on`` names the folder of the calibration pictures."""

    source: Encoder
    rows: tuple[Row, ...]
    calibrated_on: str
    unreadable: tuple[str, ...]


def run(
    row: Encoder,
    *,
    folder: Folder,
    wanted: Wanted | None = None,
    progress: Progress = lambda *_: None,
) -> Table:
    """Build every smaller encoder, encode the labelled folder with each, and measure; nothing is stored.

    Raises InvalidInput when a folder cannot be used or holds too few pictures, and WeightsError for the row's own file.
    """
    wanted = wanted or Wanted()
    calibration = wanted.calibration or folder.path
    full = encoders.load(row).to("cpu")
    pictures = [_shrunk(full, each) for each in labelled.sample(calibration, most=MOST_CALIBRATION)]
    if not pictures:
        raise InvalidInput.of("calibration", f"No picture in {calibration} can be read.")
    made = {FULL: full} | variants.build(full, pictures=pictures, wanted=wanted)
    networks = _networks(made, pictures)
    measurable = folder.encode([network.encoder for network in networks], progress=progress)
    bench = _Bench(row.name, measurable)
    plain, *others = networks
    lines = [(name, plain, coder) for name, coder in _coders(full.encode(pictures)).items()]
    lines += [(network.name, network, codes.to_half) for network in others]
    reference = bench.trial(plain, codes.to_float)
    rows = tuple(bench.row(name, network=network, coder=coder, reference=reference) for name, network, coder in lines)
    return Table(row, rows, calibration.resolve().name, measurable.unreadable)


def adopt(table: Table, name: str) -> Encoder:
    """Make a draft encoder ``<source>-<name>`` of a row, with its weights file and scorecard, and return it.

    Raises InvalidInput for a row that is not there or that only differs in how vectors are stored, Conflict when an
    encoder of that name exists.
    """
    found = next((row for row in table.rows if row.name == name), None)
    if found is None or found.encoder is None:
        known = ", ".join(row.name for row in table.rows if row.encoder is not None)
        raise InvalidInput.of("adopt", f"Only these rows can be adopted: {known or 'none'}.")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}.safetensors"
        checkpoint.save(found.encoder, file)
        adopted = weights.register(slug(f"{table.source.name}-{name}"), file)
    adopted.origin = {"compressed_from": table.source.name, "row": name, "calibrated_on": table.calibrated_on}
    adopted.save(update_fields=["origin"])
    evaluation.save_scorecards([adopted], result=evaluation.Result((found.report,), {}, ()))
    return adopted


def slug(name: str) -> str:
    """A row's name as encoders may be named."""
    return name.replace("%", "")


@dataclass(frozen=True)
class _Network:
    """One encoder of the table, its place among the galleries, and what was measured of itself."""

    number: int
    name: str
    encoder: embedding.Encoder
    weights_bytes: int
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
        outcome = Match(asking, gallery, plan=plan, scorer=_scorer(asked, stored)).run()
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
            query_ms=_query_ms(vectors, coder),
            runtime=network.encoder.runtime.name,
            encoder=network.encoder if network.number else None,
        )


def _coders(calibration: Floats) -> dict[str, Coder]:
    """Ways to store the vectors of the whole encoder; ``calibration`` (M, D) are vectors of ordinary pictures."""
    signs = partial(codes.to_signs, calibration=calibration)
    return {
        FULL: codes.to_float,
        "half": codes.to_half,
        "int8-vectors": partial(codes.to_int8, calibration=calibration),
        "binary": signs,
        "binary-reranked": lambda vectors: codes.Reranked(signs(vectors), codes.to_half(vectors), CANDIDATES),
    }


def _scorer(asked: Codes, stored: Codes) -> ranking.Scores:
    """How stored queries rank stored vectors; both are stored in the same way."""
    match asked, stored:
        case codes.Reranked(), codes.Reranked():
            coarse, fine = _scorer(asked.coarse, stored.coarse), _scorer(asked.fine, stored.fine)
            return ranking.TwoStage(coarse, fine, keep=stored.keep)
        case codes.Signs(), codes.Signs():
            # A power of two, so that equally many different bits stay exactly equal scores.
            share = np.float32(2.0 ** -len(stored.centre).bit_length())
            return ranking.Scorer(asked.decode(), stored.decode() * share, np.zeros(len(stored.words), np.float32))
        case codes.Flat(), codes.Flat():
            return ranking.scorer(asked.decode(), stored.decode(), measure="cosine")
    raise TypeError("queries and gallery are stored in different ways")


def _shrunk(encoder: embedding.Encoder, picture: Pixels) -> Pixels:
    """The picture at the encoder's own input size, so that a thousand of them fit into memory."""
    height, width = picture.shape[:2]
    size = preprocessing.target_size(width, height, side=encoder.spec.image_size, resize=encoder.spec.resize)
    return preprocessing.resized(picture, size)


def _networks(made: Mapping[str, embedding.Encoder], pictures: Sequence[Pixels]) -> list[_Network]:
    """Give each encoder its quickest runtime, then measure its weights file and its speed."""
    for encoder in made.values():
        embedding.use_quickest(encoder, cache=conf.get().data_dir / "cache" / "graphs")
    some = pictures[:SPEED_PICTURES]
    taken = _seconds_in_turn([partial(encoder.encode, some) for encoder in made.values()])
    return [
        _Network(number, name, encoder, _file_size(encoder), len(some) / seconds)
        for number, ((name, encoder), seconds) in enumerate(zip(made.items(), taken, strict=True))
    ]


def _seconds_in_turn(works: Sequence[Callable[[], Any]]) -> list[float]:
    """The best time of each over several rounds: whatever else the machine does then troubles all alike."""
    rounds = [[_seconds(work) for work in works] for _ in range(SPEED_ROUNDS)]
    return [min(taken) for taken in zip(*rounds, strict=True)]


def _file_size(encoder: embedding.Encoder) -> int:
    """Bytes of the weights file, by writing it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "weights.safetensors"
        checkpoint.save(encoder, file)
        return file.stat().st_size


def _query_ms(vectors: Floats, coder: Coder) -> float:
    """The quickest of twenty scans of 20,000 vectors stored that way, in milliseconds; queries are not stored."""
    stored = coder(np.resize(vectors, (SEARCHED, vectors.shape[1])))
    queries = codes.unit(vectors[:QUERIES])
    return 1000 * min(_seconds(lambda query=query: stored.nearest(query, ANSWERS)) for query in queries)


def _seconds(work: Callable[..., Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
