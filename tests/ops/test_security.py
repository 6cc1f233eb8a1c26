"""The policy that browsers are given: strict everywhere, and the grants no wider than the two pages need."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.views.debug import SafeExceptionReporterFilter

from imagesearch import security

INLINE = re.compile(r"<(style|script)([^>]*)>(.*?)</\1>", re.DOTALL)


def policy(response):
    """The policy as name -> sources."""
    parts = response["Content-Security-Policy"].split("; ")
    return {words[0]: words[1:] for words in map(str.split, parts)}


@pytest.mark.parametrize("path", ["/", "/healthz", "/login/", "/api/v1/status/", "/administration", "/nowhere"])
def test_pages_get_the_strict_policy(path):
    found = security.policy_for(path)
    assert "unsafe" not in found
    assert "frame-ancestors 'none'" in found
    assert "default-src 'self'" in found


@pytest.mark.parametrize("path", ["/admin/", "/api/v1/docs/"])
def test_grants_allow_nothing_unsafe_and_no_other_host(path):
    found = security.policy_for(path)
    assert "unsafe" not in found
    assert "http" not in found
    assert "*" not in found


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/admin/auth/user/", "/api/v1/docs/"])
def test_every_inline_style_is_allowed_by_its_digest(client, path):
    user = get_user_model().objects.create_superuser("root", password="correct horse battery")
    if "login" not in path:
        client.force_login(user)
    response = client.get(path)
    assert response.status_code == 200
    sources = policy(response)
    for element, attributes, text in INLINE.findall(response.content.decode()):
        if element == "script":
            assert "src=" in attributes or "application/json" in attributes
        else:
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in sources["style-src"]


@pytest.mark.django_db
def test_headers_that_go_with_it(client):
    response = client.get("/healthz")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/admin/", "/api/v1/docs/"])
def test_answers_given_before_django_is_asked_have_all_headers_of_its_own(settings, path):
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True
    ours = {name.decode(): value.decode() for name, value in security.headers_without_django(path)}
    theirs = {name.lower(): value for name, value in Client().get(path, secure=True).headers.items()}
    beside = {
        "content-type",
        "content-length",
        "cache-control",
        "vary",
        "location",
        "expires",
        "content-language",
        "allow",
    }
    assert ours == {name: value for name, value in theirs.items() if name not in beside}


def test_error_pages_of_developers_show_no_password(settings):
    secret = "not-to-be-seen"
    for name in ("DATABASE_URL", "REDIS_URL", "BROKER", "CELERY_BROKER_URL"):
        setattr(settings, name, f"redis://:{secret}@here/0")
    settings.IMAGESEARCH = secret
    assert secret in str(SafeExceptionReporterFilter().get_safe_settings())
    assert secret not in str(security.HiddenSettings().get_safe_settings())
    assert security.HiddenSettings.hidden_settings.search("DATABASES")
    assert settings.DEFAULT_EXCEPTION_REPORTER_FILTER == "imagesearch.security.HiddenSettings"
