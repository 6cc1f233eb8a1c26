"""Splits that part no group, and batches that follow from seed and step alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from retrieval.errors import InvalidInput
from retrieval.training import PictureSet
from retrieval.training.config import SamplingConfig
from retrieval.training.sampling import Balanced, Shuffled, fitted, hold_out, in_scopes, sampler_for
from tests.training import make

BALANCED = SamplingConfig("balanced", batch=3, classes=2, per_class=4)


def test_a_group_is_never_parted():
    pictures = replace(make.pictures(60), groups=np.arange(60) // 4)
    held = hold_out(pictures, share=0.2, seed=1)
    assert held.sum() == 12
    assert not set(pictures.groups[held]) & set(pictures.groups[~held])


def test_the_split_follows_the_seed():
    pictures = make.pictures(60)
    first = hold_out(pictures, share=0.3, seed=1)
    assert (first == hold_out(pictures, share=0.3, seed=1)).all()
    assert (first != hold_out(pictures, share=0.3, seed=2)).any()


def test_scopes_are_found_by_the_first_part_of_the_label():
    pictures = make.pictures(6)
    assert in_scopes(pictures, ["toy"]).all()
    with pytest.raises(InvalidInput, match="shop"):
        in_scopes(pictures, ["shop"])


def test_a_pass_shows_every_picture_once():
    sampler = Shuffled(20, batch=5, seed=0)
    first = np.concatenate([sampler.rows(step) for step in range(4)])
    second = np.concatenate([sampler.rows(step) for step in range(4, 8)])
    assert sorted(first) == sorted(second) == list(range(20))
    assert (first != second).any()


def test_a_balanced_batch_holds_k_of_each_of_p_classes():
    labels = np.array([0] * 10 + [1] * 4 + [2] * 40 + [3] * 3 + [-1] * 5)
    sampler = Balanced(labels, BALANCED, seed=0)
    for step in range(20):
        rows = sampler.rows(step)
        assert len(rows) == 11
        found, counts = np.unique(labels[rows[:8]], return_counts=True)
        assert counts.tolist() == [4, 4]
        assert not set(found) & {-1, 3}
        assert len(set(rows[:8])) == 8


def test_the_same_step_gets_the_same_rows():
    labels = make.pictures(60).labels
    first, again = Balanced(labels, BALANCED, seed=5), Balanced(labels, BALANCED, seed=5)
    first.rows(0)
    assert (first.rows(7) == again.rows(7)).all()
    assert (first.rows(7) != Balanced(labels, BALANCED, seed=6).rows(7)).any()


def test_impossible_batches_are_refused():
    with pytest.raises(InvalidInput, match="Only 1 classes"):
        Balanced(np.array([0] * 9 + [1]), BALANCED, seed=0)
    with pytest.raises(InvalidInput, match="A batch of 9"):
        Shuffled(8, batch=9, seed=0)


@pytest.mark.parametrize(
    ("counts", "batch"),
    [
        ([20, 20, 20], (3, 8)),  # fewer classes than asked
        ([40] * 8, (8, 8)),
        ([40] * 8 + [2], (8, 8)),
        ([30, 5, 5], (3, 5)),  # every class has its turn
        ([30, 9, 1], (2, 8)),  # but one picture makes no pair
    ],
)
def test_a_balanced_batch_is_cut_to_what_there_is(counts, batch):
    asked = SamplingConfig("balanced", batch=3, classes=8, per_class=8)
    found = fitted(asked, labelled(counts))
    assert (found.classes, found.per_class, found.batch) == (*batch, 3)
    assert len(Balanced(labelled(counts).labels, found, seed=0).rows(0)) == batch[0] * batch[1] + 3


@pytest.mark.parametrize("counts", [[], [30], [30, 1, 1]])
def test_fewer_than_two_classes_are_refused(counts):
    with pytest.raises(InvalidInput, match="between two or more") as refused:
        fitted(SamplingConfig("balanced", batch=0, classes=8, per_class=8), labelled(counts))
    assert list(refused.value.fields) == ["sampling.classes"]


def test_a_shuffled_batch_has_no_more_pictures_than_there_are():
    assert fitted(SamplingConfig(batch=64), make.pictures(24)).batch == 24
    assert fitted(SamplingConfig(batch=16), make.pictures(24)).batch == 16


def labelled(counts: list[int]) -> PictureSet:
    """So many pictures of each class, and five of none."""
    labels = np.repeat([*range(len(counts)), -1], [*counts, 5]).astype(np.int64)
    pixels = np.zeros((len(labels), 8, 8, 3), np.uint8)
    return PictureSet(pixels, labels, np.arange(len(labels)), tuple(map(str, range(len(counts)))))


def test_the_config_names_the_sampler():
    assert isinstance(sampler_for(make.pictures(), BALANCED, seed=0), Balanced)
    assert isinstance(sampler_for(make.pictures(), SamplingConfig(batch=4), seed=0), Shuffled)
