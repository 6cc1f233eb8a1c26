"""Staff do in the administration what they were given the right to, and nothing else.

Every action of every registered table is found by itself and asked for with each single right there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import RequestFactory
from django.urls import reverse

from retrieval import live_encoders
from retrieval.admin.images import ImageAdmin
from retrieval.conf import Provider
from retrieval.errors import Forbidden
from retrieval.models import Collection, EmbeddingJob, Encoder, Image, JobOverview, JobState
from retrieval.services.encoders import indexes
from retrieval.services.images import moderation
from retrieval.services.operations import long_work
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory, job
from tests.services.test_jobs import ColourEncoder

pytestmark = pytest.mark.django_db

# Which single right, if any, opens an action; superusers have them all. "view" of its own table always is too little.
OPENED_BY: dict[tuple[str, str], set[str]] = {
    ("apitoken", "delete_selected"): {"delete_apitoken"},
    ("collection", "delete_selected"): {"delete_collection"},
    ("encoder", "activate"): {"change_encoder"},
    ("encoder", "build"): {"change_encoder"},
    ("encoder", "drop"): {"change_encoder"},
    ("group", "delete_selected"): set(),
    ("image", "delete_selected"): {"delete_image"},
    ("image", "embed_again"): {"change_image"},
    ("image", "export_csv"): {"change_image", "view_image"},
    ("image", "move"): {"change_image"},
    ("joboverview", "try_again"): {"change_embeddingjob"},
    ("user", "delete_selected"): {"delete_user"},
    ("user", "mail_links"): {"change_user"},
    ("user", "make_links"): {"change_user"},
    ("user", "remove_second_factors"): {"change_user"},
    ("user", "unlink_identities"): {"change_user"},
} | {
    (kind.model._meta.model_name, action): {"change_encoder"}
    for kind in long_work.KINDS.values()
    for action in ("cancel", "remove", "resume")
}
READ_ONLY = {("image", "export_csv")}


@pytest.fixture(autouse=True)
def everything_set(settings):
    """A site with mail and an identity provider, which have actions of their own."""
    provider = Provider("https://id.example", "pictures")
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, mail_from="site@example.org", provider=provider)


def tables() -> Iterator[tuple[str, admin.ModelAdmin]]:
    for model, shown in admin.site._registry.items():
        yield model._meta.model_name, shown


def asked_by(user: User):
    request = RequestFactory().get("/")
    request.user = user
    return request


def actions(user: User) -> set[tuple[str, str]]:
    """Every action that the administration offers somebody."""
    return {(name, action) for name, shown in tables() for action in shown.get_actions(asked_by(user))}


def helper(*rights: str, **fields) -> User:
    """Somebody of the staff with these rights."""
    person = UserFactory(is_staff=True, **fields)
    person.user_permissions.set(Permission.objects.filter(codename__in=rights))
    assert person.user_permissions.count() == len(rights)
    return User.objects.get(pk=person.pk)


@cache
def _contents() -> str:
    """One statement for all tables: for each its name and its rows, in an order of their own."""
    kept = [model for model in apps.get_models() if model._meta.managed
            and model._meta.model_name not in {"auditevent", "logentry", "session"}]  # fmt: skip
    selects = []
    for model in kept:
        names = ", ".join(f'"{field.column}"' for field in model._meta.concrete_fields
                          if field.column and field.name != "last_login")  # fmt: skip
        rows = f"(SELECT {names} FROM {model._meta.db_table}) t"
        selects.append(
            f"SELECT '{model._meta.label}', (SELECT string_agg(t::text, chr(10) ORDER BY t::text) FROM {rows})"
        )
    return " UNION ALL ".join(selects)


def contents() -> dict[str, str | None]:
    """What all tables hold, less the trail, the sessions and what a sign-in notes."""
    with connection.cursor() as cursor:
        return dict(cursor.execute(_contents()).fetchall())


@pytest.fixture
def world(monkeypatch):
    """One row of everything that an action could be done to; nobody's right is needed for it."""
    monkeypatch.setattr(live_encoders, "for_row", lambda row: ColourEncoder())
    monkeypatch.setattr(indexes, "ensure", lambda encoder: None)
    monkeypatch.setattr(indexes, "drop", lambda encoder: None)
    private = CollectionFactory(name="Hers alone")
    image = ImageFactory(collection=private)
    encoder, draft = EncoderFactory(dimension=3), EncoderFactory(dimension=3, state="draft")
    job(image, encoder, state=JobState.FAILED, error_code="x", error_text="y")
    Group.objects.create(name="A group")
    return {"image": image.pk, "collection": private.pk, "encoder": draft.pk,
            "joboverview": JobOverview.objects.get().pk, "user": UserFactory().pk}  # fmt: skip


