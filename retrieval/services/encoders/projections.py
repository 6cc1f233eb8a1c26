"""A projection learned on stored vectors: a draft encoder that suits a collection better, without the network."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models import QuerySet
from numpy.typing import NDArray

from retrieval import embedding, live_encoders
from retrieval.embedding import Whitening, whitening
from retrieval.errors import InvalidInput
from retrieval.evaluation import Entry, sets
from retrieval.models import Collection, Encoder, Image
from retrieval.search import stored
from retrieval.services.encoders import neighbourhoods, weights
from retrieval.services.evaluation import lineage
from retrieval.services.evaluation.judged import alike, clicked
from retrieval.services.images import collections
from retrieval.services.people import accounts, rights

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Method = Literal["pca", "supervised", "neighbourhood"]
Labels = Literal["tags", "group_key", "judgements", "clicks"]
METHODS: tuple[Method, ...] = get_args(Method)
LABELS: tuple[Labels, ...] = get_args(Labels)

MOST_VECTORS = 20_000  # far more than a covariance needs, and still read in seconds


@dataclass(frozen=True)
class ProjectionRequest:
    """What to learn: the draft's name, how, how long its vectors are, and on which pictures.

    Without a collection, on all pictures that the person sees. ``by`` says what the labels of ``supervised`` are: the
    first tag, the group key, what people judged (pictures that suit one another, also by way of a third, have one), or
    which concept the person taught them to be by clicks.
    """

    name: str
    dimension: int
    method: Method = "pca"
    collection: Collection | None = None
    by: Labels = "tags"


class _Sample(NamedTuple):
    """Raw vectors (N, D), each one's picture and label, and the SHA-256 of its bytes."""

    vectors: NDArray[np.float32]
    entries: list[Entry]
    contents: list[str]


def learn(source: Encoder, request: ProjectionRequest, *, user: User | None) -> Encoder:
    """Make a draft encoder: the source's network, its projection, and a whitening of its stored vectors, as one.

    ``user`` None is the operator at the terminal, who sees every picture. At most 20,000 vectors are read, drawn by
    their pictures' ids (by group keys: whole groups), so that the same pictures give the same encoder. Raises Forbidden
    for other than administrators, InvalidInput naming the field, Conflict when the name is taken, WeightsError when the
    source's file is missing.
    """
    if user is not None:
        rights.require_administrator(user)
    _check(source, request)
    if request.method == "neighbourhood":
        return neighbourhoods.make(source, request.name, user=user)
    sample = _sample(source, request, images=_images(request, user=user), user=user)
    composed = embedding.composing.followed_by(live_encoders.plain(source), _fitted(sample, request))
    with tempfile.TemporaryDirectory() as folder, transaction.atomic():
        file = Path(folder) / f"{request.name}.safetensors"
        embedding.checkpoint.save(composed, file)
        row = weights.register(request.name, file)
        row.origin = _origin(source, request, sample=sample)
        lineage.write(row, ancestors=[source])
        row.save(update_fields=["origin"])
        accounts.record(user, "encoder.projected", row, name=row.name, source=source.name, method=request.method)
    return row


def _check(source: Encoder, request: ProjectionRequest) -> None:
    weights.require_free(request.name)
    for field, value, known in (("method", request.method, METHODS), ("by", request.by, LABELS)):
        if value not in known:
            raise InvalidInput.of(field, f"{field} is one of {', '.join(known)}.")
    if not 1 <= request.dimension <= source.dimension:
        raise InvalidInput.of("dimension", f"dimension must be from 1 to {source.dimension}, as {source.name} has it.")
    if request.method == "neighbourhood" and (request.collection, request.dimension) != (None, source.dimension):
        text = "Every collection is smoothed, each by itself, and vectors stay as long as they are."
        raise InvalidInput.of("collection" if request.collection else "dimension", text)
    neighbourhoods.require_plain(source)
    if not source.trained:
        raise InvalidInput.of("encoder", f"{source.name} is untrained: what is random gets no better by a projection.")


def _images(request: ProjectionRequest, *, user: User | None) -> QuerySet[Image]:
    images = Image.objects.visible_to(user) if user else Image.objects.alive()
    if request.collection is None:
        return images
    if user is not None:
        collections.find(request.collection.pk, user=user)
    return images.filter(collection=request.collection)


def _sample(source: Encoder, request: ProjectionRequest, *, images: QuerySet[Image], user: User | None) -> _Sample:
    by = request.by if request.method == "supervised" else None
    judged = _judged(images, by, user=user)
    images = _labelled(images, by, judged=judged)
    found = list(stored.sample(source, images=images, most=MOST_VECTORS, whole_groups=by == "group_key"))
    if len(found) <= request.dimension:
        text = f"{len(found)} such pictures have a vector by {source.name}; {request.dimension} dimensions need more."
        raise InvalidInput.of("dimension", text)
    entries = [Entry(str(one.image_id), _label(one, by, judged=judged)) for one in found]
    return _Sample(np.stack([one.raw for one in found]), entries, [one.sha256 for one in found])


def _judged(images: QuerySet[Image], by: Labels | None, *, user: User | None) -> dict[UUID, str]:
    """The labels that no picture carries itself, by picture."""
    match by:
        case "judgements":
            return alike(images)
        case "clicks":
            return clicked(images, user=user)
    return {}


def _labelled(images: QuerySet[Image], by: Labels | None, *, judged: dict[UUID, str]) -> QuerySet[Image]:
    match by:
        case "tags":
            return images.exclude(tags=[])
        case "group_key":
            return images.exclude(group_key="")
        case "judgements" | "clicks":
            return images.filter(pk__in=judged)
    return images


def _label(one: stored.Sampled, by: Labels | None, *, judged: dict[UUID, str]) -> str:
    if by is None:
        return ""
    if by in {"judgements", "clicks"}:
        return judged[one.image_id]
    return one.tags[0] if by == "tags" else one.group_key


def _fitted(sample: _Sample, request: ProjectionRequest) -> Whitening:
    if request.method == "pca":
        return whitening.fit_pca_whitening(sample.vectors, dimension=request.dimension, shrunk=True)
    _, labels = np.unique([entry.class_name for entry in sample.entries], return_inverse=True)
    return whitening.fit_supervised_whitening(sample.vectors, labels=labels, dimension=request.dimension)


def _origin(source: Encoder, request: ProjectionRequest, *, sample: _Sample) -> dict[str, str | int | None]:
    """What the draft came from; ``source`` and its checksum are also how its vectors are computed later."""
    return {
        "projected_from": source.name,
        "source": str(source.pk),
        "source_sha256": source.weights_sha256,
        "method": request.method,
        "labels": request.by if request.method == "supervised" else None,
        "collection": str(request.collection.pk) if request.collection else None,
        "vectors": len(sample.entries),
        "data": sets.digest(sample.entries, sample.contents),
    }
