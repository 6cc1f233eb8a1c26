"""The encoders side by side, and their life by buttons that only administrators have."""

from __future__ import annotations

import re

import pytest

from retrieval.models import Embedding, Encoder, EncoderState, RecallFigure
from tests.factories import EncoderFactory, UserFactory
from tests.web.library import put


@pytest.fixture
def admin(sees, db):
    return sees(UserFactory(is_staff=True, is_superuser=True))


@pytest.fixture
def other(encoder, collection):
    """A second encoder with one of one pictures done."""
    row = EncoderFactory(
        name="second", dimension=3, state=EncoderState.BUILDING, trained=False, scores={"pets": {"map": 0.8125}}
    )
    image = put(collection, "red", title="red")
    Embedding.objects.create(
        image=image, encoder=row, collection=collection, vector=[1, 0, 0], length=1, centred_length=1
    )
    return row


def test_states_scores_and_progress(page, other, collection):
    text = page.get("/encoders/").content.decode()
    assert ">Built<" in text
    assert "0.813" in text
    assert "1 / 1" in text
    put(collection, "blue", title="blue")
    text = page.get("/encoders/").content.decode()
    assert ">Being built<" in text
    assert "1 / 2" in text
    assert "untrained" in text


def test_an_encoder_that_is_built_is_called_so_wherever_it_can_be_chosen(page, owner, other):
    owner.is_staff = owner.is_superuser = True
    owner.save()
    for path in ("/evaluations/", "/judging/"):
        text = page.get(path).content.decode()
        assert ">Built<" in text
        assert ">Being built<" not in text


def test_a_projection_is_learned_from_the_active_encoder_unless_told_otherwise(admin, encoder):
    EncoderFactory(name="newer", dimension=3, state=EncoderState.RETIRED, trained=True)
    text = admin.get("/encoders/").content.decode()
    assert re.search(rf'<option value="{encoder.pk}" selected>', text)


def test_scores_on_a_collection_are_for_those_who_see_it(page, admin, stranger, other, collection):
    names = [f"collection {collection.pk} by {rest}" for rest in ("tags", "judgements (pearson)", "tags (20000 drawn)")]
    other.scores = {name: {"map": 0.625} for name in names} | {"pets": {"map": 0.75}}
    other.save()
    text = page.get("/encoders/").content.decode()
    assert "Birds · Tags<" in text
    assert re.search(r"Birds · [^<(]+ \(pearson\)<", text)
    assert "Birds · Tags (20000 drawn)<" in text
    assert text.count("0.625") == 3
    page.force_login(stranger)
    for browser in (page, admin):
        text = browser.get("/encoders/").content.decode()
        assert "0.750" in text
        assert not any(word in text for word in ("0.625", "Birds", str(collection.pk)))


def test_a_switch_says_which_figures_are_of_what_it_learned_from(admin, other, collection):
    learned, name = {"collection": str(collection.pk)}, f"collection {collection.pk} by tags"
    Encoder.objects.filter(pk=other.pk).update(scores={name: {"map": 0.6}, "pets": {"map": 0.7}}, origin=learned)
    collection.visibility = "public"
    collection.save()
    text = admin.post(f"/encoders/{other.pk}/activate/", follow=True).content.decode()
    assert "Searches use second now." in text
    assert "do not show that it finds more: Birds · Tags." in text


def test_progress_counts_what_one_sees(sees, stranger, other):
    text = sees(stranger).get("/encoders/").content.decode()
    assert "0 / 0" in text
    assert "1 / 1" not in text


def test_the_table_asks_again_only_while_something_is_built(page, other, collection):
    assert "hx-trigger" not in page.get("/encoders/now/").content.decode()
    put(collection, "blue", title="blue")
    assert 'hx-trigger="every 2s"' in page.get("/encoders/now/").content.decode()
    other.state = EncoderState.DRAFT
    other.save()
    assert "hx-trigger" not in page.get("/encoders/now/").content.decode()


def test_without_scores_the_page_says_how_to_get_some(page, encoder):
    assert "evaluate_encoder" in page.get("/encoders/").content.decode()


