"""Receipts: a search kept as it was asked and answered, signed, and run again to see what changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from retrieval.errors import Conflict, InvalidInput, NotFound
from retrieval.ingest import fingerprint
from retrieval.models import Encoder, Image, Receipt
from retrieval.services.people import accounts
from retrieval.services.searching import search
from retrieval.services.searching.search import SearchAnswer, SearchRequest

if TYPE_CHECKING:
    from django.contrib.auth.models import User

FORMAT = "imagesearch receipt 1"
PURPOSE = "retrieval.receipts"


@dataclass(frozen=True)
class Changes:
    """What is different from a receipt now.

    ``settings``: what of encoder, weights, calibration, measure, exactness and candidates, with what it was and is.
    ``gone`` and ``new`` are pictures, ``moved`` those at another rank, with the old and the new one.
    """

    settings: Mapping[str, tuple[Any, Any]]
    gone: Sequence[UUID]
    new: Sequence[UUID]
    moved: Mapping[UUID, tuple[int, int]]

    @property
    def none(self) -> bool:
        """Whether the answer is the same, in the same order, by the same means."""
        return not (self.settings or self.gone or self.new or self.moved)


def searched(request: SearchRequest, *, user: User, address: str = "") -> tuple[SearchAnswer, Receipt]:
    """Search, and keep a receipt of it. Raises what ``search.run`` raises, and InvalidInput for more than one file."""
    answer = search.run(request, user=user, address=address)
    document = _document(request, answer, person=user.get_username())
    with transaction.atomic():
        row = Receipt.objects.create(user=user, document=document, signature=signature(document))
        accounts.record(user, "receipt.keep", row)
    return replace(answer, receipt=row.pk), row


def listing(user: User) -> QuerySet[Receipt]:
    """Return a person's receipts, newest first."""
    return Receipt.objects.filter(user=user)


def get(receipt_id: UUID, *, user: User) -> Receipt:
    """Return a receipt of one's own. Raises NotFound for another's."""
    found = listing(user).filter(pk=receipt_id).first()
    if found is None:
        raise NotFound("There is no such receipt.")
    return found


def remove(receipt_id: UUID, *, user: User) -> None:
    """Remove a receipt of one's own, on the trail. Raises NotFound for another's."""
    row = get(receipt_id, user=user)
    with transaction.atomic():
        accounts.record(user, "receipt.remove", row, sha256=digest(row.document))
        row.delete()


def signature(document: Mapping[str, Any]) -> str:
    """HMAC-SHA-256 (hex) of the document's canonical JSON, by a key derived from the site's secret for this alone."""
    return salted_hmac(PURPOSE, _canonical(document), algorithm="sha256").hexdigest()


def is_unaltered(document: Mapping[str, Any], signed: str) -> bool:
    """Tell whether this site signed this document."""
    return constant_time_compare(signature(document), signed)


def digest(document: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the document's canonical JSON."""
    return hashlib.sha256(_canonical(document).encode()).hexdigest()


def repeat(receipt_id: UUID, *, user: User, files: Sequence[bytes] = (), address: str = "") -> Changes:
    """Ask the same again and say what changed. Raises NotFound, what ``search.run`` raises, and Conflict if altered.

    A search by files needs them again, as they were not kept: InvalidInput (file) for others.
    """
    row = get(receipt_id, user=user)
    if not is_unaltered(row.document, row.signature):
        raise Conflict("This receipt was altered.", code="receipt_altered")
    if [fingerprint.sha256(each) for each in files] != row.document["query"]["files"]:
        raise InvalidInput.of("file", "Send the very files that were searched with; they were not kept.")
    request = replace(
        SearchRequest.from_json(row.document["asked"]), file=next(iter(files), None), more_files=tuple(files[1:])
    )
    now = _document(request, search.run(request, user=user, address=address), person=row.document["person"])
    return _changes(row.document, now)


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Changes:
    was, there = ({UUID(hit["image"]): hit["rank"] for hit in each["hits"]} for each in (before, now))
    told = ("encoder", "calibration", "measure", "exact", "candidates")
    return Changes(
        settings={name: (before[name], now[name]) for name in told if before[name] != now[name]},
        gone=[pk for pk in was if pk not in there],
        new=[pk for pk in there if pk not in was],
        moved={pk: (rank, there[pk]) for pk, rank in was.items() if pk in there and there[pk] != rank},
    )


def _document(request: SearchRequest, answer: SearchAnswer, *, person: str) -> dict[str, Any]:
    """Everything that is signed, as JSON values."""
    encoder = Encoder.objects.get(name=answer.encoder)
    stored = {str(pk): sha256 for pk, sha256 in Image.objects.filter(pk__in=request.wanted).values_list("pk", "sha256")}
    files = [fingerprint.sha256(file) for file in request.files]
    return {
        "format": FORMAT,
        "at": timezone.now().isoformat(),
        "person": person,
        "query": {"kind": answer.query_kind, "files": files, "images": stored},
        "asked": request.to_json(),
        "encoder": {"name": encoder.name, "weights_sha256": encoder.weights_sha256},
        "calibration": digest(encoder.calibration) if answer.calibrated else None,
        "measure": answer.measure,
        "exact": answer.exact,
        "index": None if answer.index is None else {**asdict(answer.index), "kind": answer.index.kind.value},
        "candidates": answer.candidates,
        "match": answer.match.value if answer.match else None,
        "hits": [
            {
                "rank": hit.rank, "image": str(hit.image.pk), "sha256": hit.image.sha256, "distance": hit.distance,
                "score": hit.score, "band": hit.verdict.band.value if hit.verdict else None,
            }
            for hit in answer.hits
        ],
    }  # fmt: skip


def _canonical(document: Mapping[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
