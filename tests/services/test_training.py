"""Training inside the product: from a collection to a draft encoder, cancelled, broken off, refused."""

from __future__ import annotations

import io
import tomllib
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
import torch
from PIL import Image as Picture

from retrieval import live_encoders, tasks, whole_files
from retrieval import training as room
from retrieval.embedding import checkpoint
from retrieval.errors import Conflict, Forbidden, InvalidInput, NotFound
from retrieval.models import Encoder, EncoderState, Image, Labels, LongJobState, TrainingRun
from retrieval.services.encoders import training
from retrieval.services.encoders.training import TrainingRequest
from retrieval.services.images import images
from retrieval.services.images.image_fields import ImageChanges
from retrieval.services.operations import long_work
from retrieval.training import loop
from retrieval.training.state import Point
from retrieval.web.forms.training import EXAMPLE
from retrieval.work import ProgressWriter, kinds, long_jobs, messages
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory

pytestmark = pytest.mark.django_db

CONFIG = {
    "name": "mine",
    "recipe": "classify",
    "encoder": {"backbone": "mobilenet_v2", "projection": "linear", "dimension": 8, "image_size": 32,
                "widths": [8] * 17 + [32]},
    "optimiser": {"steps": 2, "lr": 1e-3},
    "data": {"stored_size": 32, "held_out_share": 0.0},
    "sampling": {"kind": "shuffled", "batch": 4},
    "schedule": {"sizes": [[0.0, 32]], "report_every": 1, "checkpoint_every": 1},
}  # fmt: skip


@pytest.fixture(autouse=True)
def measured_elsewhere(monkeypatch):
    """Steps enough as it is; `tests/training/test_precision.py` tells what is measured."""
    monkeypatch.setattr(loop, "measured", lambda *_: {"float32": 1.0})


@pytest.fixture
def admin():
    return UserFactory(is_staff=True, is_superuser=True)


@pytest.fixture
def collection(admin):
    """Eight pictures of two tags."""
    row = CollectionFactory(owner=admin)
    chance = np.random.default_rng(0)
    for number in range(8):
        out = io.BytesIO()
        Picture.fromarray(chance.integers(0, 255, (24, 24, 3), dtype=np.uint8)).save(out, "PNG")
        texts = ImageChanges(tags=("red",) if number % 2 else ("blue",), group_key=f"case {number // 2}")
        images.add(images.Upload(io.BytesIO(out.getvalue()), f"{number}.png", texts), user=admin, collection=row)
    return row


def started(collection, admin, **changes):
    return training.start(TrainingRequest({**CONFIG, **changes}, collection), user=admin)


def test_the_pictures_are_the_collections_and_no_path_of_the_server(collection, admin):
    with pytest.raises(InvalidInput, match=r"leave data\.path out"):
        started(collection, admin, data={"path": "/etc"})


def run(row):
    done = long_jobs.run(training.KIND, row.pk)
    row.refresh_from_db()
    return done


def claimed(row):
    return ProgressWriter(training.KIND, long_jobs.claim(training.KIND, row.pk))


def test_a_run_ends_with_a_draft_encoder_and_its_curve(collection, admin):
    row = started(collection, admin)
    run(row)
    assert (row.state, row.step, row.error_text, row.attempts) == (LongJobState.DONE, 2, "", 1)
    assert [point["step"] for point in row.curve][-1] == 2
    assert row.record["data_digest"]
    assert (row.encoder.name, row.encoder.state, row.encoder.trained) == ("mine", EncoderState.DRAFT, True)
    run(row)
    assert Encoder.objects.filter(name="mine").count() == 1


