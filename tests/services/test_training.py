"""Training inside the product: from a collection to a draft encoder, cancelled, broken off, refused."""

from __future__ import annotations

import io
import tomllib

import numpy as np
import pytest
import torch
from PIL import Image as Picture

from retrieval import encoders
from retrieval import training as room
from retrieval.embedding import checkpoint
from retrieval.errors import Conflict, Forbidden, InvalidInput, NotFound
from retrieval.models import Encoder, EncoderState, RunState, TrainingRun
from retrieval.services import images, training
from retrieval.services.picture_fields import ImageChanges
from retrieval.services.training import TrainingRequest
from retrieval.web.forms.training import EXAMPLE
from tests.factories import CollectionFactory, EncoderFactory, UserFactory

pytestmark = pytest.mark.django_db

CONFIG = {
    "name": "mine",
    "recipe": "classify",
    "encoder": {"backbone": "mobilenet_v3_large", "projection": "linear", "dimension": 8, "image_size": 32},
    "optimiser": {"steps": 2, "lr": 1e-3},
    "data": {"stored_size": 32, "held_out_share": 0.0},
    "sampling": {"kind": "shuffled", "batch": 4},
    "schedule": {"sizes": [[0.0, 32]], "report_every": 1, "checkpoint_every": 1},
}


@pytest.fixture
def admin():
    return UserFactory(is_staff=True)


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


def test_a_run_ends_with_a_draft_encoder_and_its_curve(collection, admin):
    row = started(collection, admin)
    assert training.unfinished() == [row.pk]
    training.run(row.pk)
    row.refresh_from_db()
    assert (row.state, row.step, row.error_text) == (RunState.DONE, 2, "")
    assert [point["step"] for point in row.curve][-1] == 2
    assert row.record["data_digest"]
    assert (row.encoder.name, row.encoder.state, row.encoder.trained) == ("mine", EncoderState.DRAFT, True)
    assert training.unfinished() == []
    training.run(row.pk)
    assert Encoder.objects.filter(name="mine").count() == 1


def test_the_example_of_the_page_runs_from_the_bundled_weights_to_a_draft(collection, admin):
    """As it stands, but for fewer steps of fewer and smaller pictures."""
    config = tomllib.loads(EXAMPLE)
    config["optimiser"] |= {"steps": 2, "lr": 1e-9}
    config |= {"sampling": {"batch": 4}, "schedule": {"sizes": [[0.0, 64]]}}
    row = training.start(TrainingRequest(config, collection), user=admin)
    training.run(row.pk)
    row.refresh_from_db()
    assert (row.state, row.error_text) == (RunState.DONE, "")
    bundled = checkpoint.load(encoders.weights_path("compact-v1.safetensors")).state_dict()
    trained = encoders.load(row.encoder).state_dict()
    assert row.encoder.state == EncoderState.DRAFT
    assert all(torch.allclose(trained[name], bundled[name], atol=1e-3) for name in bundled)


@pytest.mark.parametrize("name", ["lost.safetensors", "../compact-v1.safetensors", "mobilenet_v2:lost.pth"])
def test_weights_that_are_not_there_are_refused_at_the_start(collection, admin, name):
    with pytest.raises(InvalidInput) as refused:
        started(collection, admin, start={"weights": name})
    assert list(refused.value.fields) == ["start.weights"]


def test_labels_are_tags_or_group_keys(collection):
    by_tags = training.pictures(collection, by="tags", side=16)
    by_groups = training.pictures(collection, by="group_key", side=16)
    assert by_tags.classes == ("blue", "red")
    assert len(by_groups.classes) == 4
    assert len(set(by_tags.groups.tolist())) == 4


def test_a_run_that_is_cancelled_makes_no_encoder(collection, admin, monkeypatch):
    row = started(collection, admin)
    monkeypatch.setattr(training, "ASK_EVERY", -1.0)
    real = room.run

    def cancelled(*args, **options):
        training.cancel(row, user=admin)
        return real(*args, **options)

    monkeypatch.setattr(room, "run", cancelled)
    training.run(row.pk)
    row.refresh_from_db()
    assert (row.state, row.step) == (RunState.CANCELLED, 0)
    assert not Encoder.objects.filter(name="mine").exists()


def test_one_in_line_is_cancelled_at_once(collection, admin):
    row = started(collection, admin)
    training.cancel(row, user=admin)
    training.run(row.pk)
    row.refresh_from_db()
    assert row.state == RunState.CANCELLED


def test_a_run_whose_worker_died_goes_on(collection, admin):
    row = started(collection, admin)
    TrainingRun.objects.update(state=RunState.RUNNING, worker=training.ledger.worker_name())
    training.run(row.pk)
    row.refresh_from_db()
    assert row.state == RunState.RUNNING
    host, boot, pid, _ = training.ledger.worker_name().rsplit("/", 3)
    TrainingRun.objects.update(worker=f"{host}/{boot}/{pid}/1")
    assert training.unfinished() == [row.pk]
    training.run(row.pk)
    row.refresh_from_db()
    assert row.state == RunState.DONE


def test_one_run_at_a_time(collection, admin):
    first, second = started(collection, admin), started(collection, admin, name="other")
    TrainingRun.objects.filter(pk=first.pk).update(state=RunState.RUNNING, worker=training.ledger.worker_name())
    training.run(second.pk)
    second.refresh_from_db()
    assert second.state == RunState.QUEUED


def test_too_few_pictures_fail_with_a_sentence(admin):
    row = started(CollectionFactory(owner=admin), admin)
    training.run(row.pk)
    row.refresh_from_db()
    assert (row.state, row.error_code) == (RunState.FAILED, "invalid_input")
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
        started(collection, UserFactory(is_staff=True))
    with pytest.raises(NotFound):
        training.get("0190a0a0-0000-7000-8000-000000000000")
