"""Signing in at a provider: the question that is asked, whom the answer is of, and every answer that does not hold."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from threading import BoundedSemaphore
from urllib.parse import parse_qsl, urlsplit

import pytest

from retrieval import openid
from retrieval.errors import Forbidden, Unavailable
from retrieval.ingest import fetch
from retrieval.openid import asking, keys
from tests.openid.provider import House, house, jwk, rsa_key

BACK = "https://pictures.example/login/provider/done/"


@pytest.fixture(scope="module")
def site():
    with house() as here:
        yield here


@pytest.fixture
def home(site):
    site.reset()
    return site


def signed_in(home: House, *, change=None, **fields):
    """Go there and come back; ``change`` alters what the browser brings."""
    provider = home.client(**fields)
    address, kept = openid.begin(provider, back=BACK)
    answer = home.lets_in(address)
    return openid.finish(provider, kept, {**answer, **(change or {})})


def test_the_question_is_asked_with_pkce_state_and_nonce(home):
    address, kept = openid.begin(home.client(), back=BACK)
    question = dict(parse_qsl(urlsplit(address).query))
    challenge = base64.urlsafe_b64encode(hashlib.sha256(kept.verifier.encode()).digest()).decode().rstrip("=")
    assert address.startswith(f"{home.issuer}/in?")
    assert question == {
        "response_type": "code", "client_id": "pictures", "redirect_uri": BACK, "scope": "openid profile email",
        "state": kept.state, "nonce": kept.nonce, "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip
    assert len({kept.state, kept.nonce, kept.verifier}) == 3
    assert openid.begin(home.client(), back=BACK)[1].state != kept.state


def test_who_comes_back_is_known_by_issuer_and_subject(home):
    home.person |= {"email": "anna@example.org", "email_verified": True, "groups": ["staff", "pictures"]}
    who = signed_in(home)
    assert (who.issuer, who.subject, who.name) == (home.issuer, "u-1", "anna")
    assert (who.email, who.groups) == ("anna@example.org", ("staff", "pictures"))


@pytest.mark.parametrize("says", [{"token_endpoint_auth_methods_supported": ["client_secret_post"]}, {}])
def test_the_client_says_who_it_is_as_the_provider_wants_it(home, says):
    home.says = says
    assert signed_in(home).subject == "u-1"


def test_an_address_that_the_provider_has_not_verified_is_none(home):
    home.person["email"] = "boss@example.org"
    assert signed_in(home).email == ""


@pytest.mark.parametrize(
    ("told", "email"),
    [({"sub": "u-1", "email": "a@example.org", "email_verified": True, "groups": ["x"]}, "a@example.org"),
     ({"sub": "u-2", "email": "a@example.org", "email_verified": True, "groups": ["x"]}, "")],
)  # fmt: skip
def test_what_is_not_in_the_token_is_asked_for_and_counts_for_the_same_person_only(home, told, email):
    home.told = told
    assert signed_in(home, group="x").email == email


def test_an_address_is_not_verified_by_the_word_about_another_one(home):
    home.person["email"], home.told = (
        "boss@example.org",
        {"sub": "u-1", "email": "a@example.org", "email_verified": True},
    )
    assert signed_in(home, group="x").email == ""


HOUR, HALF = timedelta(hours=1), timedelta(seconds=30)
LIES = {
    "another nonce": {"nonce": "x"}, "no nonce": {"nonce": None},
    "another audience": {"aud": "others"}, "no audience": {"aud": None},
    "several audiences": {"aud": ["pictures", "others"]}, "made for another": {"azp": "others"},
    "another issuer": {"iss": "https://evil.example"}, "no issuer": {"iss": None},
    "over": {"exp": -HOUR}, "without an end": {"exp": None}, "of the future": {"iat": HOUR},
    "not before": {"nbf": HOUR}, "nobody": {"sub": None}, "no text": {"sub": 7},
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_claims_that_do_not_hold_are_refused(home, lie):
    home.lies = lie
    with pytest.raises(Forbidden) as caught:
        signed_in(home)
    assert caught.value.code == "provider_refused"


@pytest.mark.parametrize("lie", [{"iat": HALF}, {"exp": -HALF}, {"aud": ["pictures"]}], ids=str)
def test_clocks_may_differ_by_a_minute(home, lie):
    home.lies = lie
    assert signed_in(home).subject == "u-1"


def test_a_signature_by_another_key_is_refused(home):
    home.signs = ("RS256", rsa_key(2))
    with pytest.raises(Forbidden, match="InvalidSignatureError"):
        signed_in(home)


def test_no_signature_and_a_shared_secret_prove_nothing(home, monkeypatch):
    home.signs = ("none", None)
    with pytest.raises(Forbidden, match="proves nothing"):
        signed_in(home)
    home.signs = ("HS256", "s3cret/of+the client, long enough for it")
    with pytest.raises(Forbidden, match="proves nothing"):
        signed_in(home)
    _head, body, _signature = replace(home, signs=("RS256", rsa_key(1))).token("n").split(".")
    bare = json.dumps({"alg": "none", "typ": "JWT"}).encode()
    forged = f"{base64.urlsafe_b64encode(bare).decode().rstrip('=')}.{body}."
    monkeypatch.setattr(home, "token", lambda nonce: forged)
    with pytest.raises(Forbidden, match="proves nothing"):
        signed_in(home)


def test_a_public_key_is_no_shared_secret(home):
    """The old trick: sign by HMAC with what everybody may read."""
    home.keys = [{"kty": "oct", "kid": "first", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "use": "sig"}]
    with pytest.raises(Forbidden, match="no key of the provider"):
        signed_in(home)


@pytest.mark.parametrize("change", [{"use": "enc"}, {"alg": "PS256"}, {"kid": "other"}], ids=str)
def test_keys_for_something_else_do_not_count(home, change):
    home.keys = [jwk(rsa_key(1), "first") | change]
    with pytest.raises(Forbidden, match="no key of the provider"):
        signed_in(home)


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_weak_key_is_refused(home, monkeypatch):
    home.keys, home.signs = [jwk(rsa_key(3, 1024), "first")], ("RS256", rsa_key(3, 1024))
    with pytest.raises(Forbidden, match="InvalidKeyError"):
        signed_in(home)


def test_a_key_without_a_name_counts_where_it_is_the_only_one(home):
    home.header = {}
    assert signed_in(home).subject == "u-1"
    home.keys.append(jwk(rsa_key(2), "second"))
    keys._kept.clear()
    with pytest.raises(Forbidden, match="no key"):
        signed_in(home)


def test_new_keys_are_asked_for_and_not_at_each_token(home, monkeypatch):
    for _ in range(3):
        signed_in(home)
    assert home.asked.count("/keys") == 1
    home.keys, home.signs, home.header = [jwk(rsa_key(2), "second")], ("RS256", rsa_key(2)), {"kid": "second"}
    with pytest.raises(Forbidden):
        signed_in(home)  # asked a moment ago
    monkeypatch.setattr(keys, "PAUSE", 0)
    assert signed_in(home).subject == "u-1"
    assert home.asked.count("/keys") == 2
    assert home.asked.count("/.well-known/openid-configuration") == 1


@pytest.mark.parametrize(
    "change",
    [{"state": "x"}, {"state": ""}, {"iss": "https://evil.example"}, {"code": ""}, {"error": "access_denied"}],
    ids=str,
)  # fmt: skip
def test_answers_to_other_questions_are_refused_before_the_provider_is_asked(home, change):
    with pytest.raises(Forbidden):
        signed_in(home, change=change)
    assert "/token" not in home.asked


def test_a_code_counts_once_and_only_with_its_verifier_and_address(home):
    provider = home.client()
    address, kept = openid.begin(provider, back=BACK)
    answer = home.lets_in(address)
    stolen = openid.begin(provider, back=BACK)[1]
    with pytest.raises(Forbidden, match="takes no such code"):
        openid.finish(provider, replace(kept, verifier=stolen.verifier), answer)
    home.codes[answer["code"]] = dict(parse_qsl(urlsplit(address).query))
    assert openid.finish(provider, kept, answer).subject == "u-1"
    with pytest.raises(Forbidden, match="takes no such code"):
        openid.finish(provider, kept, answer)


@pytest.mark.parametrize(
    "says", [{"issuer": "https://evil.example"}, {"token_endpoint": "ftp://x/"}, {"jwks_uri": None}], ids=str
)
def test_a_provider_that_says_something_else_is_away(home, says):
    home.says = says
    with pytest.raises(Unavailable) as caught:
        openid.begin(home.client(), back=BACK)
    assert caught.value.code == "provider_away"


def test_an_issuer_with_https_is_not_led_to_places_without(monkeypatch):
    found = {"issuer": "https://id.example", "authorization_endpoint": "http://id.example/in"}
    monkeypatch.setattr(asking, "ask", lambda *_, **__: (200, found))
    with pytest.raises(Unavailable, match="no authorization_endpoint with https"):
        openid.begin(House("https://id.example").client(), back=BACK)


def test_a_provider_that_hangs_holds_few_threads(home, monkeypatch):
    monkeypatch.setattr(asking, "WAIT", 0)
    monkeypatch.setattr(asking, "PLACES", BoundedSemaphore(1))
    assert signed_in(home).subject == "u-1"
    with asking.PLACES, pytest.raises(Unavailable, match="waiting"):
        signed_in(home)


def test_only_the_issuers_own_place_may_be_inside(home):
    inside = asking.rules(f"{home.issuer}/token", issuer=home.issuer)
    assert inside.allowed(fetch.ipaddress.ip_address("10.0.0.1"))
    for other in (home.issuer.replace(":", ":1", 2), "http://169.254.169.254/", "https://127.0.0.1/"):
        assert asking.rules(other, issuer=home.issuer).allowed is fetch.is_elsewhere
    home.says = {"token_endpoint": "http://127.0.0.1:9/token"}
    with pytest.raises(Unavailable, match="open internet"):
        signed_in(home)


def test_nothing_of_it_is_loaded_before_it_is_used():
    code = (
        "import sys, retrieval.openid; print(sorted({'jwt', 'cryptography', 'retrieval.openid.flow'} & {*sys.modules}))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
