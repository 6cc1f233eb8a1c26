"""Calibrating an encoder on folders, keeping it on the row, and finding it beside the weights."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image as Pictures

from retrieval import live_encoders
from retrieval.errors import InvalidInput, WeightsError
from retrieval.evaluation import LabelledSet
from retrieval.matching import WORDS, Calibration, of_words
from retrieval.models import Encoder, Image
from retrieval.services.encoders import projections, weights
from retrieval.services.encoders.projections import ProjectionRequest
from retrieval.services.evaluation import calibrations, evaluation
from retrieval.services.evaluation.calibrations import CalibrationRequest
from retrieval.services.evaluation.evaluation import CollectionLabels, Folder
from retrieval.work import long_jobs
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory
from tests.search.rows import embed

pytestmark = pytest.mark.django_db


class MeanColour:
    """Encodes a picture as its mean colour about grey."""

    def encode(self, images):
        return np.array([image.reshape(-1, 3).mean(axis=0) - 128 for image in images], np.float32)


@pytest.fixture
def folders(tmp_path):
    """Two folders: reds and greens, and blues without a label."""
    generator = np.random.default_rng(0)
    for folder, name, channel in (("a", "red", 0), ("a", "green", 1), ("b", "_", 2)):
        place = tmp_path / folder / name
        place.mkdir(parents=True)
        for number in range(30):
            colour = generator.integers(90, 150, 3)
            colour[channel] = 240
            Pictures.new("RGB", (8, 8), tuple(colour.tolist())).save(place / f"{number}.png")
    return [tmp_path / "a", tmp_path / "b"]


def test_the_command_keeps_what_it_fitted_on_the_row_and_in_a_file(folders, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(live_encoders, "for_row", lambda row: MeanColour())
    encoder, file = EncoderFactory(dimension=3, trained=True), tmp_path / "kept.calibration.json"
    call_command("calibrate_encoder", encoder.name, *map(str, folders), "--file", str(file), verbosity=0)
    kept = Encoder.objects.get(pk=encoder.pk).calibration
    assert json.loads(file.read_text()) == json.loads(json.dumps(kept))
    found = Calibration.from_dict(kept)
    learned_from = sorted(Folder(folder).digest() for folder in folders)
    assert found.fitted_on == {"pictures": 90, "queries": 60, "sets": 2, "learned_from": learned_from}
    low, high = found.probability([0.0, 0.99], candidates=90)
    assert low < high
    assert "60 queries" in capsys.readouterr().out


def test_the_command_says_in_a_sentence_what_is_wrong(tmp_path):
    encoder = EncoderFactory(dimension=3)
    with pytest.raises(CommandError, match="no folder"):
        call_command("calibrate_encoder", encoder.name, str(tmp_path / "none"))
    with pytest.raises(CommandError, match="no encoder named"):
        call_command("calibrate_encoder", "nobody", str(tmp_path))


def test_labels_are_numbered_through_and_the_unlabelled_have_none():
    sets = [
        LabelledSet(np.eye(3, dtype=np.float32), np.array([0, 1, 1]), ("_", "cat"), ("1", "2", "3")),
        LabelledSet(2 * np.eye(3, dtype=np.float32)[:1], np.array([0]), ("dog",), ("4",)),
    ]
    sample = calibrations.sample_of(sets)
    assert (sample.labels.tolist(), sample.sets.tolist()) == ([-1, 1, 1, 2], [0, 0, 0, 1])
    assert np.linalg.norm(sample.vectors, axis=1) == pytest.approx(1)


def test_nothing_to_calibrate_on_is_refused():
    with pytest.raises(InvalidInput):
        calibrations.measure(EncoderFactory(), [], progress=lambda *_: None)


def test_the_bundled_encoder_is_calibrated_from_the_first_start():
    row = weights.first_encoder()
    assert row.name == "compact-v1"
    assert Calibration.from_dict(row.calibration).nothing_below > 0


def test_an_encoder_of_before_is_given_the_calibration_beside_its_weights():
    row = weights.first_encoder()
    Encoder.objects.update(calibration={})
    assert weights.first_encoder().calibration == row.calibration
    assert Encoder.objects.get().calibration == row.calibration


def test_one_that_smooths_comes_with_the_calibration_of_smoothed_vectors():
    row = weights.first_encoder()
    smooth = projections.learn(row, ProjectionRequest("smooth", row.dimension, "neighbourhood"), user=None)
    assert (
        Calibration.from_dict(smooth.calibration).nothing_below > Calibration.from_dict(row.calibration).nothing_below
    )
    Encoder.objects.filter(pk=row.pk).update(state="retired")
    Encoder.objects.filter(pk=smooth.pk).update(state="active", calibration={})
    assert weights.first_encoder() == smooth
    assert weights.first_encoder().calibration == smooth.calibration


def test_a_calibration_of_ones_own_stays():
    weights.first_encoder()
    own = {**Encoder.objects.get().calibration, "nothing_below": 0.1}
    Encoder.objects.update(calibration=own)
    assert weights.first_encoder().calibration == own


def test_an_encoder_of_before_is_given_the_part_for_words_and_keeps_its_own():
    row = weights.first_encoder()
    own = {**{name: part for name, part in row.calibration.items() if name != WORDS}, "nothing_below": 0.1}
    Encoder.objects.update(calibration=own)
    assert weights.first_encoder().calibration == {**own, WORDS: row.calibration[WORDS]}


def test_pictures_and_words_are_calibrated_apart():
    row = weights.first_encoder()
    pictures, words = Calibration.from_dict(row.calibration), of_words(row.calibration)
    calibrations.save(row, replace(pictures, growth=0.5))
    calibrations.save_words(row, replace(words, growth=0.25))
    calibrations.save(row, replace(pictures, growth=0.75))
    kept = Encoder.objects.get().calibration
    assert (kept["growth"], kept[WORDS]["growth"]) == (0.75, 0.25)


def test_words_are_not_calibrated_before_pictures_are():
    words = of_words(weights.first_encoder().calibration)
    with pytest.raises(InvalidInput, match="calibrate_encoder"):
        calibrations.save_words(EncoderFactory(state="draft"), words)


@pytest.mark.parametrize("text", ["{", "{}", '{"strangers": 1}', "[]"])
def test_what_lies_beside_weights_and_is_no_calibration_is_refused(tmp_path, text):
    (tmp_path / "own.calibration.json").write_text(text)
    with pytest.raises(WeightsError, match=r"own\.calibration\.json"):
        weights._read(tmp_path / "own.calibration.json")


def test_it_is_calibrated_on_a_collection_as_long_work():
    admin = UserFactory(is_staff=True, is_superuser=True)
    home, encoder = CollectionFactory(owner=admin), EncoderFactory(dimension=3)
    pictures = [ImageFactory(collection=home, tags=["abc"[number % 3]]) for number in range(60)]
    noise = np.random.default_rng(0).normal(scale=0.4, size=(60, 3))
    embed(pictures, encoder=encoder, raw=(np.eye(3)[np.arange(60) % 3] + noise).astype(np.float32))
    row = calibrations.start(CalibrationRequest(encoder.name, home), user=admin)
    assert long_jobs.run(calibrations.KIND, row.pk)
    row.refresh_from_db()
    assert (row.state, row.error_text, row.result["queries"]) == ("done", "", 60)
    encoder = Encoder.objects.get()
    assert calibrations.counts(Calibration.from_dict(encoder.calibration)) == row.result
    measured = evaluation.run([encoder], source=CollectionLabels(home, admin))
    assert (measured.calibrated, measured.learned) == ((encoder.name,), ())
    Image.objects.all().update(collection=CollectionFactory(owner=admin))
    other = CollectionLabels(Image.objects.first().collection, admin)
    assert evaluation.run([encoder], source=other).calibrated == (encoder.name,)


@pytest.mark.parametrize(("name", "field"), [("nobody", "encoder"), ("", "collection")])
def test_what_cannot_be_calibrated_is_refused_by_field(name, field):
    admin = UserFactory(is_staff=True, is_superuser=True)
    request = CalibrationRequest(name or EncoderFactory(dimension=3).name, CollectionFactory(owner=admin))
    with pytest.raises(InvalidInput) as refused:
        calibrations.start(request, user=admin)
    assert list(refused.value.fields) == [field]
