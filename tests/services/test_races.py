"""Many people at the same moment: no end that no order of them would have had.

``IMAGESEARCH_RACE_ROUNDS`` is how many rounds of 24 at once; the whole figure is 50.
"""

from __future__ import annotations

import os
import threading
from functools import partial

import pytest

from retrieval.errors import Conflict, Forbidden, InvalidInput, NotFound, RetrievalError
from retrieval.models import (
    ApiToken,
    AuditEvent,
    Collection,
    Encoder,
    EncoderState,
    Image,
    ImageDigest,
    Membership,
)  # fmt: skip
from retrieval.services.encoders import encoders, indexes
from retrieval.services.images import collections, images, members
from retrieval.services.images.collections import CollectionChanges
from retrieval.services.images.images import ImageChanges, Upload
from retrieval.services.images.members import Member
from retrieval.services.people import accounts, rights
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory
from tests.racing import at_once, in_turn

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 24
ROUNDS = int(os.environ.get("IMAGESEARCH_RACE_ROUNDS", "1"))
rounds = pytest.mark.parametrize("nth", range(ROUNDS))
AS_THE_FORM_SENDS = CollectionChanges("Changed", "By a manager", "shared")


@pytest.fixture
def shared():
    return CollectionFactory(visibility="shared", name="As it was")


def put_in(collection, role="manager", **fields):
    person = UserFactory(**fields)
    collection.memberships.create(user=person, role=role)
    return person


def surprises(found):
    """What nobody expects: anything but a result and the errors that the app raises on purpose."""
    return [each for each in found if isinstance(each, Exception) and not isinstance(each, RetrievalError)]


# --- Visibility ------------------------------------------------------------------------------------------------------


@rounds
def test_managers_saves_never_undo_the_owners_private(shared, nth):
    managers = [put_in(shared) for _ in range(AT_ONCE - 1)]
    read_before = [Collection.objects.get(pk=shared.pk) for _ in range(AT_ONCE)]

    def save(number):
        if number == 0:
            changes = CollectionChanges(visibility="private")
            return collections.edit(read_before[0], user=shared.owner, changes=changes)
        return collections.edit(read_before[number], user=managers[number - 1], changes=AS_THE_FORM_SENDS)

    found = at_once(save, AT_ONCE)
    shared.refresh_from_db()
    assert (surprises(found), shared.visibility) == ([], "private")
    (event,) = AuditEvent.objects.filter(action="collection.visibility")
    assert (event.actor_id, event.detail) == (shared.owner_id, {"before": "shared", "to": "private"})


def private_first(shared, save):
    """The owner makes it private; a manager who read it before saves while that is being committed."""
    manager, read_before = put_in(shared), Collection.objects.get(pk=shared.pk)
    private = CollectionChanges(visibility="private")
    _, second = in_turn(
        lambda: collections.edit(shared, user=shared.owner, changes=private), lambda: save(read_before, user=manager)
    )
    shared.refresh_from_db()
    return second, shared


def test_a_managers_save_waits_for_the_owners_and_is_refused(shared):
    second, row = private_first(shared, partial(collections.edit, changes=AS_THE_FORM_SENDS))
    assert isinstance(second, NotFound)
    assert (row.visibility, row.name) == ("private", "As it was")


def test_compared_with_a_row_read_before_it_undoes_it_without_a_trail(shared):
    """The way it was: the control of both tests above."""

    def save(collection, *, user):
        rights.require_role(collection, user=user, role=collections.Role.MANAGER)
        wanted = collections._checked(AS_THE_FORM_SENDS)
        if wanted["visibility"] != collection.visibility:
            rights.require_role(collection, user=user, role=collections.Role.OWNER)
        for field, value in wanted.items():
            setattr(collection, field, value)
        collection.save(update_fields=[*wanted, "updated_at"])

    second, row = private_first(shared, save)
    assert (second, row.visibility) == (None, "shared")
    assert AuditEvent.objects.filter(action="collection.visibility").count() == 1


def test_an_edit_writes_only_what_differs(shared):
    other = Collection.objects.get(pk=shared.pk)
    collections.edit(other, user=shared.owner, changes=CollectionChanges(description="Hers"))
    collections.edit(shared, user=shared.owner, changes=CollectionChanges(name="His"))
    shared.refresh_from_db()
    assert (shared.name, shared.description) == ("His", "Hers")


# --- Pictures --------------------------------------------------------------------------------------------------------