def test_the_example_of_the_page_runs_from_the_bundled_weights_to_a_draft(collection, admin):
    """As it stands, but for fewer steps of fewer and smaller pictures."""
    config = tomllib.loads(EXAMPLE)
    config["optimiser"] |= {"steps": 2, "lr": 1e-9}
    config |= {"sampling": {"batch": 4}, "schedule": {"sizes": [[0.0, 64]]}}
    row = training.start(TrainingRequest(config, collection), user=admin)
    run(row)
    assert (row.state, row.error_text) == (LongJobState.DONE, "")
    bundled = checkpoint.load(live_encoders.weights_path("compact-v1.safetensors")).state_dict()
    trained = live_encoders.plain(row.encoder).state_dict()
    assert row.encoder.state == EncoderState.DRAFT
    assert all(torch.allclose(trained[name], bundled[name], atol=1e-3) for name in bundled)


@pytest.mark.parametrize("name", ["lost.safetensors", "../compact-v1.safetensors", "mobilenet_v2:lost.pth"])
def test_weights_that_are_not_there_are_refused_at_the_start(collection, admin, name):
    with pytest.raises(InvalidInput) as refused:
        started(collection, admin, start={"weights": name})
    assert list(refused.value.fields) == ["start.weights"]


def test_labels_are_tags_or_group_keys(collection, admin):
    progress = claimed(started(collection, admin))
    by_tags = training.pictures(collection, side=16, progress=progress)
    progress.row.labels = Labels.GROUP_KEY
    by_groups = training.pictures(collection, side=16, progress=progress)
    assert by_tags.classes == ("blue", "red")
    assert len(by_groups.classes) == 4
    assert len(set(by_tags.groups.tolist())) == 4


def test_a_run_that_is_cancelled_makes_no_encoder(collection, admin, monkeypatch):
    row = started(collection, admin)
    monkeypatch.setattr(kinds, "TELL_EVERY", -1.0)
    real = room.run

    def cancelled(*args, **options):
        long_work.cancel(row, user=admin)
        return real(*args, **options)

    monkeypatch.setattr(room, "run", cancelled)
    run(row)
    assert (row.state, row.step) == (LongJobState.CANCELLED, 0)
    assert not Encoder.objects.filter(name="mine").exists()


def test_a_run_that_was_given_back_goes_on_from_its_checkpoint(collection, admin, monkeypatch):
    row, seen = started(collection, admin), []
    monkeypatch.setattr(kinds, "TELL_EVERY", -1.0)
    real_watch, real_run = training.Watch.watch, room.run

    def given_back(watch, at):
        real_watch(watch, at)
        if at.step == 1:
            assert long_jobs.give_back() == 1

    with monkeypatch.context() as patch:
        patch.setattr(training.Watch, "watch", given_back)
        assert run(row)
    assert (row.state, row.step, row.attempts, row.error_text) == (LongJobState.QUEUED, 1, 0, "")
    monkeypatch.setattr(room, "run", lambda *args, **said: seen.append(said["resume"]) or real_run(*args, **said))
    assert run(row)
    assert (row.state, row.step, row.attempts, seen) == (LongJobState.DONE, 2, 1, [True])
    assert [point["step"] for point in row.curve] == [1, 2]


def test_only_a_run_that_gets_further_forgets_its_attempts(collection, admin):
    """A checkpoint that is gone back to is no step further, however often it is reached."""
    row = started(collection, admin)
    for step, attempts in ((1, 1), (1, 2), (2, 1)):
        TrainingRun.objects.update(state=LongJobState.QUEUED)
        training.Watch(claimed(row)).watch(room.Progress(step, 2, Point(step, 0.1, {"loss": 1.0})))
        assert TrainingRun.objects.values_list("step", "attempts").get() == (step, attempts)


def test_a_name_that_a_run_holds_is_refused_until_that_is_over(collection, admin):
    first = started(collection, admin)
    with pytest.raises(InvalidInput) as refused:
        started(collection, admin)
    assert list(refused.value.fields) == ["name"]
    long_work.cancel(first, user=admin)
    started(collection, admin)


