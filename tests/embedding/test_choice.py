"""The choice of a runtime: the quickest that holds, and never a silent step back."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from retrieval.embedding import Encoder, EncoderSpec, choice, conversion, openvino_cpu, use_quickest


class Pretended:
    """A runtime that answers with given vectors."""

    batch = 8

    def __init__(self, name, vectors):
        self.name, self.vectors = name, vectors

    def start(self, batch):
        return lambda: self.vectors


@pytest.fixture
def offered(monkeypatch, tiny):
    """Let the test say by how much each precision is off."""
    expected = tiny.runtime.start(choice.probe_pictures(64))()

    def offer(errors):
        noise = np.random.default_rng(0).normal(size=expected.shape).astype(np.float32) * np.abs(expected).max()
        monkeypatch.setattr(openvino_cpu, "precisions", lambda: list(errors))
        monkeypatch.setattr(conversion, "graph", lambda *_, **__: None)
        monkeypatch.setattr(
            openvino_cpu, "OpenVINORuntime",
            lambda _, precision: Pretended(f"openvino-{precision}", expected + errors[precision] * noise),
        )  # fmt: skip

    return offer


def test_a_burst_of_other_work_does_not_decide(monkeypatch):
    """Both take turns, and the best of each counts: here the quicker one met the burst three times of five."""
    taken = {"openvino": iter([9.0, 9.0, 9.0, 1.0, 1.0]), "torch": iter([2.0, 2.0, 8.0, 2.0, 2.0])}
    monkeypatch.setattr(choice, "seconds", lambda runtime, _: next(taken[runtime.name]))
    assert choice.quicker(Pretended("openvino", None), Pretended("torch", None), probes=None)
    assert next(taken["torch"], None) is None


@pytest.mark.parametrize(("ours", "theirs", "passes"), [(1, 3, 2), (1, 2.9, 10), (3, 1, 10)])
def test_one_turn_is_enough_where_the_first_is_quicker_by_far(monkeypatch, ours, theirs, passes):
    taken = []
    monkeypatch.setattr(choice, "seconds", lambda runtime, _: taken.append(runtime) or runtime)
    assert choice.quicker(ours, theirs, probes=None) == (ours < theirs)
    assert len(taken) == passes


def paces(monkeypatch, **seconds):
    monkeypatch.setattr(choice, "seconds", lambda runtime, _: seconds[runtime.name.split("-")[0]])


def test_first_precision_that_holds_is_taken(offered, tiny, tmp_path, monkeypatch):
    paces(monkeypatch, torch=2.0, openvino=1.0)
    offered({"bf16": 0.001, "fp32": 0.0})
    assert use_quickest(tiny, cache=tmp_path).runtime.name == "openvino-bf16"


def test_precision_that_does_not_hold_is_refused_aloud(offered, tiny, tmp_path, monkeypatch, caplog):
    paces(monkeypatch, torch=2.0, openvino=1.0)
    offered({"bf16": 1.0, "fp32": 0.0})
    assert use_quickest(tiny, cache=tmp_path).runtime.name == "openvino-fp32"
    assert "openvino-bf16 gives other vectors" in caplog.text


def test_torch_where_it_is_quicker(offered, tiny, tmp_path, monkeypatch, caplog):
    paces(monkeypatch, torch=1.0, openvino=2.0)
    offered({"fp32": 0.0})
    assert use_quickest(tiny, cache=tmp_path).runtime.name == "torch-cpu"
    assert "Torch stays the quickest" in caplog.text


def test_torch_where_conversion_fails_with_the_reason(tmp_path, pictures, caplog):
    spec = EncoderSpec("mobilenet_v2", image_size=64, pooling="rmac", resize="aspect", widths=(8,) * 18)
    encoder = use_quickest(Encoder(spec), cache=tmp_path)
    assert encoder.runtime.name == "torch-cpu"
    assert "regions of R-MAC" in caplog.text
    assert np.isfinite(encoder.encode(pictures)).all()


def test_the_real_choice_encodes_and_is_shown(tiny, graphs, pictures, caplog):
    expected = tiny.encode(pictures)
    with caplog.at_level(logging.INFO):
        use_quickest(tiny, cache=graphs)
    assert choice.least_cosine(tiny.encode(pictures), expected) >= choice.LEAST_COSINE
    assert f"runs by {tiny.runtime.name}" in caplog.text


def test_vectors_that_are_not_numbers_never_hold():
    one = np.ones((2, 3), np.float32)
    assert not choice.least_cosine(one * np.nan, one) >= choice.LEAST_COSINE
