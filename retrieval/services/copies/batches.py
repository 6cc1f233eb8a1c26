"""Many queries at once: put in line, asked in one pass over the stored vectors, reviewed, and exported."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from retrieval.errors import InvalidInput, NotFound, StorageFull, Unavailable
from retrieval.matching import Calibration
from retrieval.models import Batch, BatchDecision, BatchRow, BatchSource, Encoder, Image, Measure
from retrieval.search import Floats, Nearest, QueryVector, Question, nearest_to_each, stored
from retrieval.services.copies import batch_queries
from retrieval.services.images import collections
from retrieval.services.people import accounts
from retrieval.services.searching import query_pictures
from retrieval.services.searching.verdicts import NEIGHBOURS, PictureJudge, calibration_of
from retrieval.work import Kind, ProgressWriter, Settle

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.core.files.uploadedfile import UploadedFile

    from retrieval.models.collections import Viewer

MOST_AGAINST = 100
KEPT = max(5, NEIGHBOURS)  # hits of each query
AT_ONCE = 1_000  # queries of one pass over the stored vectors, which is one commit
FOUND = "n", "match", "results", "doubt", "error_code", "error_text"
# A statement for all: Django's bulk_update takes milliseconds a row.
COMPARED = """UPDATE retrieval_batchrow AS row SET compared = true, match = found.match, results = found.results,
    doubt = found.doubt, error_code = found.error_code, error_text = found.error_text
FROM jsonb_to_recordset(%s) AS found
    (n int, match text, results jsonb, doubt float8, error_code text, error_text text)
WHERE row.batch_id = %s AND row.n = found.n"""


@dataclass(frozen=True)
class Sent:
    """A file that was sent, its name as it came."""

    name: str
    data: bytes

    @classmethod
    def of(cls, file: UploadedFile[bytes]) -> Sent:
        """Read one: an archive may be as large as the body, a picture as large as one. Raises TooLarge."""
        name = file.name or ""
        return cls(name, bytes(file.read()) if name.lower().endswith(".zip") else query_pictures.sent(file))


@dataclass(frozen=True)
class BatchRequest:
    """What asks: files (pictures, or one ZIP or one CSV of addresses), or a collection; against collections."""

    against: tuple[UUID, ...]
    files: tuple[Sent, ...] = ()
    asking: UUID | None = None
    name: str = ""


def start(request: BatchRequest, *, user: User) -> Batch:
    """Put a batch in line, its files beside it; the edge wakes the worker for long work.

    Raises InvalidInput naming the field, NotFound for a collection they do not see, Unavailable without an encoder.
    """
    if not 1 <= len(set(request.against)) <= MOST_AGAINST:
        raise InvalidInput.of("against", f"Name 1 to {MOST_AGAINST} collections.")
    goals = [collections.find(pk, user=user) for pk in dict.fromkeys(request.against)]
    if bool(request.files) == (request.asking is not None):
        raise InvalidInput.of("file", "Send files, or name a collection whose pictures ask: one of the two.")
    asking = collections.find(request.asking, user=user) if request.asking else None
    source, names = _source(request)
    with transaction.atomic():
        row = Batch.objects.create(
            user=user, collection=goals[0], against=[goal.pk for goal in goals], asking=request.asking,
            source=source, names=names, encoder=_encoder().name,
            name=request.name or (asking.name if asking else request.files[0].name) or "batch",
        )  # fmt: skip
        _keep(row, request.files)
        accounts.record(user, "batch.started", row, against=[str(goal.pk) for goal in goals], source=source)
    return row


def seen_by(user: Viewer) -> QuerySet[Batch]:
    """Return the person's own batches."""
    return Batch.objects.filter(user_id=user.pk or 0)


def rows(
    batch: Batch, *, match: str | None = None, decision: str | None = None, by_doubt: bool = False
) -> QuerySet[BatchRow]:
    """Return what was asked and found, in its order or the doubtful first; ``decision`` empty: those without."""
    wanted = {"match": match, "decision": decision}
    given = {name: value for name, value in wanted.items() if value is not None}
    found = BatchRow.objects.filter(batch=batch, **given).select_related("decided_by")
    return found.order_by("-doubt", "n") if by_doubt else found.order_by("n")


