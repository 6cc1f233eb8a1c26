"""Why a picture was found: what its score means, what was done to it, and the places of both that make it alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from retrieval import live_encoders
from retrieval.embedding import EncoderSpec
from retrieval.errors import Conflict, InvalidInput, NotFound, Unavailable
from retrieval.ingest import Asker, Decoded, Part, Region, fingerprint, sandbox
from retrieval.matching import Judgement, Overlay, QueryPicture, Side, compare, explain, local_features, same_file
from retrieval.models import Encoder, Image, Measure
from retrieval.search import Filters, Hit, QueryVector, Question, nearest
from retrieval.services.people import askers
from retrieval.services.searching import same, smoothing, verdicts
from retrieval.services.searching.query_pictures import encoded, original, vectors_of
from retrieval.services.searching.search_request import SearchRequest

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer

# The poolings of which the cosine is a sum over pairs of places, whatever the pictures.
EXACT = ("avg",)


@dataclass(frozen=True)
class Why:
    """Two pictures side by side; ``query`` is None for one that was sent along, ``size`` its width and height.

    ``measures``: the pair by each of them. ``strangers``: the share of unrelated pictures that look as alike, None
    without a calibration. ``judgement``: what their details tell, None where nothing. ``overlay`` is laid on ``region``
    of the query; ``exact`` tells whether its places add up to the cosine for every picture, or near this one only. It
    is None for a network that knows no places.
    """

    image: Image
    query: Image | None
    size: tuple[int, int]
    region: Region | None
    encoder: str
    measures: Mapping[Measure, Hit]
    strangers: float | None
    judgement: Judgement | None
    overlay: Overlay | None
    exact: bool

    @property
    def cosine(self) -> float:
        """The likeness by the encoder's vectors, as a search gives it."""
        return self.measures[Measure.COSINE].score


def why(image_id: UUID, request: SearchRequest, *, user: Viewer, address: str = "") -> Why:
    """Compare a stored picture with the one picture of a request, uploaded or stored, or a part of it.

    Both originals are decoded and go through the network again; nothing is kept. Raises InvalidInput; NotFound for
    what is not there or not visible; Conflict (image_pending, image_failed, original_missing); Unavailable; TooMany;
    what decoding and the encoder raise.
    """
    request.check()
    if request.kind not in {"file", "image"} or request.text or request.negative_words:
        raise InvalidInput.of("query", "A picture is compared with exactly one other.")
    encoder = Encoder.objects.active()
    if encoder is None:
        raise Unavailable("No encoder is active yet.", code="no_encoder")
    image, query = _visible(image_id, user), _visible(request.wanted[0], user) if request.file is None else None
    asker = askers.waiting(user, address=address)
    asked = _decoded(request, query, asker=asker)
    found = sandbox.query(original(image), part=Part.of(image), asker=asker)
    vector = _vector(request, asked, encoder=encoder, user=user)
    measures = _measures(image, vector, encoder=encoder, user=user)
    return Why(
        image, query, (asked.width, asked.height), request.region, encoder.name, measures,
        strangers=_strangers(measures[Measure.COSINE].score, encoder=encoder),
        judgement=_judged(request, query, asked, image=image, found=found),
        overlay=_overlay(asked, found, encoder=encoder),
        exact=encoder.smooths_id is None and EncoderSpec.from_dict(encoder.spec).pooling in EXACT,
    )  # fmt: skip


def _visible(image_id: UUID, user: Viewer) -> Image:
    found = Image.objects.visible_to(user).defer("words").filter(pk=image_id).first()
    if found is None:
        raise NotFound("There is no such picture.")
    return found


def _decoded(request: SearchRequest, query: Image | None, *, asker: Asker) -> Decoded:
    data = original(query) if query is not None else request.file or b""
    part = Part.of(query) if query is not None else Part()
    return sandbox.query(data, region=request.region, part=part, asker=asker)


def _vector(request: SearchRequest, asked: Decoded, *, encoder: Encoder, user: Viewer) -> QueryVector:
    """The vector that a search would ask with."""
    if request.file is None and request.region is None:
        return vectors_of(request.wanted, encoder=encoder)[0]
    found = encoded([asked.pixels], encoder=encoder)
    return smoothing.smoothed(found, encoder=encoder, collections=request.collections, user=user)[0]


def _measures(image: Image, vector: QueryVector, *, encoder: Encoder, user: Viewer) -> dict[Measure, Hit]:
    """The pair by each measure, as a search among this picture alone gives it."""
    vectors_of([image.pk], encoder=encoder)
    only = Filters(only=(image.pk,))
    answers = {
        measure: nearest(Question(encoder, vector, measure=measure, filters=only, k=1), user=user).hits
        for measure in Measure
    }
    if not all(answers.values()):
        raise NotFound("There is no such picture.")
    return {measure: hits[0] for measure, hits in answers.items()}


def _strangers(score: float, *, encoder: Encoder) -> float | None:
    calibration = verdicts.calibration_of(encoder)
    return float(calibration.expected_strangers(score, candidates=1)) if calibration else None


def _judged(
    request: SearchRequest, query: Image | None, asked: Decoded, *, image: Image, found: Decoded
) -> Judgement | None:
    """What the details of both tell, whether or not the collection keeps them."""
    own = query.content if query is not None else fingerprint.sha256(request.file or b"")
    if request.region is None and own == image.content:
        return same_file()
    picture = QueryPicture.of(asked.pixels, size=same.size_of(asked, request.region))
    kept = local_features.unpack(local_features.pack(local_features.extract(found.pixels)))
    return compare(picture, Side(kept, (image.width, image.height)))


def _overlay(asked: Decoded, found: Decoded, *, encoder: Encoder) -> Overlay | None:
    live = live_encoders.for_row(encoder)
    try:
        return explain(live.places(asked.pixels), live.places(found.pixels))
    except Conflict:  # no_places
        return None
