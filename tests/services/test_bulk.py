"""Acts on many pictures: checked one by one, in as many statements as for one picture, and taken back as a whole."""

from __future__ import annotations

import uuid
from datetime import timedelta

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from retrieval.errors import Conflict, Forbidden, InvalidInput, NotFound
from retrieval.ingest import store
from retrieval.models import AuditEvent, BulkAct, BulkImage, Embedding, Image, ImageDigest, JobState, UserUsage
from retrieval.services.images import bulk, bulk_undo, choice, images
from retrieval.services.images.bulk import Acts
from retrieval.services.images.choice import Choice, ImageFilters
from retrieval.services.images.image_fields import ImageChanges
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory, job
from tests.search.rows import embed

pytestmark = pytest.mark.django_db
COLUMNS = ("title", "caption", "tags", "group_key", "metadata", "collection_id", "deleted_at")


@pytest.fixture
def collection():
    return CollectionFactory()


def put(collection, count=3, **fields):
    """Make pictures with digests, vectors and use, as the services leave them."""
    encoder = EncoderFactory._meta.model.objects.active() or EncoderFactory(dimension=3)
    rows = ImageFactory.create_batch(count, collection=collection, uploader=collection.owner, **fields)
    for row in rows:
        ImageDigest.objects.create(collection=collection, sha256=row.sha256, image=row)
        store.add_usage(row.uploader, images=1, size=row.bytes)
    embed(rows, encoder=encoder, raw=np.ones((count, 3), np.float32))
    return rows


def ids(*rows):
    return Choice(ids=[row.pk for row in rows])


def state():
    """All that an act may change."""
    rows = {row[0]: row[1:] for row in Image.objects.values_list("pk", *COLUMNS)}
    digests = set(ImageDigest.objects.values_list("collection_id", "sha256", "image_id"))
    places = dict(Embedding.objects.values_list("image_id", "collection_id"))
    return rows, digests, places, set(UserUsage.objects.values_list("user_id", "images", "bytes"))


def refused(outcome):
    return dict(outcome.refused)


def test_tags_and_fields_are_written_and_put_back(collection):
    first, second = put(collection, 2, tags=["b", "a"], metadata={"x": 1}, caption="Old")
    before = state()
    changes = ImageChanges(caption="New", metadata={"y": [2]})
    acts = Acts(add_tags=["c", " a ", "b"], remove_tags=["b", "zzz"], changes=changes)
    outcome = bulk.run(ids(first, second), user=collection.owner, acts=acts)
    assert (outcome.done, outcome.refused) == (2, [])
    first.refresh_from_db()
    assert (first.tags, first.caption, first.metadata) == (["b", "a", "c"], "New", {"y": [2]})
    assert bulk_undo.undo(outcome.undo, user=collection.owner).done == 2
    assert state() == before
    with pytest.raises(Conflict):
        bulk_undo.undo(outcome.undo, user=collection.owner)


def test_removed_tags_leave_the_order_of_the_others(collection):
    (row,) = put(collection, 1, tags=["c", "b", "a"])
    bulk.run(ids(row), user=collection.owner, acts=Acts(remove_tags=["b"]))
    row.refresh_from_db()
    assert row.tags == ["c", "a"]


def test_a_filter_means_what_the_list_shows(collection):
    put(collection, 2, tags=["bird"])
    put(CollectionFactory(owner=collection.owner), 1, tags=["bird"])
    put(CollectionFactory(), 1, tags=["bird"])
    filters = ImageFilters(collection=collection.pk, tag="bird", status="ready")
    outcome = bulk.run(Choice(filters=filters), user=collection.owner, acts=Acts(add_tags=["new"]))
    assert outcome.done == Image.objects.filter(tags__contains=["new"]).count() == 2


