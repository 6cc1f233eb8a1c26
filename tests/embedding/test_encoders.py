"""Encoder rows come to life once per process, and only from the very bytes they name."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from retrieval import conf, embedding, live_encoders, weight_files
from retrieval.embedding import Encoder as LiveEncoder
from retrieval.embedding import checkpoint
from retrieval.errors import Unavailable, WeightsError
from retrieval.models import Encoder, EncoderState

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def weights_dir(monkeypatch, tmp_path, settings):
    """An own weights folder; torch as it is, as the choice of a runtime has its own tests; nothing loaded yet."""
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, data_dir=tmp_path, weights_dir=tmp_path / "weights")
    (tmp_path / "weights").mkdir()
    monkeypatch.setattr(embedding, "use_quickest", lambda encoder, **_: encoder)
    monkeypatch.setattr(live_encoders, "_live", type(live_encoders._live)())
    return conf.get().weights_dir


def row(live, *, state=EncoderState.ACTIVE, seed=0):
    """Keep the weights of a live encoder and make a row for them."""
    name = f"own-{seed}"
    digest = checkpoint.save(live, conf.get().weights_dir / f"{name}.safetensors")
    return Encoder.objects.create(
        name=name, spec=live.spec.to_dict(), weights_name=f"{name}.safetensors", weights_sha256=digest,
        dimension=live.spec.dimension, trained=True, state=state,
    )  # fmt: skip


def test_row_is_loaded_once_even_when_many_ask(tiny, monkeypatch, pictures):
    asked, loads, load = row(tiny), [], live_encoders.load
    monkeypatch.setattr(live_encoders, "load", lambda row: loads.append(row) or load(row))
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: live_encoders.for_row(asked), range(16)))
    assert len(found) == len(loads) == 1
    np.testing.assert_allclose(found.pop().encode(pictures), tiny.encode(pictures), atol=1e-2)


def test_active_follows_the_row(tiny):
    first = row(tiny)
    live = live_encoders.active()
    assert live_encoders.active() is live
    first.state = EncoderState.RETIRED
    first.save()
    row(LiveEncoder(tiny.spec, seed=1), seed=1)
    assert live_encoders.active() is not live


def test_no_active_encoder_is_unavailable():
    with pytest.raises(Unavailable, match="No encoder is active"):
        live_encoders.active()
    assert live_encoders.runtime_name() == ""


def test_only_the_encoders_in_use_stay_in_memory(tiny):
    rows = [row(LiveEncoder(tiny.spec, seed=n), state=EncoderState.DRAFT, seed=n) for n in range(3)]
    live = [live_encoders.for_row(one) for one in rows]
    assert live_encoders.for_row(rows[2]) is live[2]
    assert live_encoders.for_row(rows[1]) is live[1]
    assert live_encoders.for_row(rows[0]) is not live[0]
    assert live_encoders.runtime_name() == "torch-cpu"


def test_altered_missing_and_foreign_files_are_refused(tiny, weights_dir):
    asked = row(tiny)
    file = weights_dir / asked.weights_name
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(WeightsError, match="was altered"):
        live_encoders.for_row(asked)
    file.unlink()
    with pytest.raises(WeightsError, match="neither bundled nor in"):
        live_encoders.for_row(asked)
    with pytest.raises(WeightsError, match="plain file name"):
        live_encoders.weights_path("../secrets")


def test_bundled_file_comes_first(tiny, weights_dir, tmp_path, monkeypatch):
    asked = row(tiny)
    bundled = tmp_path / "bundled"
    bundled.mkdir()
    (weights_dir / asked.weights_name).rename(bundled / asked.weights_name)
    monkeypatch.setattr(weight_files, "BUNDLED", bundled)
    assert live_encoders.weights_path(asked.weights_name).parent == bundled
    assert live_encoders.for_row(asked).spec == tiny.spec


def test_untrained_row_is_the_same_network_in_every_process(tiny, pictures):
    asked = Encoder.objects.create(name="untrained", spec=tiny.spec.to_dict(), dimension=16)
    np.testing.assert_array_equal(
        live_encoders.load(asked).encode(pictures), live_encoders.load(asked).encode(pictures)
    )
