"""Encoder rows to live encoders: loaded once per process, kept while they are in use, safe to ask from any thread."""

from __future__ import annotations

import threading
from collections import OrderedDict

from retrieval import conf, embedding
from retrieval.errors import Unavailable
from retrieval.models import Encoder
from retrieval.weight_files import find as weights_path

__all__ = ["active", "for_row", "load", "plain", "runtime_name", "weights_path"]

KEPT = 2  # the active encoder, and one that is being built beside it

_lock = threading.Lock()
_live: OrderedDict[tuple[str, str], embedding.Encoder] = OrderedDict()


def active() -> embedding.Encoder:
    """The live encoder of the active row; another one as soon as the row changes. Raises Unavailable, WeightsError."""
    row = Encoder.objects.active()
    if row is None:
        raise Unavailable("No encoder is active yet.", code="no_encoder")
    return for_row(row)


def for_row(row: Encoder) -> embedding.Encoder:
    """The live encoder of a row, loaded at the first call. Raises WeightsError when its file is missing or altered."""
    key = (str(row.pk), row.weights_sha256)
    with _lock:
        if key not in _live:
            _live[key] = load(row)
        _live.move_to_end(key)
        while len(_live) > KEPT:
            _live.popitem(last=False)
        return _live[key]


def load(row: Encoder) -> embedding.Encoder:
    """A fresh live encoder of a row, with the quickest runtime here."""
    return embedding.use_quickest(plain(row), cache=conf.get().data_dir / "cache" / "graphs")


def plain(row: Encoder) -> embedding.Encoder:
    """A fresh encoder of a row, for its weights and not to be run. An untrained one is random, always the same."""
    spec = embedding.EncoderSpec.from_dict(row.spec)
    if row.weights_name:
        return embedding.checkpoint.load(weights_path(row.weights_name), spec=spec, sha256=row.weights_sha256)
    return embedding.Encoder(spec)


def runtime_name() -> str:
    """What runs the encoder used last in this process, for people; empty before the first one is loaded."""
    with _lock:
        newest = next(reversed(_live.values()), None)
    return newest.runtime.name if newest else ""
