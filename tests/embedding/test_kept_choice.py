"""A choice that was measured once: what it hangs on, and that a start with it needs no torch."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retrieval.embedding import Encoder, EncoderSpec, GraphEncoder, choice, kept_choice, use_quickest
from retrieval.embedding.openvino_cpu import OpenVINORuntime

ROOT = Path(__file__).parents[2]
SHA256 = "ab" * 32


@pytest.fixture(autouse=True)
def no_accelerator(monkeypatch):
    monkeypatch.setattr(kept_choice, "_accelerated", lambda: False)


@pytest.fixture(scope="module")
def chosen(tmp_path_factory):
    """A folder of graphs after OpenVINO was found to be the quicker one, and the encoder with what was chosen."""
    folder = tmp_path_factory.mktemp("graphs")
    encoder = Encoder(EncoderSpec("mobilenet_v2", image_size=64, widths=(*[8] * 17, 16)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choice, "seconds", lambda runtime, _: 1.0 if isinstance(runtime, OpenVINORuntime) else 2.0)
        use_quickest(encoder, cache=folder, weights_sha256=SHA256)
    return folder, encoder


@pytest.fixture
def kept(chosen, tmp_path):
    """Such a folder of one's own."""
    return Path(shutil.copytree(chosen[0], tmp_path / "graphs"))


@pytest.fixture
def tiny(chosen):
    return chosen[1]


def found(spec, cache, sha256=SHA256):
    return kept_choice.runtime(spec, weights_sha256=sha256, cache=cache)


def test_what_was_chosen_runs_again_and_gives_the_same_vectors(tiny, kept, pictures):
    runtime = found(tiny.spec, kept)
    assert runtime.name == tiny.runtime.name
    assert kept_choice.known(tiny.spec, weights_sha256=SHA256, cache=kept)
    again = GraphEncoder(tiny.spec, runtime, network=lambda: tiny)
    np.testing.assert_allclose(again.encode(pictures), tiny.encode(pictures), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(again.places(pictures[0]), tiny.places(pictures[0]))


def test_nothing_is_kept_of_torch_or_without_a_digest(tiny, tmp_path, monkeypatch):
    encoder = Encoder(tiny.spec)
    monkeypatch.setattr(choice, "seconds", lambda runtime, _: 1.0)
    use_quickest(encoder, cache=tmp_path)
    assert not (tmp_path / "choices").exists()
    monkeypatch.setattr(choice, "seconds", lambda runtime, _: 2.0 if isinstance(runtime, OpenVINORuntime) else 1.0)
    use_quickest(encoder, cache=tmp_path, weights_sha256=SHA256)
    assert encoder.runtime.name == "torch-cpu"
    assert found(tiny.spec, tmp_path) is None


def test_another_encoder_another_machine_and_another_version_are_measured_anew(tiny, kept, monkeypatch):
    assert found(replace(tiny.spec, image_size=96), kept) is None
    assert found(tiny.spec, kept, sha256="cd" * 32) is None
    with monkeypatch.context() as patch:
        patch.setattr(kept_choice, "version", lambda name: "0.0")
        assert found(tiny.spec, kept) is None
    with monkeypatch.context() as patch:
        patch.setattr(kept_choice.os, "cpu_count", lambda: 99)
        assert found(tiny.spec, kept) is None
    assert found(tiny.spec, kept) is not None


def test_where_there_may_be_a_gpu_torch_is_asked_each_time(tiny, kept, monkeypatch):
    monkeypatch.setattr(kept_choice, "_accelerated", lambda: True)
    assert found(tiny.spec, kept) is None
    assert not kept_choice.known(tiny.spec, weights_sha256=SHA256, cache=kept)


@pytest.mark.parametrize(
    "broken", ["", "[]", "{}", '{"graph": "none", "precision": "fp32"}', '{"graph": 1, "precision": 2}']
)
def test_a_choice_that_cannot_be_used_is_measured_anew_and_said(tiny, kept, caplog, broken):
    (written,) = (kept / "choices").iterdir()
    written.write_text(broken)
    assert found(tiny.spec, kept) is None
    assert "cannot be used" in caplog.text


def test_a_choice_that_cannot_be_kept_is_said_and_the_encoder_runs(tiny, kept, monkeypatch, pictures, caplog):
    monkeypatch.setattr(choice, "seconds", lambda runtime, _: 1.0 if isinstance(runtime, OpenVINORuntime) else 2.0)
    (written,) = (kept / "choices").iterdir()
    written.unlink()
    written.with_name(written.name + ".partial").mkdir()  # nothing can be written there
    encoder = use_quickest(Encoder(tiny.spec), cache=kept, weights_sha256=SHA256)
    assert isinstance(encoder.runtime, OpenVINORuntime)
    assert np.isfinite(encoder.encode(pictures)).all()
    assert found(tiny.spec, kept) is None
    assert "cannot be kept" in caplog.text


SERVES = """
import sys, pathlib, numpy as np
from retrieval.embedding import EncoderSpec, GraphEncoder, kept_choice
kept_choice._accelerated = lambda: False
spec, cache = EncoderSpec.from_dict({spec}), pathlib.Path({cache!r})
runtime = kept_choice.runtime(spec, weights_sha256={sha256!r}, cache=cache)
vectors = GraphEncoder(spec, runtime, network=None).encode([np.zeros((50, 70, 3), np.uint8)])
assert np.isfinite(vectors).all()
print([name for name in sys.modules if name.split(".")[0] in ("torch", "torchvision")])
"""


def test_a_start_with_a_kept_choice_loads_no_torch(tiny, kept):
    code = SERVES.format(spec=tiny.spec.to_dict(), cache=str(kept), sha256=SHA256)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


PROGRAMS = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "imagesearch.settings"
import imagesearch.wsgi, imagesearch.celery, retrieval.tasks
print([name for name in sys.modules if name.split(".")[0] in ("torch", "torchvision")])
"""


def test_the_programs_of_a_site_load_no_torch_by_themselves(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAMS], capture_output=True, text=True, check=True, cwd=ROOT,
        env={**os.environ, "IMAGESEARCH_DATA_DIR": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout.strip().splitlines()[-1] == "[]"