def act(client, person: User, name: str, action: str, chosen: object, **more: str):
    client.force_login(person)
    return client.post(
        reverse(f"admin:{'auth' if name in {'user', 'group'} else 'retrieval'}_{name}_changelist"),
        {"action": action, "_selected_action": [str(chosen)], "post": "yes", **more},
    )


def test_every_action_has_its_rights_written_down():
    assert actions(UserFactory(is_staff=True, is_superuser=True)) == set(OPENED_BY)


def test_each_single_right_opens_what_is_written_down_and_nothing_else():
    person, opened = helper(), {key: set() for key in OPENED_BY}
    for right in Permission.objects.select_related("content_type"):
        person.user_permissions.set([right])
        for key in actions(User.objects.get(pk=person.pk)):
            opened[key].add(right.codename)
    assert opened == OPENED_BY
    person.user_permissions.clear()
    assert not actions(User.objects.get(pk=person.pk))


@pytest.mark.parametrize(("name", "action"), sorted(OPENED_BY))
def test_an_action_asked_for_without_its_right_changes_nothing(client, world, name, action):
    """As staff with every other right of that table: the request is made all the same."""
    own = CollectionFactory(name="The helper's own")
    before = None
    for right in ("add", "change", "delete", "view"):
        table = "embeddingjob" if name == "joboverview" and right == "change" else name
        if f"{right}_{table}" in OPENED_BY[name, action] - ({f"view_{name}"} if (name, action) in READ_ONLY else set()):
            continue
        person = helper(f"{right}_{table}", username=f"helper-{right}")
        own.owner = person
        own.save()
        before = contents()
        act(client, person, name, action, world.get(name, 1), collection=str(own.pk))
        assert contents() == before, right
    assert before is not None


DEEDS = [("image", "move"), ("image", "embed_again"), ("image", "delete_selected"), ("collection", "delete_selected"),
         ("joboverview", "try_again")]  # fmt: skip


@pytest.mark.parametrize(("name", "action"), DEEDS)
def test_with_its_right_the_same_request_does_it(client, world, name, action):
    """So that what changed nothing above was no request in vain."""
    (right,) = OPENED_BY[name, action]
    person = helper(right, f"view_{name}")
    own, before = CollectionFactory(owner=person), contents()
    before = contents()
    act(client, person, name, action, world[name], collection=str(own.pk))
    assert contents() != before


def test_an_action_without_permissions_would_be_found(client, world, monkeypatch):
    """With the guard of the action taken away, reading rights offer it; the service below still refuses."""
    monkeypatch.delattr(ImageAdmin.move, "allowed_permissions")
    person = helper("view_image")
    assert ("image", "move") in actions(person)
    own = CollectionFactory(owner=person)
    refused = act(client, person, "image", "move", world["image"], collection=str(own.pk))
    assert refused.status_code == 403
    assert Image.objects.get().collection != own
    monkeypatch.setattr(moderation.rights, "require", lambda *_, **__: None)
    act(client, person, "image", "move", world["image"], collection=str(own.pk))
    assert Image.objects.get().collection == own


def test_who_may_not_see_collections_is_offered_only_her_own_to_move_to(client, world):
    person = helper("change_image", "view_image")
    own, hidden = CollectionFactory(owner=person, name="Mine"), Collection.objects.get(pk=world["collection"])
    client.force_login(person)
    text = client.get(reverse("admin:retrieval_image_changelist")).content.decode()
    assert f'<option value="{own.pk}">' in text
    assert f'<option value="{hidden.pk}">' not in text
    image = ImageFactory(collection=own)
    act(client, person, "image", "move", image.pk, collection=str(hidden.pk))
    assert Image.objects.get(pk=image.pk).collection == own


