"""Requests forged on another site: no unsafe method at any address does a thing without the token of our own pages."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import User
from django.middleware.csrf import CsrfViewMiddleware
from django.test import Client
from django.urls import reverse
from rest_framework.authentication import SessionAuthentication
from rest_framework.test import APIClient

from retrieval import conf
from retrieval.models import Collection, Encoder, Image
from retrieval.services.encoders import indexes
from tests.api.rules import RULES
from tests.api.world import World

UNSAFE = [(address, rule) for address, rules in RULES.items() for rule in rules if rule.method != "get"]


@pytest.fixture
def world(db, settings, tmp_path, monkeypatch):
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path)
    monkeypatch.setattr(indexes, "ensure", lambda encoder: None)
    return World()


def with_session(world, actor, *, kind):
    """A browser in which the actor is signed in since the world began, and whose forms are looked at."""
    client = kind(enforce_csrf_checks=True)
    client.cookies = deepcopy(world.signed[actor][0])
    return client


def forged(world, address, rule, *, actor):
    """What a browser sends for another site: the session goes along, the token does not."""
    by_api = address.startswith("api/")
    client = with_session(world, actor, kind=APIClient if by_api else Client)
    body, origin = world.body(rule.body), {"HTTP_ORIGIN": "https://evil.example"}
    if by_api and "file" not in (body or {}):
        return getattr(client, rule.method)(world.path(address), body, format="json", **origin)
    if by_api:
        return getattr(client, rule.method)(world.path(address), body, format="multipart", **origin)
    return getattr(client, rule.method)(world.path(address), body or {}, **origin)


# A token is asked for by password and given back by itself: there is no session to ride on.
# Nor is there one behind a share link, whose pages send no origin that could be looked at.
NO_SESSION = {("api/v1/auth/token/", "post"), ("api/v1/auth/token/", "delete"), ("shared/<secret>/", "post")}


def statuses(world):
    found = {}
    for address, rule in UNSAFE:
        if (address, rule.method) not in NO_SESSION:
            with world.undone():
                found[address, rule.method] = forged(world, address, rule, actor="owner").status_code
    return found


def forms_of_the_admin(world):
    """Every form of the admin site that changes something: address -> what it is sent."""
    rows = {Image: world.image, Collection: world.collection, Encoder: world.encoder, User: world.people["viewer"]}
    found = {"/admin/logout/": {}, "/admin/password_change/": {}}
    for model in site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found[reverse(f"{name}_changelist")] = {"action": "delete_selected", "_selected_action": ["1"], "post": "yes"}
        found[reverse(f"{name}_add")] = {"_save": "Save"}
    for model, row in rows.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found[reverse(f"{name}_change", args=[row.pk])] = {"_save": "Save"}
        found[reverse(f"{name}_delete", args=[row.pk])] = {"post": "yes"}
    return found


def admin_statuses(world, forms):
    found = {}
    for address, body in forms.items():
        client = with_session(world, "staff", kind=Client)
        with world.undone():
            found[address] = client.post(address, body, HTTP_ORIGIN="https://evil.example").status_code
    return found


def test_no_forged_request_does_anything(world, figure):
    found, admin = statuses(world), admin_statuses(world, forms_of_the_admin(world))
    assert len(found) > 40
    assert len(admin) > 20
    assert {key: status for key, status in (found | admin).items() if status != 403} == {}
    figure(f"{len(found)} unsafe methods and {len(admin)} forms of the admin site, each forged request refused")


def test_without_the_check_forged_requests_do_what_they_ask(world, monkeypatch):
    monkeypatch.setattr(CsrfViewMiddleware, "process_view", lambda *_: None)
    monkeypatch.setattr(SessionAuthentication, "enforce_csrf", lambda *_: None)
    found = statuses(world)
    assert sum(status in {200, 201, 202, 204, 302, 303} for status in found.values()) > 20
    assert found["pictures/<image_id>/delete/", "post"] == 302
    assert found["api/v1/images/<image_id>/", "delete"] == 204
    image = reverse("admin:retrieval_image_delete", args=[world.image.pk])
    assert admin_statuses(world, {image: {"post": "yes"}}) == {image: 302}


def sign_in(**headers):
    """Post the form of the sign-in page as a browser does; the answer."""
    client = Client(enforce_csrf_checks=True, headers={"host": "pictures.example"})
    token = client.get("/login/").context["csrf_token"]
    form = {"csrfmiddlewaretoken": token, "username": "a", "password": "b"}
    return client.post("/login/", form, headers=headers)


@pytest.fixture
def behind_a_port(settings):
    """The site behind a proxy on a port of its own that forwards ``Host`` without it."""
    settings.ALLOWED_HOSTS = ["pictures.example"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://pictures.example:8443"]


@pytest.mark.parametrize("origin", ["https://pictures.example:8443", "http://pictures.example"])
def test_an_address_that_is_named_may_send_forms(db, behind_a_port, origin):
    assert sign_in(origin=origin).status_code != 403


@pytest.mark.parametrize("origin", ["https://pictures.example:9443", "https://evil.example", "null"])
def test_a_form_from_another_address_is_told_which(db, behind_a_port, origin):
    answer = sign_in(origin=origin)
    page = answer.content.decode()
    assert answer.status_code == 403
    assert f"“{origin}”" in page
    assert "“http://pictures.example”" in page
    assert "IMAGESEARCH_ORIGINS" in page
    assert "too long" not in page


def test_a_form_without_its_token_was_open_for_too_long(db):
    answer = Client(enforce_csrf_checks=True).post("/login/", {"username": "a"})
    assert answer.status_code == 403
    assert "too long" in answer.content.decode()
