"""The file of a word table: what goes in comes out, small; anything else is refused in a sentence."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save

from retrieval.embedding import word_table
from retrieval.errors import WeightsError
from tests.embedding.tables import ROWS, table


def test_what_is_written_is_read(tmp_path):
    path, made = tmp_path / "a.words.safetensors", replace(table(), about={"text": "some"})
    word_table.write(made, path)
    got = word_table.read(path)
    assert (got.words, got.weights_sha256, got.about) == (made.words, made.weights_sha256, made.about)
    for word, vector in ROWS.items():
        np.testing.assert_allclose(got.vector(got.rows[word]), vector, atol=0.01)
    assert [path.name for path in tmp_path.iterdir()] == ["a.words.safetensors"]


def test_packing_keeps_the_strongest_directions():
    random = np.random.default_rng(3)
    vectors = (random.normal(size=(300, 12)) * np.arange(12, 0, -1)).astype(np.float32)
    levels, scales, basis = word_table.pack(vectors, rank=5)
    assert (levels.dtype, levels.shape, basis.shape) == (np.int8, (300, 5), (5, 12))
    got = levels.astype(np.float32) * scales.astype(np.float32)[:, None] @ basis.astype(np.float32)
    left, values, right = np.linalg.svd(vectors, full_matrices=False)
    best = left[:, :5] * values[:5] @ right[:5]
    assert np.linalg.norm(vectors - got) < 1.02 * np.linalg.norm(vectors - best)


def test_a_row_of_nothing_stays_nothing():
    levels, _, _ = word_table.pack(np.array([[0, 0], [1, 0]], np.float32), rank=2)
    assert not levels[0].any()


def altered(change):
    made = table()
    tensors = {name: getattr(made, name) for name in word_table.LAYOUT if name != "words"}
    tensors["words"] = np.frombuffer("\n".join(made.words).encode(), np.uint8)
    about = {word_table.KIND: "1", "weights_sha256": "0" * 64, "about": "{}"}
    change(tensors, about)
    return save({name: np.ascontiguousarray(value) for name, value in tensors.items()}, metadata=about)


HOSTILE = {
    "no tensor": lambda tensors, _: tensors.pop("scales"),
    "another type": lambda tensors, _: tensors.update(vectors=tensors["vectors"].astype(np.int16)),
    "another shape": lambda tensors, _: tensors.update(scales=tensors["scales"][None]),
    "too few": lambda tensors, _: tensors.update(weights=tensors["weights"][1:]),
    "too narrow": lambda tensors, _: tensors.update(basis=tensors["basis"][1:]),
    "a class beyond": lambda tensors, _: tensors.update(classes=np.array([999], np.int32)),
    "a class before": lambda tensors, _: tensors.update(classes=np.array([-1], np.int32)),
    "not finite": lambda tensors, _: tensors.update(basis=np.full_like(tensors["basis"], np.nan)),
    "no text": lambda tensors, _: tensors.update(words=np.full(9, 255, np.uint8)),
    "another version": lambda _, about: about.update({word_table.KIND: "2"}),
    "no weights": lambda _, about: about.pop("weights_sha256"),
    "no JSON": lambda _, about: about.update(about="{"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_broken_tables_are_refused(name, tmp_path):
    path = tmp_path / "a.words.safetensors"
    path.write_bytes(altered(HOSTILE[name]))
    with pytest.raises(WeightsError, match=r"a\.words\.safetensors"):
        word_table.read(path)


def test_an_unaltered_one_passes(tmp_path):
    path = tmp_path / "a.words.safetensors"
    path.write_bytes(altered(lambda *_: None))
    assert word_table.read(path).words == table().words


@pytest.mark.parametrize("data", [b"", b"\x08\0\0\0\0\0\0\0{}      ", json.dumps([1]).encode() * 9])
def test_other_files_are_refused(data, tmp_path):
    path = tmp_path / "a.words.safetensors"
    path.write_bytes(data)
    with pytest.raises(WeightsError):
        word_table.read(path)


def test_huge_and_missing_files_are_not_read(tmp_path, monkeypatch):
    path = tmp_path / "a.words.safetensors"
    with pytest.raises(WeightsError, match="cannot be read"):
        word_table.read(path)
    word_table.write(table(), path)
    monkeypatch.setattr(word_table, "MOST_BYTES", 10)
    with pytest.raises(WeightsError, match="more than 10"):
        word_table.read(path)