def test_a_run_is_not_begun_again_under_a_name_that_is_taken_now(collection, admin):
    row = started(collection, admin)
    long_work.cancel(row, user=admin)
    started(collection, admin)
    with pytest.raises(InvalidInput):
        long_work.resume(row, user=admin)


def test_a_name_that_was_taken_meanwhile_ends_the_run_and_blocks_no_other(collection, admin):
    row, following = started(collection, admin), started(collection, admin, name="other")
    EncoderFactory(name="mine", state="draft")
    assert run(row)
    assert (row.state, row.error_code, row.encoder) == (LongJobState.FAILED, "name_taken", None)
    assert run(following)
    assert Encoder.objects.filter(name="other").exists()


def test_an_overtaken_run_leaves_no_encoder(collection, admin, monkeypatch):
    row, real = started(collection, admin), room.run

    def overtaken(*args, **said):
        result = real(*args, **said)
        TrainingRun.objects.update(lease_token=uuid4())
        return result

    monkeypatch.setattr(room, "run", overtaken)
    assert run(row)
    assert (row.state, row.encoder) == (LongJobState.RUNNING, None)
    assert not Encoder.objects.filter(name="mine").exists()


def test_pictures_whose_original_vanished_are_left_out(collection, admin):
    progress = claimed(started(collection, admin))
    whole = training.pictures(collection, side=16, progress=progress)
    ImageFactory(collection=collection, tags=["red"])  # it never had a file
    found = training.pictures(collection, side=16, progress=progress)
    assert (found.pixels == whole.pixels).all()
    assert found.labels.tolist() == whole.labels.tolist()
    Image.objects.filter(pk=Image.objects.order_by("pk").first().pk).update(sha256="f" * 64)
    with pytest.raises(InvalidInput, match="at least 8"):
        training.pictures(collection, side=16, progress=progress)


def test_a_full_disk_at_a_checkpoint_is_the_reason_of_the_failure(collection, admin, monkeypatch):
    row = started(collection, admin)
    monkeypatch.setattr(whole_files.os, "fdopen", lambda *_: Path("/dev/full").open("wb"))  # noqa: SIM115
    monkeypatch.setattr(messages, "send", lambda task, args=(): None)
    tasks.long_job("training", str(row.pk))
    row.refresh_from_db()
    assert (row.state, row.error_code) == (LongJobState.FAILED, "storage_full")


def test_a_run_does_not_train_on_what_its_owner_may_not_see_any_more(collection, admin):
    row = started(collection, admin)
    collection.owner = UserFactory()
    collection.save()
    assert not run(row)  # it is not even begun
    assert (row.state, row.error_code) == (LongJobState.FAILED, "not_found")
    with pytest.raises(InvalidInput, match="at least 8"):
        training.pictures(collection, side=16, progress=ProgressWriter(training.KIND, row))


def test_too_few_pictures_fail_with_a_sentence(admin):
    row = started(CollectionFactory(owner=admin), admin)
    run(row)
    assert (row.state, row.error_code) == (LongJobState.FAILED, "invalid_input")
    assert "at least 8" in row.error_text


@pytest.mark.parametrize("changes", [{"recipe": "magic"}, {"optimiser": {"steps": 0}}, {"colour": "red"}])
def test_a_wrong_config_is_refused_at_the_start(collection, admin, changes):
    row = None
    with pytest.raises(InvalidInput):
        row = started(collection, admin, **changes)
    assert row is None


def test_a_taken_name_is_refused(collection, admin):
    EncoderFactory(name="mine")
    with pytest.raises(Conflict):
        started(collection, admin)


def test_rights(collection, admin):
    with pytest.raises(Forbidden):
        started(collection, UserFactory())
    with pytest.raises(NotFound):
        started(collection, UserFactory(is_staff=True, is_superuser=True))
    with pytest.raises(NotFound):
        long_work.get(training.KIND, "0190a0a0-0000-7000-8000-000000000000", user=admin)
