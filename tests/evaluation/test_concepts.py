"""How well concepts are learnt: what is ranked, what counts as a concept, and that clicks help where they can."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.errors import InvalidInput
from retrieval.evaluation import LabelledSet
from retrieval.progress import silent
from retrieval.services.evaluation import concepts
from retrieval.services.evaluation.answers import Named


def labelled(spread, *, sizes=(24, 24, 5)):
    """A class around each axis, the further apart the smaller the spread."""
    random = np.random.default_rng(1)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    vectors = np.eye(6)[labels] + random.normal(0, spread, (len(labels), 6))
    units = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    classes = tuple(str(number) for number in range(len(sizes)))
    return LabelledSet(units, labels, classes, tuple(f"{number}.jpg" for number in range(len(labels))))


def test_classes_apart_are_learnt_from_one_picture_and_small_classes_are_no_concepts():
    (row,) = concepts.learnt([Named("apart", labelled(0.01))], progress=silent)
    assert (row.name, row.concepts) == ("apart", 2)
    assert {number: figures for number, figures in row.examples.items() if figures != (1.0, 1.0)} == {}
    assert set(row.clicks.values()) == {1.0}


def test_where_classes_mix_clicks_help(monkeypatch):
    monkeypatch.setattr(concepts, "DRAWS", 2)
    (row,) = concepts.learnt([Named("mixed", labelled(0.9))], progress=silent)
    assert 0.3 < row.clicks[0] < row.clicks[2] < 1
    assert list(row.clicks) == [0, 1, 2, 3, 5]


def test_without_a_class_of_twenty_there_is_nothing_to_learn():
    with pytest.raises(InvalidInput) as caught:
        list(concepts.learnt([Named("small", labelled(0.1, sizes=(5, 6)))], progress=silent))
    assert list(caught.value.fields) == ["classes"]
