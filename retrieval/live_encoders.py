"""Encoder rows to live encoders: loaded once per process, kept while they are in use, safe to ask from any thread."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path

from retrieval import conf, embedding
from retrieval.embedding import word_table
from retrieval.errors import Unavailable, WeightsError
from retrieval.models import Encoder
from retrieval.weight_files import find as weights_path
from retrieval.weight_files import require, require_known

__all__ = [
    "active", "chosen", "for_row", "graphs", "load", "network", "plain", "runtime_name", "weights_path", "words",
    "words_name", "words_of_file",
]  # fmt: skip

KEPT = 2  # the active encoder, and one that is being built beside it

_lock = threading.Lock()
_live: OrderedDict[tuple[str, str, str], embedding.LiveEncoder] = OrderedDict()


def active() -> embedding.LiveEncoder:
    """The live encoder of the active row; another one as soon as the row changes. Raises Unavailable, WeightsError."""
    row = Encoder.objects.active()
    if row is None:
        raise Unavailable("No encoder is active yet.", code="no_encoder")
    return for_row(row)


def for_row(row: Encoder) -> embedding.LiveEncoder:
    """The live encoder of a row, loaded at the first call. Raises WeightsError when its file is missing or altered.

    Rows of one network, as one that smooths another's vectors and that other one are, have one.
    """
    key = (row.weights_name, row.weights_sha256, json.dumps(row.spec, sort_keys=True))
    with _lock:
        if key not in _live:
            _live[key] = load(row)
        _live.move_to_end(key)
        while len(_live) > KEPT:
            _live.popitem(last=False)
        return _live[key]


def load(row: Encoder) -> embedding.LiveEncoder:
    """A fresh live encoder of a row, with the quickest runtime here: its graph alone where that was chosen before."""
    spec = embedding.EncoderSpec.from_dict(row.spec)
    require(row.weights_name, sha256=row.weights_sha256)
    runtime = embedding.kept_choice.runtime(spec, weights_sha256=row.weights_sha256, cache=graphs())
    if runtime is None:
        return network(row)
    return embedding.GraphEncoder(spec, runtime, network=lambda: plain(row))


def chosen(row: Encoder) -> bool:
    """Tell whether it is known which graph runs an encoder best here."""
    spec = embedding.EncoderSpec.from_dict(row.spec)
    return embedding.kept_choice.known(spec, weights_sha256=row.weights_sha256, cache=graphs())


def network(row: Encoder) -> embedding.Encoder:
    """A fresh encoder of a row in torch, with the quickest runtime here."""
    return embedding.use_quickest(plain(row), cache=graphs(), weights_sha256=row.weights_sha256)


def plain(row: Encoder) -> embedding.Encoder:
    """A fresh encoder of a row, for its weights and not to be run. An untrained one is random, always the same."""
    spec = embedding.EncoderSpec.from_dict(row.spec)
    if row.weights_name:
        return embedding.checkpoint.load(weights_path(row.weights_name), spec=spec, sha256=row.weights_sha256)
    return embedding.Encoder(spec)


def graphs() -> Path:
    """The folder of graphs that were made of networks, and of what was chosen by measurement."""
    return conf.get().data_dir / "cache" / "graphs"


def words_name(weights_name: str) -> str:
    """What the word table of a weights file is called; it lies where weights files do."""
    return f"{weights_name.removesuffix('.safetensors')}.words.safetensors"


def words(row: Encoder) -> word_table.WordTable | None:
    """The word table of a row, None when it has none; read once per process. Raises WeightsError for a broken one."""
    return words_of_file(row.weights_name, sha256=row.weights_sha256) if row.weights_name else None


@lru_cache(maxsize=KEPT)
def words_of_file(weights_name: str, *, sha256: str) -> word_table.WordTable | None:
    """The word table of a weights file with this SHA-256.

    Raises WeightsError for one that was made for another, and for a bundled one that was altered.
    """
    try:
        path = weights_path(words_name(weights_name))
    except WeightsError:
        return None
    require_known(path)
    table = word_table.read(path)
    if table.weights_sha256 != sha256:
        raise WeightsError(f"The word table {path.name} was made for other weights; make it again.")
    return table


def runtime_name() -> str:
    """What runs the encoder used last in this process, for people; empty before the first one is loaded."""
    with _lock:
        newest = next(reversed(_live.values()), None)
    return newest.runtime.name if newest else ""
