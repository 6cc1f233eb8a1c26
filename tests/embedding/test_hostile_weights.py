"""Hostile weights files: each kind ends in one sentence, nothing in them runs, and little memory is taken."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile

import pytest
import torch
from safetensors.torch import save

from retrieval.embedding import EncoderSpec, checkpoint, header
from retrieval.errors import WeightsError

SPEC = EncoderSpec("mobilenet_v2", image_size=64, widths=(*[8] * 17, 16))


def headed(text: bytes, *, length: int | None = None, data: bytes = b"") -> bytes:
    """A safetensors file with this header, which may lie about its length."""
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(**changes) -> bytes:
    """A header of one tensor."""
    about = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4], **changes}
    return json.dumps({"features.0.0.weight": about}).encode()


def saved(value) -> bytes:
    """As torch writes it."""
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def zipped(entries, how=zipfile.ZIP_STORED) -> bytes:
    """A zip of these entries."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return file.getvalue()


def own(spec: str) -> bytes:
    """A file that says which encoder it is for."""
    return save({"a": torch.zeros(1)}, metadata={header.SPEC_KEY: spec})


class Runs:
    """What no weights file may do."""

    def __reduce__(self):
        return (print, ("boom",))


NAN = {"features.0.0.weight": torch.full((8, 3, 3, 3), float("nan"))}
# The large ones are made where they are tried.
KINDS = {
    "header longer than the file": ("a.safetensors", headed(b"{}", length=2**40)),
    "header of another file": ("a.safetensors", headed(b"[1, 2]")),
    "header without end": ("a.safetensors", headed(b"[" * 100_000)),
    "offsets outside": ("a.safetensors", headed(entry(data_offsets=[0, 2**60]), data=b"\0" * 4)),
    "a shape beyond all numbers": ("a.safetensors", headed(entry(shape=[2**62, 2**62]), data=b"\0" * 4)),
    "an unknown type": ("a.safetensors", headed(entry(dtype="F7"), data=b"\0" * 4)),
    "no metadata": ("a.safetensors", headed(b'{"__metadata__":null}')),
    "a spec that is a number": ("a.safetensors", own("5")),
    "a spec that is a list": ("a.safetensors", own('["backbone"]')),
    "a spec without end": ("a.safetensors", own("[" * 100_000)),
    "a spec of wrong kinds": ("a.safetensors", own('{"backbone": [], "widths": {}}')),
    "too wide a spec": ("a.safetensors", own(json.dumps({"backbone": "mobilenet_v2", "widths": [10**9] * 18}))),
    "whole numbers": ("a.safetensors", save({"features.0.0.weight": torch.zeros((8, 3, 3, 3), dtype=torch.int8)})),
    "code": ("a.pth", pickle.dumps(Runs(), protocol=2)),
    "code in a zip": ("a.pth", zipped({"a/data.pkl": pickle.dumps(Runs(), protocol=2), "a/version": b"3"})),
    "a list": ("a.pth", saved([torch.zeros(1)])),
    "numbers as names": ("a.pth", saved({1: torch.zeros(1)})),
    "texts as tensors": ("a.pth", saved({"a": "b"})),
    "a sparse tensor": ("a.pth", saved({"features.0.0.weight": torch.zeros((8, 3, 3, 3)).to_sparse()})),
    "complex numbers": ("a.pth", saved({"features.0.0.weight": torch.zeros((8, 3, 3, 3), dtype=torch.complex64)})),
    "no numbers": ("a.pth", saved(NAN)),
    "a zip bomb": ("a.pth", lambda: zipped({"a/data.pkl": b"\0" * 50_000_000}, zipfile.ZIP_DEFLATED)),
    "a zip of many": ("a.pth", lambda: zipped({f"a/{number}": b"" for number in range(10_001)})),
    "an empty zip": ("a.pth", zipped({})),
    "half a zip": ("a.pth", saved({"a": torch.zeros(1)})[:200]),
    "a pickle that takes what is not there": ("a.pth", b"\x80\x02}q\x00(h\x63."),
    "an empty pickle": ("a.pth", b"\x80\x02."),
}


@pytest.mark.parametrize(("name", "data"), KINDS.values(), ids=KINDS)
def test_each_kind_ends_in_one_sentence(tmp_path, capsys, name, data):
    data = data() if callable(data) else data
    (tmp_path / name).write_bytes(data)
    with pytest.raises(WeightsError, match=name) as caught:
        checkpoint.load(tmp_path / name, spec=None if b"imagesearch.spec" in data else SPEC)
    assert "\n" not in caught.value.message
    assert caught.value.code
    assert "boom" not in capsys.readouterr().out


def said(path) -> str:
    """What reading its spec ends in, "" where the file is only refused when it is loaded."""
    try:
        assert header.read_spec(path) is None
    except WeightsError as error:
        return error.message
    return ""


@pytest.mark.parametrize(("name", "data"), KINDS.values(), ids=KINDS)
def test_of_none_of_them_a_spec_is_read(tmp_path, name, data):
    (tmp_path / name).write_bytes(data() if callable(data) else data)
    message = said(tmp_path / name)
    assert "\n" not in message
    assert message == "" or name in message


def test_what_is_no_file_is_not_opened_and_what_is_huge_not_read(tmp_path):
    os.mkfifo(tmp_path / "a.pth")
    (tmp_path / "b.pth").mkdir()
    with (tmp_path / "c.pth").open("wb") as file:
        file.truncate(header.MOST_BYTES + 1)
    for name in ("a.pth", "b.pth", "c.pth"):
        with pytest.raises(WeightsError, match=f"{name} is not a weights file"):
            checkpoint.load(tmp_path / name, spec=SPEC)