def decide(batch: Batch, n: int, *, decision: BatchDecision | None, user: User) -> BatchRow:
    """Keep what its person says of a query's hits, None to take it back. Raises NotFound."""
    said = {"decision": decision or "", "decided_by": user if decision else None,
            "decided_at": timezone.now() if decision else None}  # fmt: skip
    if not batch.rows.filter(n=n).update(**said):
        raise NotFound("The batch has no such query.")
    return batch.rows.select_related("decided_by").get(n=n)


def query_picture(batch: Batch, n: int) -> Path:
    """Return where the small picture of a query lies that was sent. Raises NotFound where there is none."""
    path = batch_queries.shown(KIND.folder_of(batch), n)
    if not path.is_file():
        raise NotFound("There is no picture of this query.")
    return path


def visible_images(found: Sequence[BatchRow], *, user: Viewer) -> dict[UUID, Image]:
    """Return the pictures of rows that this person sees now; what is not there is shown to nobody."""
    ids = {UUID(hit["image"]) for row in found for hit in row.results} | {row.image for row in found if row.image}
    return Image.objects.visible_to(user).select_related("collection").in_bulk(ids)


def _source(request: BatchRequest) -> tuple[BatchSource, list[str]]:
    """What kind of queries these are, and their names. Raises InvalidInput."""
    if request.asking:
        return BatchSource.COLLECTION, []
    first = request.files[0]
    if len(request.files) == 1 and first.data.startswith(b"PK\x03\x04"):
        return BatchSource.ARCHIVE, []
    if len(request.files) == 1 and first.name.lower().endswith(".csv"):
        names = batch_queries.addresses_in(first.data)
    else:
        names = [each.name for each in request.files]
    if len(names) > batch_queries.MOST:
        raise InvalidInput.of("file", f"At most {batch_queries.MOST} queries.")
    return (BatchSource.ADDRESSES if first.name.lower().endswith(".csv") else BatchSource.FILES), names


def _keep(row: Batch, files: Sequence[Sent]) -> None:
    folder = KIND.folder_of(row)
    folder.mkdir(parents=True, exist_ok=True)
    if row.source == BatchSource.ARCHIVE:
        (folder / batch_queries.ARCHIVE).write_bytes(files[0].data)
    elif row.source == BatchSource.FILES:
        for n, file in enumerate(files, 1):
            batch_queries.sent(folder, n).write_bytes(file.data)


def _encoder() -> Encoder:
    found = Encoder.objects.active()
    if found is None:
        raise Unavailable("There is no encoder yet.", code="no_encoder")
    return found


def _ask(batch: Batch, progress: ProgressWriter[Batch]) -> Settle:
    """Encode what was not yet, then ask all of it; each step commits by itself, and nothing is done twice."""
    encoder = _encoder()
    _encode(batch, encoder, progress=progress)
    total, done = batch.rows.count(), batch.rows.filter(compared=True).count()
    candidates = batch.candidates
    while block := list(batch.rows.filter(compared=False).order_by("n")[:AT_ONCE]):
        progress("comparing", done, total)
        candidates = _compare(batch, block, encoder=encoder) or candidates
        done += len(block)
        progress.further(done=done, total=total, candidates=candidates)
    return lambda: {"done": total, "total": total}


def _encode(batch: Batch, encoder: Encoder, *, progress: ProgressWriter[Batch]) -> None:
    """Make the rows that are missing; what was sent is removed once its vector is kept."""
    after, folder = batch.rows.count(), KIND.folder_of(batch)
    if batch.source == BatchSource.COLLECTION:
        BatchRow.objects.bulk_create(batch_queries.stored(batch, after=after), batch_size=1_000)
        return
    total = max(after, len(batch.names))
    for block in batch_queries.blocks(batch, folder, after=after):
        made = batch_queries.encoded(batch, block, encoder=encoder, folder=folder)
        with transaction.atomic():
            BatchRow.objects.bulk_create(made)
            after += len(made)
            progress.further(stage="encoding", done=after, total=max(total, after))
        for row in made:
            batch_queries.sent(folder, row.n).unlink(missing_ok=True)


