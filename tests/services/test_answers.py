"""What is measured of answers: refusals, probabilities, and the gain of looking further, on sets known by heart."""

from __future__ import annotations

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image as Pictures

from retrieval import live_encoders
from retrieval.errors import InvalidInput
from retrieval.evaluation import LabelledSet
from retrieval.matching import WORDS, Sample, fit
from retrieval.services.evaluation import answers, word_answers
from retrieval.services.evaluation.answers import Named
from tests.embedding.tables import table
from tests.factories import EncoderFactory
from tests.web.test_bands import calibration


def named(name: str, *, seed: int, spread: float = 0.5) -> Named:
    """Six classes of twenty about directions of the set's own."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(6), 20)
    drawn = generator.normal(size=(6, 16))[labels] + spread * generator.normal(size=(120, 16))
    units = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
    return Named(name, LabelledSet(units, labels, tuple("abcdef"), tuple(map(str, range(120)))))


def test_what_a_set_does_not_hold_is_seen_and_its_probabilities_hold():
    found = list(answers.open_sets(EncoderFactory.build(), [named("one", seed=1), named("two", seed=2)]))
    assert [each.name for each in found] == ["one", "two"]
    for each in found:
        assert each.near.seen > 0.9
        assert each.strangers.seen > 0.9
        assert (each.said, each.near.refused) == (None, None)
        assert sum(row.count for row in each.refitted) == 120 * answers.HITS


def test_alone_there_are_no_strangers_and_small_sets_are_not_refitted():
    small = named("one", seed=1).items
    part = LabelledSet(small.vectors[:80], small.labels[:80], small.classes, small.items[:80])
    (found,) = answers.open_sets(EncoderFactory.build(), [Named("one", part)])
    assert (found.strangers, found.refitted) == (None, None)


def test_looking_further_is_measured_for_each_set_and_for_all_as_one():
    sets = [named("one", seed=1, spread=1.0), named("two", seed=2, spread=1.0)]
    fitted = fit(Sample(sets[0].items.vectors, sets[0].items.labels, np.zeros(120, np.int64)))
    found = list(answers.gains(fitted, sets))
    assert [each.name for each in found] == ["one", "two", answers.MIXED]
    for each in found:
        plain, *others = each.steps.values()
        assert min(others) > plain
        assert each.steps["neighbourhood + expand + LDA"] > each.steps["neighbourhood"]
    alone = [each.steps["neighbourhood"] for each in found[:2]]
    assert found[2].steps["plain"] < min(each.steps["plain"] for each in found[:2]) + 0.2
    assert answers.mean(found[:2]).steps["neighbourhood"] == pytest.approx(sum(alone) / 2)


def test_without_a_calibration_nothing_looks_further():
    with pytest.raises(InvalidInput):
        answers.calibration_of(EncoderFactory.build(calibration={}))


def test_classes_of_two_sets_stay_apart_in_the_mixed_one():
    whole = answers.mixed([named("one", seed=1), named("two", seed=2)])
    assert (len(whole), len(whole.classes), whole.labels.max()) == (240, 12, 11)
    assert whole.classes[6] == "two/a"


class MeanColour:
    """Encodes a picture as its mean colour about grey."""

    def encode(self, images):
        return np.array([image.reshape(-1, 3).mean(axis=0) - 128 for image in images], np.float32)


def test_words_are_told_from_those_whose_class_is_left_out_and_from_strangers(monkeypatch):
    """Each word lies where its class does, so that all are told at once, and one unknown word is left out."""
    one, other = named("own", seed=0, spread=0.2), named("other", seed=1)
    middles = [one.items.vectors[one.items.labels == label].mean(axis=0) for label in range(6)]
    names = one.items.classes
    rows = {f"word{number}": middle for number, middle in enumerate(middles)}
    monkeypatch.setattr(live_encoders, "words", lambda row: table(rows, classes=["word0"], rank=16))
    words = {**dict(zip(names, rows, strict=True)), names[0]: "qqqqq"}
    part = fit(Sample(one.items.vectors, one.items.labels, np.zeros(120, np.int64))).to_dict()
    encoder = EncoderFactory.build(calibration={WORDS: {**part, "nothing_below": 0.9}})
    found = word_answers.word_refusals(encoder, [one, other], queries={"own": {"en": words}})
    assert [(each.name, each.words) for each in found] == [("own en", 5), ("all", 5)]
    assert found[-1].near.auc == found[-1].strangers.auc == 1
    assert (found[-1].near.refused, found[-1].near.false_alarms) == (1, 0)


def test_words_need_a_table_and_a_set_that_asks(monkeypatch):
    monkeypatch.setattr(live_encoders, "words", lambda row: None)
    with pytest.raises(InvalidInput, match="no word table"):
        word_answers.word_refusals(EncoderFactory.build(), [named("own", seed=0)], queries={})
    monkeypatch.setattr(live_encoders, "words", lambda row: table())
    with pytest.raises(InvalidInput, match="None of these sets"):
        word_answers.word_refusals(EncoderFactory.build(), [named("own", seed=0)], queries={"corel1k": {}})


@pytest.mark.django_db
def test_the_command_shows_both(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(live_encoders, "for_row", lambda row: MeanColour())
    for name, colour in (("red", (250, 20, 20)), ("green", (20, 250, 20))):
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(4):
            Pictures.new("RGB", (8, 8), (colour[0], colour[1], 20 + number)).save(
                tmp_path / "set" / name / f"{number}.png"
            )
    encoder = EncoderFactory(dimension=3, calibration=calibration())
    call_command("evaluate_answers", encoder.name, str(tmp_path / "set"), "--open-set", verbosity=0)
    call_command("evaluate_answers", encoder.name, str(tmp_path / "set"), "--further", verbosity=0)
    shown = capsys.readouterr().out
    assert "near: AUC 1.000" in shown
    assert "set: mAP 100.00 plain, 100.00 expand (+0.00), 100.00 expand + LDA (+0.00)" in shown
    with pytest.raises(CommandError, match="no folder"):
        call_command("evaluate_answers", encoder.name, str(tmp_path / "none"), "--further")