def test_each_picture_is_checked_by_itself(collection):
    collection.visibility = "shared"
    collection.save()
    person = UserFactory()
    own = CollectionFactory(owner=person)
    collection.memberships.create(user=person, role="viewer")
    (mine,), (seen,), (hidden,) = put(own, 1), put(collection, 1), put(CollectionFactory(), 1)
    (full,) = put(own, 1, tags=[str(number) for number in range(100)])
    gone = uuid.uuid4()
    choice = Choice(ids=[mine.pk, seen.pk, hidden.pk, full.pk, gone])
    outcome = bulk.run(choice, user=person, acts=Acts(add_tags=["new"]))
    assert refused(outcome) == {
        seen.pk: "forbidden", full.pk: "too_many_tags", hidden.pk: "not_found", gone: "not_found"
    }  # fmt: skip
    assert (outcome.done, outcome.refused_count) == (1, 4)
    assert list(Image.objects.filter(tags__contains=["new"])) == [mine]


def test_pictures_move_with_their_vectors_unless_the_goal_has_the_bytes(collection):
    goal = CollectionFactory(owner=collection.owner)
    one, two, same = put(collection, 3)
    twin = ImageFactory(collection=goal, uploader=goal.owner, sha256=same.sha256)
    ImageDigest.objects.create(collection=goal, sha256=same.sha256, image=twin)
    before = state()
    outcome = bulk.run(ids(one, two, same), user=goal.owner, acts=Acts(move=goal.pk, add_tags=["moved"]))
    assert (outcome.done, refused(outcome)) == (2, {same.pk: "same_picture"})
    assert set(Embedding.objects.filter(collection=goal).values_list("image_id", flat=True)) == {one.pk, two.pk}
    assert store.known(collection, [one.sha256]) == {}
    assert images.get(same.pk, user=goal.owner).tags == []
    assert bulk_undo.undo(outcome.undo, user=goal.owner).done == 2
    assert state() == before


def test_who_may_not_add_to_the_goal_moves_nothing(collection):
    goal = CollectionFactory(visibility="public")
    (row,) = put(collection, 1)
    with pytest.raises(Forbidden):
        bulk.run(ids(row), user=collection.owner, acts=Acts(move=goal.pk))
    with pytest.raises(NotFound):
        bulk.run(ids(row), user=collection.owner, acts=Acts(move=CollectionFactory().pk))
    assert not BulkAct.objects.exists()


def test_what_is_deleted_comes_back_with_all_that_belongs_to_it(collection):
    rows = put(collection, 3)
    again, other, _ = rows
    before = state()
    outcome = bulk.run(ids(*rows), user=collection.owner, acts=Acts(delete=True))
    assert not Image.objects.visible_to(collection.owner).exists()
    assert not Embedding.objects.exclude(collection=None).exists()
    assert UserUsage.objects.get(user=collection.owner).images == 3  # the trash counts
    (new,) = put(collection, 1, sha256=again.sha256)  # the same bytes came in meanwhile
    undone = bulk_undo.undo(outcome.undo, user=collection.owner)
    assert (undone.done, refused(undone)) == (2, {again.pk: "same_picture"})
    assert images.get(other.pk, user=collection.owner).deleted_at is None
    new.delete()
    Image.objects.filter(pk=again.pk).update(deleted_at=None)
    assert state()[0] == before[0]


def test_an_undo_leaves_alone_what_was_changed_since(collection):
    edited, kept, deleted = put(collection, 3, title="Old")
    acts = Acts(changes=ImageChanges(title="New"))
    outcome = bulk.run(ids(edited, kept, deleted), user=collection.owner, acts=acts)
    images.edit(edited, user=collection.owner, changes=ImageChanges(title="Mine"))
    images.delete(deleted, user=collection.owner)
    undone = bulk_undo.undo(outcome.undo, user=collection.owner)
    assert (undone.done, refused(undone)) == (1, {edited.pk: "image_changed", deleted.pk: "image_changed"})
    assert [Image.objects.get(pk=row.pk).title for row in (edited, kept)] == ["Mine", "Old"]


def test_an_undo_is_for_who_did_it_as_long_as_they_may(collection):
    collection.visibility = "shared"
    collection.save()
    person = UserFactory()
    member = collection.memberships.create(user=person, role="contributor")
    (row,) = put(collection, 1)
    outcome = bulk.run(ids(row), user=person, acts=Acts(add_tags=["new"]))
    with pytest.raises(NotFound):
        bulk_undo.undo(outcome.undo, user=collection.owner)
    member.role = "viewer"
    member.save()
    undone = bulk_undo.undo(outcome.undo, user=person)
    assert (undone.done, refused(undone)) == (0, {row.pk: "forbidden"})


