"""Collections: who sees, who may, and what stays after sharing ends."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser

from retrieval.errors import Forbidden, InvalidInput, NotFound
from retrieval.models import AuditEvent, Collection, Embedding, Image, ImageDigest, Role
from retrieval.services.images import collections, members
from retrieval.services.images.collections import CollectionChanges
from retrieval.services.images.members import Member
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory

pytestmark = pytest.mark.django_db

VISITOR = AnonymousUser()


def with_role(collection, role):
    user = UserFactory()
    collection.memberships.create(user=user, role=role)
    return user


@pytest.mark.parametrize(
    ("visibility", "owner", "member", "stranger", "visitor"),
    [
        ("private", True, False, False, False),
        ("shared", True, True, False, False),
        ("public", True, True, True, False),
    ],
)
def test_who_sees_a_collection(visibility, owner, member, stranger, visitor):
    collection = CollectionFactory(visibility=visibility)
    people = [collection.owner, with_role(collection, "viewer"), UserFactory(), VISITOR]
    seen = [Collection.objects.visible_to(person).exists() for person in people]
    assert seen == [owner, member, stranger, visitor]


def test_visitors_see_public_collections_only_where_the_operator_says_so(settings):
    CollectionFactory(visibility="public")
    CollectionFactory(visibility="shared")
    settings.IMAGESEARCH = type(settings.IMAGESEARCH)(**{**settings.IMAGESEARCH.__dict__, "public_search": True})
    assert Collection.objects.visible_to(VISITOR).count() == 1


def test_a_superuser_is_a_person_like_any_other_here():
    CollectionFactory()
    assert not Collection.objects.visible_to(UserFactory(is_superuser=True)).exists()


def test_pictures_follow_their_collection_and_deleted_ones_nobody_sees():
    image = ImageFactory(collection__visibility="shared")
    member, stranger = with_role(image.collection, "viewer"), UserFactory()
    assert list(Image.objects.visible_to(member)) == [image]
    assert not Image.objects.visible_to(stranger).exists()
    Image.objects.update(deleted_at="2026-01-01T00:00:00Z")
    assert not Image.objects.visible_to(image.collection.owner).exists()


def test_the_listing_counts_pictures_vectors_and_names_the_role():
    encoder = EncoderFactory(dimension=3)
    collection = CollectionFactory(visibility="shared")
    first, _ = ImageFactory.create_batch(2, collection=collection)
    ImageFactory(collection=collection, deleted_at="2026-01-01T00:00:00Z")
    Embedding.objects.create(
        image=first, encoder=encoder, collection=collection, vector=[1, 0, 0], length=1, centred_length=1
    )
    member = with_role(collection, "manager")
    (mine,), (theirs,) = collections.listing(collection.owner), collections.listing(member)
    assert (mine.role, theirs.role) == ("owner", "manager")
    assert (mine.image_count, mine.ready_count) == (2, 1)


def test_an_invisible_collection_answers_like_an_absent_one():
    hidden = CollectionFactory()
    with pytest.raises(NotFound) as one:
        collections.get(hidden.pk, user=UserFactory())
    with pytest.raises(NotFound) as other:
        collections.get("0190a0a0-0000-7000-8000-000000000000", user=UserFactory())
    assert str(one.value) == str(other.value)


@pytest.mark.parametrize(("role", "allowed"), [("viewer", False), ("contributor", False), ("manager", True)])
def test_a_manager_edits_and_shares_and_lesser_roles_do_not(role, allowed):
    collection = CollectionFactory(visibility="shared")
    user, friend = with_role(collection, role), UserFactory()
    calls = [
        lambda: collections.edit(collection, user=user, changes=CollectionChanges(name="New")),
        lambda: members.ask(collection, user=user, member=Member(friend.username, "viewer")),
        lambda: members.take_out(collection, user=user, username=friend.username),
    ]
    for call in calls:
        if allowed:
            call()
        else:
            with pytest.raises(Forbidden):
                call()


def test_only_the_owner_changes_the_visibility_and_deletes():
    collection = CollectionFactory(visibility="shared")
    manager = with_role(collection, "manager")
    with pytest.raises(Forbidden):
        collections.edit(collection, user=manager, changes=CollectionChanges(visibility="public"))
    with pytest.raises(Forbidden):
        collections.delete(collection, user=manager)


def test_an_edit_leaves_the_fields_it_does_not_name():
    collection = CollectionFactory(description="As it was")
    collections.edit(collection, user=collection.owner, changes=CollectionChanges(name="Other"))
    collection.refresh_from_db()
    assert (collection.name, collection.description) == ("Other", "As it was")


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "  "), ("name", "x" * 201), ("name", "a\x00b"), ("description", "x" * 2001), ("visibility", "secret")],
)
def test_a_wrong_value_names_its_field(field, value):
    with pytest.raises(InvalidInput) as caught:
        collections.create(owner=UserFactory(), **{"name": "Fine", field: value})
    assert field in caught.value.fields


def test_a_member_may_leave_and_then_sees_nothing():
    collection = CollectionFactory(visibility="shared")
    user = with_role(collection, "viewer")
    members.take_out(collection, user=user, username=user.username)
    assert not Collection.objects.visible_to(user).exists()


@pytest.mark.parametrize(("username", "role", "field"), [("no spaces", "viewer", "username"), (None, "owner", "role")])
def test_a_wrong_member_is_refused(username, role, field):
    collection = CollectionFactory(visibility="shared")
    with pytest.raises(InvalidInput) as caught:
        members.ask(collection, user=collection.owner, member=Member(username or UserFactory().username, role))
    assert field in caught.value.fields


def test_strangers_do_not_learn_who_the_members_are():
    collection = CollectionFactory(visibility="public")
    with_role(collection, "viewer")
    with pytest.raises(Forbidden):
        members.listing(collection, user=UserFactory())


def test_deleting_hides_everything_at_once_and_leaves_a_trail():
    encoder = EncoderFactory(dimension=3)
    image = ImageFactory(collection__visibility="public")
    collection, owner = image.collection, image.collection.owner
    ImageDigest.objects.create(collection=collection, sha256=image.sha256, image=image)
    Embedding.objects.create(
        image=image, encoder=encoder, collection=collection, vector=[1, 0, 0], length=1, centred_length=1
    )
    collections.delete(collection, user=owner)
    assert not Collection.objects.visible_to(owner).exists()
    assert not Image.objects.visible_to(owner).exists()
    assert not Embedding.objects.filter(collection__isnull=False).exists()
    assert not ImageDigest.objects.exists()
    assert AuditEvent.objects.filter(action="collection.deleted", actor=owner).exists()


def test_roles_are_ordered():
    assert [role.rank for role in Role] == [0, 1, 2, 3]
