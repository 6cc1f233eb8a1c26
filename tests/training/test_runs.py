"""A whole run: split, start, export, record; and that what cannot work is said first."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace

import numpy as np
import pytest

from retrieval.embedding import checkpoint
from retrieval.errors import InvalidInput, StorageFull
from retrieval.training import Hooks, Places, RunConfig, run
from retrieval.training.data import PictureSet, from_arrays
from retrieval.training.recipes import LABELLED
from retrieval.training.runs import measurable, retrieval_score, split
from retrieval.training.supervised import Classify, ClassifyOptions
from tests.training import make

pytestmark = pytest.mark.usefixtures("converted_once")


def places(folder, pictures: PictureSet | None = None) -> Places:
    checkpoint.save(make.encoder(seed=9), folder / "first.safetensors")
    return Places(pictures or make.pictures(40), folder.joinpath, folder / "out")


def test_a_run_writes_weights_that_load_and_a_record_that_tells_all(tmp_path):
    config = make.config("arcface", schedule={"sizes": [[0.0, 32]], "report_every": 2, "evaluate_every": 2})
    result = run(config, places=places(tmp_path))
    encoder = checkpoint.load(result.weights, sha256=result.sha256)
    assert encoder.spec == config.encoder
    record = json.loads((tmp_path / "out" / "tiny.json").read_text())
    assert record == json.loads(json.dumps(result.record.to_dict()))
    assert RunConfig.from_dict(record["config"]) == config
    assert (record["steps"], record["pictures_seen"], record["weights_sha256"]) == (4, 24, result.sha256)
    assert [point["step"] for point in record["curve"]] == [0, 2, 2, 4, 4]
    assert record["best_score"] == max(point["values"].get("score", 0) for point in record["curve"])


def test_a_stopped_run_is_exported_and_goes_on(tmp_path):
    config = make.config("classify")
    stopped = run(config, places=places(tmp_path), hooks=Hooks(stop=lambda: True))
    assert stopped.record.steps == 0
    assert run(config, places=places(tmp_path), resume=True).record.steps == 4


def test_a_start_from_weights_and_by_whitening(tmp_path):
    pictures = make.pictures(60)
    start = {"weights": "first.safetensors", "whiten": True}
    config = make.config("contrastive", start=start)
    result = run(config, places=places(tmp_path, pictures), hooks=Hooks(stop=lambda: True))
    encoder, first = checkpoint.load(result.weights), make.encoder(seed=9)
    found, given = encoder.state_dict(), first.state_dict()
    name = "backbone.features.5.conv.0.0.weight"
    assert np.allclose(found[name], given[name], atol=1e-3)
    vectors = encoder.encode(list(pictures.pixels))
    spread = np.cov(vectors.T)
    assert np.abs(spread - np.diag(np.diag(spread))).max() < 0.2 * spread.max()


def test_a_share_of_the_first_weights_can_be_kept(tmp_path):
    first = make.encoder(seed=9)
    name = "projection.weight"
    start = {"weights": "first.safetensors", "kept": 0.25}
    finished = {}
    for kept in (0.0, 0.25):
        config = make.config("classify", start={**start, "kept": kept})
        finished[kept] = checkpoint.load(run(config, places=places(tmp_path)).weights).state_dict()[name]
    expected = 0.25 * first.state_dict()[name] + 0.75 * finished[0.0]
    assert np.allclose(finished[0.25], expected, atol=2e-3)


def test_a_start_by_pruning_narrows(tmp_path):
    config = make.config("classify", encoder={**make.SPEC, "widths": [8, *[16] * 16, 32]}, start={"keep": 0.5})
    result = run(config, places=places(tmp_path), hooks=Hooks(stop=lambda: True))
    assert checkpoint.load(result.weights).spec.widths == (*[8] * 17, 32)


def test_the_split_keeps_labelled_pictures_to_measure_on():
    pictures = make.pictures(40)
    config = make.config("vicreg", data={"held_out_share": 0.5, "most_validated": 7, "stored_size": 32})
    training, validation = split(config, pictures)
    assert (len(training), len(validation)) == (20, 7)
    none = make.config("vicreg", data={"held_out_share": 0.0, "unlabelled": ["toy/c1"]})
    training, validation = split(none, pictures)
    assert (len(training), len(validation)) == (40, 0)
    assert set(training.labels) == {-1, 0, 2}


def test_only_the_named_scopes_are_trained_on():
    pictures = make.pictures(6)
    config = make.config("vicreg", data={"only": ["toy"], "held_out_share": 0.0})
    assert len(split(config, pictures)[0]) == 6
    with pytest.raises(InvalidInput, match="shop"):
        split(make.config("vicreg", data={"only": ["shop"]}), pictures)


def test_the_score_is_mean_average_precision():
    one_colour_a_class = make.pictures(30)
    recipe = Classify(make.encoder(), classes=3, options=ClassifyOptions())
    score = retrieval_score(one_colour_a_class)(recipe)
    assert 0.33 < score <= 1


@pytest.mark.parametrize("labels", [[], [0], [0, 0, 0], [0, 1, 2], [-1, -1, 0, 0]])
def test_without_two_of_a_class_and_another_there_is_no_score(tmp_path, labels):
    numbers = np.array(labels, np.int64)
    shown = make.pictures(len(labels) or 1)
    held = PictureSet(shown.pixels[: len(labels)], numbers, np.arange(len(labels)), shown.classes)
    assert not measurable(held)
    assert measurable(make.pictures(6))


def test_a_score_that_cannot_be_taken_is_null_with_its_reason(tmp_path):
    """Twelve pictures of two classes, of which one is held out: this was NaN, which is no JSON."""
    config = make.config(
        "classify",
        data={"stored_size": 32, "held_out_share": 0.1},
        schedule={"sizes": [[0.0, 32]], "report_every": 1, "evaluate_every": 2},
    )
    told = []
    run(config, places=places(tmp_path, make.pictures(12, classes=2)), hooks=Hooks(tell=told.append))
    record = json.loads((tmp_path / "out" / "tiny.json").read_text(), parse_constant=pytest.fail)
    assert record["best_score"] is None
    assert not any("score" in point["values"] for point in record["curve"])
    assert [note for note in record["notes"] if note.startswith("There is no score")] == told


def test_what_was_left_out_is_in_the_record(tmp_path):
    shown = replace(make.pictures(40), left_out=("a.png is broken.",))
    result = run(make.config("classify"), places=places(tmp_path, shown), hooks=Hooks(stop=lambda: True))
    assert result.record.left_out == ("a.png is broken.",)
    assert result.record.notes[0].startswith("1 of 41 pictures are left out.")


def test_few_pictures_make_smaller_batches_and_it_is_said(tmp_path):
    sampling = {"kind": "balanced", "classes": 8, "per_class": 8, "batch": 0}
    config = make.config("arcface", sampling=sampling, start={"whiten": True}, encoder={**make.SPEC, "dimension": 20})
    told = []
    result = run(config, places=places(tmp_path, make.pictures(16)), hooks=Hooks(tell=told.append))
    batch = result.record.config["sampling"]
    assert (batch["classes"], result.record.steps) == (3, 4)
    assert result.record.pictures_seen == 4 * 3 * batch["per_class"]
    assert told[0].startswith(f"Batches have {3 * batch['per_class']} pictures, not 64")
    assert told[1].startswith("12 pictures give a meaning to 11 of the 20 numbers")


def test_too_few_pictures_to_train_on_are_refused(tmp_path):
    with pytest.raises(InvalidInput, match="at least 8 pictures; there are 7"):
        run(make.config("classify"), places=places(tmp_path, make.pictures(7)))


@pytest.mark.parametrize(
    ("code", "error", "said"),
    [(errno.ENOSPC, StorageFull, "has no room"), (errno.EROFS, InvalidInput, "cannot be written to")],
)
def test_a_folder_that_takes_nothing_is_one_sentence(tmp_path, monkeypatch, code, error, said):
    def failing(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(checkpoint, "safetensors_bytes", failing)
    with pytest.raises(error, match=said):
        run(make.config("classify"), places=Places(make.pictures(40), tmp_path.joinpath, tmp_path / "out"))


def test_a_run_that_may_stop_early_keeps_its_best_weights(tmp_path):
    schedule = {"sizes": [[0.0, 32]], "evaluate_every": 1, "patience": 2}
    scores = iter([0.9, 0.3, 0.2, 0.1])
    config = make.config("classify", schedule=schedule, start={"weights": "first.safetensors"})
    result = run(config, places=places(tmp_path), hooks=Hooks(score=lambda _: next(scores)))
    assert result.record.steps == 2
    found, first = (
        net.state_dict()["projection.weight"] for net in (checkpoint.load(result.weights), make.encoder(seed=9))
    )
    assert np.allclose(found, first, atol=1e-3)


@pytest.mark.parametrize("recipe", sorted(LABELLED))
def test_pictures_without_a_label_take_no_place_in_a_batch(recipe, tmp_path):
    mostly_none = from_arrays(list(make.pictures(60).pixels), ["toy/a", "toy/b", *[""] * 58], side=32)
    config = make.config(recipe, sampling={"kind": "shuffled", "batch": 2}, data={"held_out_share": 0.0})
    result = run(config, places=places(tmp_path, mostly_none))
    assert result.record.steps == 4
    assert all(np.isfinite(point.values["loss"]) for point in result.record.curve)
    assert result.record.config["sampling"]["batch"] == 2


@pytest.mark.parametrize("recipe", sorted(LABELLED))
def test_a_recipe_that_learns_from_labels_is_refused_without_any(recipe, tmp_path):
    with pytest.raises(InvalidInput) as caught:
        run(make.config(recipe), places=places(tmp_path, make.pictures(labelled=False)))
    assert list(caught.value.fields) == ["data"]


def test_stopping_early_needs_something_to_measure_on(tmp_path):
    config = make.config("vicreg", schedule={"sizes": [[0.0, 32]], "patience": 2, "evaluate_every": 1})
    with pytest.raises(InvalidInput) as caught:
        run(config, places=places(tmp_path, make.pictures(labelled=False)))
    assert list(caught.value.fields) == ["schedule.patience"]


FINISH = {"levels": [3], "quarters": [11], "weights": [0.5, 0.5], "dimension": 6}


def test_a_run_can_end_with_earlier_maps_beside_the_learned_vector(tmp_path):
    result = run(make.config("classify", finish=FINISH), places=places(tmp_path))
    spec = checkpoint.load(result.weights, sha256=result.sha256).spec
    assert (spec.levels, spec.quarters, spec.dimension) == ((3,), (11,), 6)
    assert RunConfig.from_dict(result.record.config).finish.weights == (0.5, 0.5)


def test_a_finish_that_does_not_fit_is_refused_before_the_first_step(tmp_path):
    config = make.config("classify", finish={**FINISH, "weights": [0.5]})
    with pytest.raises(InvalidInput, match=r"finish\.weights"):
        run(config, places=places(tmp_path), hooks=Hooks(watch=lambda _: pytest.fail("it began")))