@rounds
def test_of_many_moves_one_counts(shared, nth):
    EncoderFactory(dimension=3)
    image = ImageFactory(collection=shared)
    ImageDigest.objects.create(collection=shared, sha256=image.sha256, image=image)
    movers = [put_in(shared, "contributor") for _ in range(AT_ONCE)]
    goals = [CollectionFactory(owner=mover) for mover in movers]
    seen = [Image.objects.get(pk=image.pk) for _ in movers]
    found = at_once(lambda n: images.move(seen[n], user=movers[n], collection=goals[n]), AT_ONCE)
    moved = [each for each in found if isinstance(each, Image)]
    assert (surprises(found), len(moved)) == ([], 1)
    image.refresh_from_db()
    assert image.collection_id == moved[0].collection_id
    assert [row.collection_id for row in ImageDigest.objects.all()] == [image.collection_id]
    (event,) = AuditEvent.objects.filter(action="image.moved")
    assert (event.detail["source"], event.detail["goal"]) == (str(shared.pk), str(image.collection_id))


ACTS = {
    "move": lambda image, user, own: images.move(image, user=user, collection=own),
    "edit": lambda image, user, own: images.edit(image, user=user, changes=ImageChanges(title="Taken")),
    "delete": lambda image, user, own: images.delete(image, user=user),
    "retry": lambda image, user, own: images.retry(image, user=user),
    "add": lambda image, user, own: images.add(
        Upload(_png(), "x.png"), user=user, collection=Collection.objects.get(pk=image.collection_id)),
}  # fmt: skip
TAKING = {
    "taken out": lambda shared, user: members.take_out(shared, user=shared.owner, username=user.username),
    "made private": lambda shared, user: collections.edit(
        shared, user=shared.owner, changes=CollectionChanges(visibility="private")),
    "deleted": lambda shared, user: collections.delete(shared, user=shared.owner),
}  # fmt: skip


def _png():
    import io

    from tests.services.test_jobs import png

    return io.BytesIO(png((1, 2, 3)))


def after_losing_the_role(shared, act, taking):
    """A contributor acts while the role is being taken: what came of it, and the picture as it is then."""
    EncoderFactory(dimension=3)
    image, user = ImageFactory(collection=shared, title="Hers"), put_in(shared, "contributor")
    own = CollectionFactory(owner=user)
    _, second = in_turn(lambda: TAKING[taking](shared, user), lambda: ACTS[act](image, user, own))
    return second, Image.objects.get(pk=image.pk)


@pytest.mark.parametrize("taking", TAKING)
@pytest.mark.parametrize("act", ACTS)
def test_a_right_that_is_being_taken_serves_no_more(shared, act, taking, settings, tmp_path):
    second, image = after_losing_the_role(shared, act, taking)
    assert isinstance(second, (NotFound, Forbidden))
    assert (image.title, image.collection_id, Image.objects.count()) == ("Hers", shared.pk, 1)
    assert (image.deleted_at is None) == (taking != "deleted")


@pytest.mark.parametrize("act", ["move", "edit", "delete"])
def test_without_the_hold_a_right_that_is_being_taken_still_serves(shared, act, monkeypatch):
    monkeypatch.setattr(collections, "hold", lambda *_: None)
    second, image = after_losing_the_role(shared, act, "taken out")
    assert not isinstance(second, Exception)
    assert (image.title, image.collection_id, image.deleted_at) != ("Hers", shared.pk, None)


def test_a_picture_is_not_changed_by_a_role_where_it_was(shared):
    """It was moved since it was read: the role in the old place says nothing of the new one."""
    image, user, goal = ImageFactory(collection=shared), put_in(shared, "contributor"), CollectionFactory()
    read_before = Image.objects.get(pk=image.pk)
    Image.objects.filter(pk=image.pk).update(collection=goal)
    for act in ("edit", "delete", "move", "retry"):
        with pytest.raises((Conflict, NotFound)):
            ACTS[act](read_before, user, CollectionFactory(owner=user))
    assert Image.objects.get(pk=image.pk).collection == goal


# --- Members ---------------------------------------------------------------------------------------------------------


@rounds
def test_asking_one_name_at_once_asks_once(shared, nth):
    managers = [put_in(shared) for _ in range(AT_ONCE)]
    roles = ["viewer", "contributor", "manager"]
    found = at_once(lambda n: members.ask(shared, user=managers[n], member=Member("nobody-yet", roles[n % 3])), AT_ONCE)
    assert [each for each in found if isinstance(each, Exception)] == []
    assert shared.memberships.filter(user=None).count() == 1


@rounds
def test_who_was_asked_and_is_asked_no_more_is_out_whoever_was_first(shared, nth):
    managers, friend = [put_in(shared) for _ in range(AT_ONCE - 1)], UserFactory()
    members.ask(shared, user=shared.owner, member=Member(friend.username, "viewer"))

    def act(number):
        if number == 0:
            return members.accept(shared.pk, user=friend)
        return members.take_out(shared, user=managers[number - 1], username=friend.username)

    found = at_once(act, AT_ONCE)
    assert surprises(found) == []
    assert not shared.memberships.exclude(user__in=managers).exists()
    assert sum(not isinstance(each, Exception) for each in found[1:]) == 1


