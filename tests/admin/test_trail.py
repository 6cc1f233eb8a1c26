"""What the forms of the administration change leaves a trail, and undoes nothing that was decided meanwhile."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import RequestFactory
from django.urls import reverse
from unfold.admin import ModelAdmin

from retrieval.admin.collections import CollectionAdmin
from retrieval.models import ApiToken, AuditEvent, Collection, Image
from retrieval.services.people import accounts
from tests.factories import CollectionFactory, ImageFactory, UserFactory

pytestmark = pytest.mark.django_db

# Accounts and groups have a log of their own by Django.
BY_DJANGO = {User, Group}


@pytest.fixture
def boss(client):
    client.force_login(UserFactory(is_staff=True, is_superuser=True, username="boss"))
    return client


def trail():
    """What was done, the coming of the test's own people left out."""
    done = AuditEvent.objects.exclude(action="account.created").order_by("at", "id")
    return [(each.action, each.detail) for each in done]


def form_of(collection, members=(), **fields):
    """What the page of a collection sends: what it showed, and what was typed."""
    shown = {name: getattr(collection, name) for name in ("name", "description", "visibility")}
    shown["owner"] = collection.owner_id
    sent = {**{f"initial-{name}": value for name, value in shown.items()}, **shown, **fields}
    before = collection.memberships.exclude(user=None).count()
    sent |= {"memberships-TOTAL_FORMS": len(members), "memberships-INITIAL_FORMS": before}
    for number, row in enumerate(members):
        sent |= {f"memberships-{number}-{name}": value for name, value in row.items()}
    return sent


def send(client, collection, **more):
    address = reverse("admin:retrieval_collection_change", args=[collection.pk])
    answer = client.post(address, form_of(collection, **more))
    assert answer.status_code == 302, answer.context["errors"]
    collection.refresh_from_db()


def test_who_sees_it_and_whose_it_is_are_on_the_trail(boss):
    collection, heir = CollectionFactory(owner__username="ada"), UserFactory(username="ben")
    collection.memberships.create(user=heir, role="viewer")
    row = {"id": collection.memberships.get().pk, "collection": collection.pk, "user": heir.pk, "role": "viewer"}
    send(boss, collection, members=[row], visibility="public", owner=heir.pk)
    assert (collection.visibility, collection.owner) == ("public", heir)
    assert trail() == [
        ("collection.visibility", {"before": "private", "to": "public"}),
        ("collection.owner", {"before": "ada", "to": "ben"}),
    ]


def test_without_the_services_nothing_is_on_it(boss, monkeypatch):
    monkeypatch.setattr(CollectionAdmin, "save_model", ModelAdmin.save_model)
    monkeypatch.setattr(CollectionAdmin, "save_formset", ModelAdmin.save_formset)
    collection = CollectionFactory()
    send(boss, collection, members=[{"user": UserFactory().pk, "role": "manager"}], visibility="public")
    assert collection.visibility == "public"
    assert trail() == []


def test_members_who_come_change_and_go_are_on_the_trail(boss):
    collection = CollectionFactory(visibility="shared")
    one, two, three = (UserFactory(username=name) for name in ("one", "two", "three"))
    collection.memberships.create(username="one", role="manager")  # asked, and now put in
    send(boss, collection, members=[{"user": one.pk, "role": "viewer"}, {"user": two.pk, "role": "viewer"}])
    rows = [{"id": row.pk, "collection": collection.pk, "user": row.user_id, "role": row.role}
            for row in collection.memberships.order_by("username")]  # fmt: skip
    rows[0] |= {"role": "manager"}
    rows[1] |= {"user": three.pk}
    send(boss, collection, members=rows)
    rows = [{"id": row.pk, "collection": collection.pk, "user": row.user_id, "role": row.role, "DELETE": "on"}
            for row in collection.memberships.order_by("username")]  # fmt: skip
    send(boss, collection, members=rows)
    assert not collection.memberships.exists()
    assert [(action, detail["username"], detail.get("role")) for action, detail in trail()] == [
        ("collection.shared", "one", "viewer"), ("collection.shared", "two", "viewer"),
        ("collection.unshared", "two", None),
        ("collection.shared", "one", "manager"), ("collection.shared", "three", "viewer"),
        ("collection.unshared", "one", None), ("collection.unshared", "three", None),
    ]  # fmt: skip


def test_a_page_that_was_open_for_long_does_not_undo_private(boss):
    collection = CollectionFactory(visibility="shared", name="Birds")
    sent = form_of(collection, name="Boats")
    Collection.objects.update(visibility="private")
    assert boss.post(reverse("admin:retrieval_collection_change", args=[collection.pk]), sent).status_code == 302
    collection.refresh_from_db()
    assert (collection.name, collection.visibility, trail()) == ("Boats", "private", [])
    page = boss.get(reverse("admin:retrieval_collection_change", args=[collection.pk])).content.decode()
    for name in ("name", "visibility", "owner"):
        assert f'name="initial-{name}"' in page


def test_a_collection_that_is_added_is_on_the_trail(boss):
    owner = UserFactory(username="ada")
    sent = {"name": "New", "visibility": "private", "owner": owner.pk,
            "memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}  # fmt: skip
    assert boss.post(reverse("admin:retrieval_collection_add"), sent).status_code == 302
    assert Collection.objects.get().owner == owner
    assert trail() == [("collection.added", {"owner": "ada", "visibility": "private"})]


def test_words_of_pictures_are_on_the_trail(boss):
    image = ImageFactory(title="As it was", caption="Kept", metadata={})
    sent = {"title": "Changed", "caption": "Kept", "tags": "", "group_key": "", "source_url": "", "metadata": "{}"}
    assert boss.post(reverse("admin:retrieval_image_change", args=[image.pk]), sent).status_code == 302
    assert Image.objects.get().title == "Changed"
    assert trail() == [("image.edited", {"fields": ["title"], "collection": str(image.collection_id)})]


@pytest.mark.parametrize("several", [True, False])
def test_revoked_tokens_are_on_the_trail(boss, several):
    _, row = accounts.issue_token(UserFactory(username="ada"))
    if several:
        sent = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        boss.post(reverse("admin:retrieval_apitoken_changelist"), sent)
    else:
        boss.post(reverse("admin:retrieval_apitoken_delete", args=[row.pk]), {"post": "yes"})
    assert not ApiToken.objects.exists()
    assert trail()[-1] == ("token.revoked", {"username": "ada"})


def test_no_table_is_written_past_the_services():
    """A new page whose rows can be added, changed or deleted fails here until it writes by a service."""
    request = RequestFactory().get("/")
    request.user = UserFactory(is_staff=True, is_superuser=True)
    bare = []
    for model, shown in admin.site._registry.items():
        kind, needed = type(shown), set()
        if shown.has_change_permission(request) or shown.has_add_permission(request):
            needed.add("save_model")
        if shown.inlines:
            needed.add("save_formset")
        if shown.has_delete_permission(request):
            needed |= {"delete_model", "delete_queryset"}
        bare += [(model, name) for name in needed if getattr(kind, name) is getattr(ModelAdmin, name)]
    assert {model for model, _ in bare} <= BY_DJANGO
