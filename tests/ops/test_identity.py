"""The identity provider from its variables: what is lacking or unsafe stops the start, and names the variable."""

from __future__ import annotations

import pytest

from imagesearch import identity
from imagesearch.env import BadVariable
from retrieval.conf import Provider

GOOD = Provider("https://id.example/house", "pictures", "hunter2")


def test_without_an_issuer_there_is_none():
    assert identity.provider(Provider("", "")) is None


def test_it_is_called_by_its_host_where_it_has_no_name():
    assert identity.provider(GOOD).name == "id.example"


def test_a_secret_that_is_off_is_none_and_no_secret_is_shown():
    assert identity.provider(Provider(GOOD.issuer, "x", "off")).client_secret == ""
    assert "hunter2" not in repr(identity.provider(GOOD))


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (Provider("", "pictures"), "IMAGESEARCH_OIDC_ISSUER"),
        (Provider(GOOD.issuer, ""), "IMAGESEARCH_OIDC_CLIENT_ID"),
        (Provider("http://id.example", "x"), "IMAGESEARCH_OIDC_ISSUER"),
        (Provider("https://user:hunter2@id.example", "x"), "IMAGESEARCH_OIDC_ISSUER"),
        (Provider("https://id.example/?a=b", "x"), "IMAGESEARCH_OIDC_ISSUER"),
        (Provider("https://id.example:port", "x"), "IMAGESEARCH_OIDC_ISSUER"),
        (Provider("https://", "x"), "IMAGESEARCH_OIDC_ISSUER"),
        (Provider("ldap://id.example", "x"), "IMAGESEARCH_OIDC_ISSUER"),
        (Provider(GOOD.issuer, "x", scopes="profile"), "IMAGESEARCH_OIDC_SCOPES"),
    ],
)
def test_refused(said, name):
    with pytest.raises(BadVariable) as caught:
        identity.provider(said)
    assert caught.value.name == name
    assert "hunter2" not in str(caught.value)


def test_a_provider_on_this_machine_may_do_without_tls():
    assert identity.provider(Provider("http://localhost:8080/house", "x"))


def test_a_start_after_which_nobody_could_sign_in_is_refused():
    with pytest.raises(BadVariable):
        identity.provider(Provider("", ""), passwords=False)
    assert identity.provider(GOOD, passwords=False)