@rounds
def test_managers_who_take_each_other_out_act_only_while_they_are_managers(shared, nth):
    ring = [put_in(shared) for _ in range(AT_ONCE)]
    found = at_once(
        lambda n: members.take_out(shared, user=ring[n], username=ring[(n + 1) % AT_ONCE].username), AT_ONCE
    )
    assert surprises(found) == []
    gone: set[int] = set()
    ids = {person.username: person.pk for person in ring}
    for event in AuditEvent.objects.filter(action="collection.unshared").order_by("at"):
        assert event.actor_id not in gone
        gone.add(ids[event.detail["username"]])
    assert set(shared.memberships.values_list("user_id", flat=True)) == set(ids.values()) - gone


def test_without_the_lock_two_managers_take_each_other_out(shared, monkeypatch):
    one, other = put_in(shared), put_in(shared)
    unlocked = lambda pk: Collection.objects.get(pk=pk)  # noqa: E731
    monkeypatch.setattr(collections, "locked", unlocked)
    in_turn(
        lambda: members.take_out(shared, user=one, username=other.username),
        lambda: members.take_out(shared, user=other, username=one.username),
    )
    assert not Membership.objects.exists()


def test_the_last_place_of_those_who_are_asked_is_given_once(shared, monkeypatch):
    monkeypatch.setattr(members, "MOST_ASKED", 5)
    found = at_once(lambda n: members.ask(shared, user=shared.owner, member=Member(f"friend{n}", "viewer")), AT_ONCE)
    assert sum(isinstance(each, InvalidInput) for each in found) == AT_ONCE - 5
    assert shared.memberships.count() == 5


# --- Tokens ----------------------------------------------------------------------------------------------------------


def with_tokens(count):
    person = UserFactory()
    for number in range(count):
        accounts.issue_token(person, name=str(number))
    return person


@rounds
def test_nobody_gets_more_tokens_than_there_may_be(nth):
    person = with_tokens(accounts.TOKENS_PER_USER - 10)
    found = at_once(lambda n: accounts.issue_token(person, name=f"at once {n}"), AT_ONCE)
    assert sum(isinstance(each, InvalidInput) for each in found) == AT_ONCE - 10
    assert ApiToken.objects.filter(user=person).count() == accounts.TOKENS_PER_USER


def test_counted_without_the_lock_there_are_more(monkeypatch):
    person, all_counted = with_tokens(accounts.TOKENS_PER_USER - 1), threading.Barrier(AT_ONCE)

    def count_first(user, **_):
        there = ApiToken.objects.filter(user=user).count()
        all_counted.wait(60)
        assert there < accounts.TOKENS_PER_USER

    monkeypatch.setattr(accounts, "_require_room", count_first)
    at_once(lambda n: accounts.issue_token(person, name=str(n)), AT_ONCE)
    assert ApiToken.objects.filter(user=person).count() == accounts.TOKENS_PER_USER - 1 + AT_ONCE


@rounds
def test_a_token_is_revoked_once(nth):
    _, row = accounts.issue_token(UserFactory())
    found = at_once(lambda n: accounts.revoke_token(row.pk, user=row.user), AT_ONCE)
    assert (surprises(found), found.count(None)) == ([], 1)
    assert AuditEvent.objects.filter(action="token.revoked").count() == 1


# --- Encoders --------------------------------------------------------------------------------------------------------


@pytest.fixture
def boss(monkeypatch):
    for name in ("ensure", "drop"):
        monkeypatch.setattr(indexes, name, lambda encoder: None)
    return UserFactory(is_staff=True, is_superuser=True)


def test_of_many_switches_at_once_each_comes_after_the_other(boss):
    rows = [EncoderFactory(state="active"), *(EncoderFactory(state="retired") for _ in range(7))]
    found = at_once(lambda n: encoders.activate(rows[n], user=boss), len(rows))
    assert [each for each in found if isinstance(each, Exception)] == []
    assert Encoder.objects.filter(state=EncoderState.ACTIVE).count() == 1


def test_what_is_being_activated_is_not_dropped(boss):
    EncoderFactory(state="active")
    chosen = EncoderFactory(state="retired")
    read_before = Encoder.objects.get(pk=chosen.pk)
    _, second = in_turn(lambda: encoders.activate(chosen, user=boss), lambda: encoders.drop(read_before, user=boss))
    assert isinstance(second, Conflict)
    assert Encoder.objects.active() == chosen


def test_what_is_being_dropped_is_not_activated(boss):
    chosen = EncoderFactory(state="retired")
    read_before = Encoder.objects.get(pk=chosen.pk)
    _, second = in_turn(lambda: encoders.drop(chosen, user=boss), lambda: encoders.activate(read_before, user=boss))
    assert isinstance(second, NotFound)