def test_an_undo_ends_with_its_day(collection):
    (row,) = put(collection, 1)
    outcome = bulk.run(ids(row), user=collection.owner, acts=Acts(add_tags=["new"]))
    assert bulk_undo.forget_old() == 0
    BulkAct.objects.update(at=BulkAct.objects.get().at - bulk_undo.KEPT - timedelta(seconds=1))
    with pytest.raises(NotFound):
        bulk_undo.undo(outcome.undo, user=collection.owner)
    bulk_undo.forget_old()
    assert not BulkImage.objects.exists()


def test_vectors_are_made_again_and_nothing_is_kept_of_it(collection):
    (row,) = put(collection, 1)
    work = job(row, EncoderFactory._meta.model.objects.active(), state=JobState.DONE)
    outcome = bulk.run(ids(row), user=collection.owner, acts=Acts(embed=True))
    assert (outcome.done, outcome.undo) == (1, None)
    work.refresh_from_db()
    assert (work.state, work.round) == (JobState.PENDING, 2)
    assert not BulkAct.objects.exists()


def test_many_pictures_take_as_many_statements_as_one(collection):
    goal = CollectionFactory(owner=collection.owner)
    rows = put(collection, 7)

    def statements(*some):
        with CaptureQueriesContext(
            connection,
        ) as caught:
            done = bulk.run(ids(*some), user=collection.owner, acts=Acts(add_tags=["new"], move=goal.pk))
            bulk_undo.undo(done.undo, user=collection.owner)
            bulk.run(ids(*some), user=collection.owner, acts=Acts(delete=True))
        return len(caught)

    assert statements(rows[0]) == statements(*rows[1:])


def test_what_cannot_be_meant_is_refused(collection, monkeypatch):
    rows = put(collection, 2)
    wrong = [
        (Choice(), Acts(embed=True), "ids"),
        (Choice(ids=[], filters=ImageFilters()), Acts(embed=True), "ids"),
        (Choice(filters=ImageFilters()), Acts(delete=True), "filter"),
        (ids(*rows), Acts(delete=True, embed=True), "delete"),
        (ids(*rows), Acts(add_tags=["a"], changes=ImageChanges(tags=[])), "set"),
        (ids(*rows), Acts(add_tags=["x" * 101]), "tags"),
    ]
    for meant, acts, field in wrong:
        with pytest.raises(InvalidInput) as error:
            bulk.run(meant, user=collection.owner, acts=acts)
        assert field in error.value.fields
    with pytest.raises(InvalidInput) as error:
        bulk.run(ids(*rows), user=collection.owner, acts=Acts())
    assert error.value.code == "nothing_to_change"
    monkeypatch.setattr(bulk, "MOST", 1)
    monkeypatch.setattr(choice, "MOST", 1)
    with pytest.raises(InvalidInput) as error:
        bulk.run(Choice(filters=ImageFilters(collection=collection.pk)), user=collection.owner, acts=Acts(embed=True))
    assert "filter" in error.value.fields
    monkeypatch.setattr(choice, "MOST_IDS", 1)
    but = Choice(filters=ImageFilters(collection=collection.pk), but=[row.pk for row in rows])
    with pytest.raises(InvalidInput) as error:
        bulk.run(but, user=collection.owner, acts=Acts(embed=True))
    assert "but" in error.value.fields


def test_an_act_and_its_undo_are_on_the_trail(collection):
    (row,) = put(collection, 1)
    outcome = bulk.run(ids(row), user=collection.owner, acts=Acts(delete=True))
    bulk_undo.undo(outcome.undo, user=collection.owner)
    done, undone = AuditEvent.objects.filter(action__startswith="images.bulk").order_by("at")
    assert (done.actor, done.detail["acts"], done.detail["images"]) == (collection.owner, ["delete"], [str(row.pk)])
    assert (undone.action, undone.detail["count"]) == ("images.bulk_undone", 1)