def _compare(batch: Batch, block: Sequence[BatchRow], *, encoder: Encoder) -> int:
    """Ask a block's queries in one pass, judge what comes, and write it down; return among how many was looked."""
    units = _units(block, encoder)
    asking = [row for row in block if row.n in units]
    candidates = 0
    if asking:
        found = nearest_to_each(
            encoder, np.stack([units[row.n] for row in asking]),
            user=batch.user, collections=batch.against, k=KEPT + 1,
        )  # fmt: skip
        candidates = found.candidates
        judging = Judging.of(encoder, found)
        for row, hits in zip(asking, found.hits, strict=True):
            _judge(row, hits, unit=units[row.n], judging=judging)
    found_of = [{name: getattr(row, name) for name in FOUND} for row in block]
    with connection.cursor() as cursor:
        cursor.execute(COMPARED, [json.dumps(found_of), batch.pk])
    return candidates


@dataclass(frozen=True)
class Judging:
    """What a block's hits are judged by: the encoder, the pictures and their unit vectors, and among how many."""

    encoder: Encoder
    calibration: Calibration | None
    images: Mapping[UUID, Image]
    units: Mapping[UUID, Floats]
    candidates: int

    @classmethod
    def of(cls, encoder: Encoder, found: Nearest) -> Judging:
        """Read what is needed of all hits at once."""
        first = list({pk for hits in found.hits for pk, _ in hits})
        images = Image.objects.defer("words", "metadata").in_bulk(first)
        return cls(encoder, calibration_of(encoder), images, stored.units(encoder, first), found.candidates)


def _units(block: Sequence[BatchRow], encoder: Encoder) -> dict[int, Any]:
    """The vectors (D,) of queries by number; a stored picture that has none is said so on its row."""
    kept = stored.queries(encoder, [row.image for row in block if row.image])
    units = {}
    for row in block:
        if row.image in kept:
            units[row.n] = kept[row.image].unit
        elif row.image:
            row.error_code, row.error_text = "image_pending", "This picture has no vector yet."
        elif row.vector:
            units[row.n] = batch_queries.unit(row)
    return units


def _judge(row: BatchRow, hits: Sequence[tuple[UUID, float]], *, unit: Floats, judging: Judging) -> None:
    """Write a query's hits, other pictures than itself, with what they are worth onto its row, as a search says it."""
    others = [(pk, score) for pk, score in hits if pk != row.image][:KEPT]
    candidates = judging.candidates - any(pk == row.image for pk, _ in hits)
    hits = [(pk, score) for pk, score in others if pk in judging.images]
    row.results = [{"image": str(pk), "score": score, "band": None, "probability": None} for pk, score in hits]
    if judging.calibration is None:
        return
    question = Question(judging.encoder, QueryVector.of(unit, length=1.0), Measure.COSINE)
    judge = PictureJudge(question, judging.calibration, row.sha256, row.pdq)
    said = judge.verdicts([(score, judging.images[pk]) for pk, score in hits], candidates=candidates)
    for result, verdict in zip(row.results, said, strict=True):
        result.update(band=verdict.band, probability=verdict.probability)
    row.match = judge.match_by(said, [judging.units[pk] for pk, _ in hits if pk in judging.units])
    best = max((verdict.probability for verdict in said), default=0.0)
    row.doubt = 1 - abs(2 * best - 1)


KIND = Kind(
    "batches",
    _ask,
    model=Batch,
    require=collections.require_seen,
    seen_by=seen_by,
    folder="batches",
    passing=(Unavailable, StorageFull),
    of_each_person=True,
)