@pytest.mark.parametrize("deed", ["move_images", "embed_again", "delete_images", "delete_collection", "try_again"])
def test_the_services_ask_for_the_right_themselves(world, deed):
    person = helper("view_image", "view_collection", "view_joboverview")
    rows = {"delete_collection": Collection.objects.get(), "try_again": EmbeddingJob.objects.all()}
    more = {"collection": CollectionFactory(owner=person)} if deed == "move_images" else {}
    before = contents()
    with pytest.raises(Forbidden):
        getattr(moderation, deed)(rows.get(deed, Image.objects.all()), actor=person, **more)
    assert contents() == before


def test_staff_without_any_right_see_no_figures(client):
    client.force_login(helper())
    assert "The last 24 hours" not in client.get(reverse("admin:index")).content.decode()
    client.force_login(helper("change_encoder"))
    assert "The last 24 hours" in client.get(reverse("admin:index")).content.decode()


# --- Powers ---------------------------------------------------------------------------------------------------------

ESCALATION = {"is_staff": "on", "is_superuser": "on", "is_active": "on"}


def edit(client, person: User, whom: User, **fields):
    """Send the form of an account, with whatever fields one likes."""
    client.force_login(person)
    zero = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    address = reverse("admin:auth_user_change", args=[whom.pk])
    return client.post(address, {"username": whom.username, **zero, **ESCALATION, **fields})


def test_nobody_but_a_superuser_gives_powers(client):
    person, plain = helper("change_user", "view_user"), UserFactory()
    group = Group.objects.create(name="All rights")
    for whom in (person, plain):
        every = [right.pk for right in Permission.objects.all()]
        assert edit(client, person, whom, groups=[group.pk], user_permissions=every).status_code == 302
        whom.refresh_from_db()
        assert not whom.is_superuser
        assert whom.is_staff == (whom == person)
        assert not whom.groups.exists()
        assert whom.user_permissions.count() == (2 if whom == person else 0)


def test_without_the_guard_they_make_themselves_superusers(client, monkeypatch):
    monkeypatch.setattr("retrieval.admin.people.POWERS", ())
    person = helper("change_user", "view_user")
    edit(client, person, person)
    person.refresh_from_db()
    assert person.is_superuser


@pytest.mark.parametrize("powers", [{"is_superuser": True}, {"is_staff": True}])
def test_accounts_with_powers_are_out_of_reach(client, powers):
    person = helper("change_user", "delete_user", "view_user")
    above = UserFactory(**powers)
    before = above.password
    assert edit(client, person, above, email="mine@example.org").status_code == 403
    address = reverse("admin:auth_user_password_change", args=[above.pk])
    new = {"password1": "secret-pass-2", "password2": "secret-pass-2", "usable_password": "true"}
    assert client.post(address, new).status_code == 403
    assert client.post(reverse("admin:auth_user_delete", args=[above.pk]), {"post": "yes"}).status_code == 403
    act(client, person, "user", "delete_selected", above.pk)
    above.refresh_from_db()
    assert (above.password, above.email) == (before, "")


def test_a_plain_persons_password_is_within_reach(client):
    person, plain = helper("change_user", "view_user"), UserFactory()
    client.force_login(person)
    new = {"password1": "secret-pass-2", "password2": "secret-pass-2", "usable_password": "true"}
    assert client.post(reverse("admin:auth_user_password_change", args=[plain.pk]), new).status_code == 302
    plain.refresh_from_db()
    assert plain.check_password("secret-pass-2")


@pytest.mark.parametrize("right", ["add_group", "change_group", "delete_group"])
def test_groups_are_written_by_superusers_only(client, right):
    person, group = helper(right, "view_group"), Group.objects.create(name="Helpers")
    client.force_login(person)
    every = [each.pk for each in Permission.objects.all()]
    for page, arguments in (("add", []), ("change", [group.pk]), ("delete", [group.pk])):
        address = reverse(f"admin:auth_group_{page}", args=arguments)
        assert client.post(address, {"name": "x", "permissions": every, "post": "yes"}).status_code == 403
    assert Encoder.objects.count() == 0
    assert [(each.name, each.permissions.count()) for each in Group.objects.all()] == [("Helpers", 0)]
