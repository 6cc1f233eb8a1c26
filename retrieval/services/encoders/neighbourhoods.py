"""A draft encoder of another one's network, whose stored vectors are smoothed by their neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from retrieval.errors import InvalidInput
from retrieval.models import Encoder
from retrieval.services.encoders import weights
from retrieval.services.evaluation import lineage
from retrieval.services.people import accounts

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def make(source: Encoder, name: str, *, user: User | None) -> Encoder:
    """Make the draft: the same weights file, and the source whose vectors are smoothed, which stays as long.

    Nothing is learned, so it learned from what its source did. Its calibration is the one that lies beside the weights
    for smoothed vectors, where one does. Raises as ``weights.require_free`` and ``weights.calibration``.
    """
    said = weights.calibration(source.weights_name, smoothed=True) if source.weights_name else {}
    with transaction.atomic():
        weights.hold_name(name)
        row = Encoder(
            name=name, spec=source.spec, weights_name=source.weights_name, weights_sha256=source.weights_sha256,
            dimension=source.dimension, trained=True, measure=source.measure, smooths=source,
            calibration=said, origin={"projected_from": source.name, "method": "neighbourhood"},
        )  # fmt: skip
        lineage.write(row, ancestors=[source])
        row.save()
        accounts.record(user, "encoder.projected", row, name=row.name, source=source.name, method="neighbourhood")
    return row


def require_plain(source: Encoder) -> None:
    """Raise InvalidInput (encoder) for one whose vectors are smoothed: they are no function of a picture alone."""
    if source.smooths_id is not None:
        text = f"The vectors of {source.name} are smoothed by their neighbours; take the encoder that it was made of."
        raise InvalidInput.of("encoder", text)