def test_only_administrators_have_buttons(page, admin, other):
    assert f"/encoders/{other.pk}/activate/" not in page.get("/encoders/").content.decode()
    assert f"/encoders/{other.pk}/activate/" in admin.get("/encoders/").content.decode()


def test_switch_and_way_back(admin, encoder, other):
    assert "Searches use second now." in admin.post(f"/encoders/{other.pk}/activate/", follow=True).content.decode()
    assert Encoder.objects.active() == other
    admin.post(f"/encoders/{encoder.pk}/activate/")
    assert Encoder.objects.active() == encoder


def test_a_worse_one_needs_a_reason(admin, encoder, other):
    encoder.scores = {"pets": {"map": 0.9}}
    encoder.save()
    answer = admin.post(f"/encoders/{other.pk}/activate/")
    assert answer.status_code == 409
    assert "Give a reason" in answer.content.decode()
    admin.post(f"/encoders/{other.pk}/activate/", {"reason": "Quicker"})
    assert Encoder.objects.active() == other


def test_build_and_drop(admin, encoder):
    row = EncoderFactory(name="third", dimension=3, state=EncoderState.DRAFT)
    admin.post(f"/encoders/{row.pk}/build/")
    row.refresh_from_db()
    assert row.state == EncoderState.BUILDING
    admin.post(f"/encoders/{row.pk}/drop/")
    assert not Encoder.objects.filter(pk=row.pk).exists()


@pytest.fixture
def learned(monkeypatch):
    """What the service was asked for; it makes a draft at once."""
    from retrieval.services.encoders import projections

    seen = []

    def learn(source, request, *, user):
        seen.append((source, request))
        return EncoderFactory(name=request.name, state=EncoderState.DRAFT)

    monkeypatch.setattr(projections, "learn", learn)
    return seen


def test_a_projection_is_learned_from_the_page(admin, encoder, learned):
    Encoder.objects.update(trained=True)
    said = {"encoder": encoder.pk, "name": "better", "method": "supervised", "dimension": 2, "by": "tags"}
    answer = admin.post("/encoders/projections/", {**said, "collection": ""}, follow=True)
    assert "better is a draft encoder now." in answer.content.decode()
    ((source, request),) = learned
    assert source == encoder
    assert (request.method, request.dimension, request.collection, request.by) == ("supervised", 2, None, "tags")


def test_a_projection_that_cannot_be_says_so_beside_the_field(admin, encoder):
    Encoder.objects.update(trained=True)
    said = {"encoder": encoder.pk, "name": "better", "method": "pca", "dimension": 99, "by": "tags"}
    answer = admin.post("/encoders/projections/", said)
    assert answer.status_code == 400
    assert "dimension must be from 1 to 3" in answer.content.decode()
    taken = admin.post("/encoders/projections/", {**said, "name": encoder.name})
    assert "already" in taken.content.decode()


def test_only_administrators_learn_projections(page, admin, encoder):
    assert "encoders/projections/" not in page.get("/encoders/").content.decode()
    assert "encoders/projections/" in admin.get("/encoders/").content.decode()
    assert page.post("/encoders/projections/", {}).status_code == 403


def test_an_administrator_chooses_the_kind_of_index(page, admin, other):
    RecallFigure.objects.create(encoder=other, kind="halves", size=3 * 2**20, recall=0.9912, queries=100, k=10)
    address = f"/encoders/{other.pk}/index/"
    assert address not in page.get("/encoders/").content.decode()
    text = admin.get("/encoders/").content.decode()
    assert "half precision" in text
    assert "3.0\xa0MB" in text
    assert "99.1" in text
    answer = admin.post(address, {"kind": "bits"}, follow=True)
    assert "The index is being built" in answer.content.decode()
    other.refresh_from_db()
    assert (other.index_kind, list(other.bits_centre)) == ("bits", [1, 0, 0])


def test_a_kind_that_there_is_not_is_refused(admin, other):
    assert admin.post(f"/encoders/{other.pk}/index/", {"kind": "nonsense"}).status_code == 400
    other.refresh_from_db()
    assert other.index_kind == "halves"
