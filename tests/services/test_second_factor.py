"""The second factor: codes as RFC 6238 makes them, each good once, guesses counted, recovery, and what turns it off."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct

import pyotp
import pytest

from retrieval.errors import CodeNeeded, Conflict, Forbidden, InvalidInput, NotFound, TooMany
from retrieval.models import AuditEvent, RecoveryCode, SecondFactor, Session
from retrieval.services.people import limits, passwords, second_factor
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

NOW = 1_800_000_015


@pytest.fixture(autouse=True)
def moment(monkeypatch):
    """A clock of our own, and counts of this process alone."""
    clock = [NOW]
    monkeypatch.setattr(second_factor, "_step", lambda: clock[0] // 30)
    monkeypatch.setattr(limits, "_local", limits.LocalCounts(broker_rests_until=float("inf")))
    return clock


@pytest.fixture
def person():
    return UserFactory(username="anna")


def literal(secret, moment):
    """Six figures, as RFC 4226 and RFC 6238 write them down."""
    key = base64.b32decode(secret)
    digest = hmac.new(key, struct.pack(">Q", int(moment) // 30), hashlib.sha1).digest()
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**6:06d}"


def on(person):
    """Turn it on; returns the secret and the recovery codes."""
    secret = second_factor.begin(person).secret
    codes = second_factor.turn_on(person, code=literal(secret, NOW - 30), session_key=None)
    return secret, codes


def test_codes_are_those_of_the_standard():
    secret = base64.b32encode(b"12345678901234567890").decode()
    assert pyotp.TOTP(secret, digits=8).at(59) == "94287082"  # RFC 6238, appendix B
    assert [pyotp.TOTP(secret).at(when) for when in (59, NOW)] == [literal(secret, when) for when in (59, NOW)]


def test_it_is_asked_for_once_the_app_showed_a_right_code(person):
    setup = second_factor.begin(person)
    assert second_factor.begun(person) == setup
    assert f"secret={setup.secret}" in setup.address
    assert not second_factor.is_on(person)
    with pytest.raises(InvalidInput) as refused:
        second_factor.turn_on(person, code="000000", session_key=None)
    assert refused.value.code == "code_wrong"
    other = Session.objects.create(session_key="other", user=person, expire_date="2100-01-01T00:00Z")
    codes = second_factor.turn_on(person, code=literal(setup.secret, NOW), session_key="own")
    assert second_factor.is_on(person)
    assert len(set(codes)) == second_factor.RECOVERY_CODES == second_factor.codes_left(person)
    assert not Session.objects.filter(pk=other.pk).exists()
    with pytest.raises(Conflict):
        second_factor.begin(person)


def test_a_secret_that_somebody_else_may_have_read_is_not_the_one_that_counts(person):
    seen = second_factor.begin(person).secret
    own = second_factor.begin(person).secret
    with pytest.raises(InvalidInput):
        second_factor.turn_on(person, code=literal(seen, NOW), session_key=None)
    second_factor.turn_on(person, code=literal(own, NOW), session_key=None)
    for begun in (second_factor.begin, second_factor.begun):
        with pytest.raises(Conflict):
            begun(person)


@pytest.mark.parametrize(("seconds", "good"), [(-61, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_clock_may_be_off_by_one_step(person, seconds, good):
    setup = second_factor.begin(person)
    SecondFactor.objects.update(confirmed_at="2026-01-01T00:00Z")
    assert second_factor.accepts(person, literal(setup.secret, NOW + seconds)) == good


def test_a_code_lets_in_once_and_an_older_one_not_after_it(person, moment):
    secret, _codes = on(person)
    code = literal(secret, NOW)
    assert second_factor.accepts(person, f" {code[:3]} {code[3:]} ")
    assert not second_factor.accepts(person, code)
    assert not second_factor.accepts(person, literal(secret, NOW - 30))
    moment[0] = NOW + 30
    assert second_factor.accepts(person, literal(secret, NOW + 30))


def test_a_recovery_code_lets_in_once_however_it_is_typed(person):
    _secret, codes = on(person)
    assert second_factor.accepts(person, codes[0].upper().replace("-", " "))
    assert not second_factor.accepts(person, codes[0])
    assert second_factor.codes_left(person) == len(codes) - 1
    assert not set(codes) & set(RecoveryCode.objects.values_list("digest", flat=True))
    assert not second_factor.accepts(UserFactory(), codes[1])


def test_guesses_are_counted_with_wrong_passwords(person, settings):
    secret, _codes = on(person)
    most = settings.IMAGESEARCH.limits.login_per_user
    for _ in range(most):
        assert not second_factor.accepts(person, "000000")
    with pytest.raises(TooMany):
        second_factor.accepts(person, literal(secret, NOW))
    assert AuditEvent.objects.filter(action="code.wrong", object_id=str(person.pk)).count() == most


def test_no_more_than_so_many_guesses_an_hour_whatever_the_minutes(person, monkeypatch):
    secret, _codes = on(person)
    monkeypatch.setattr(limits, "sign_in", lambda name, *, address: None)
    assert second_factor.accepts(person, literal(secret, NOW))  # what was right is not counted
    assert not any(second_factor.accepts(person, "000000") for _ in range(limits.CODES_AN_HOUR))
    with pytest.raises(TooMany):
        second_factor.accepts(person, literal(secret, NOW + 30))


def test_the_door_asks_for_it_only_after_the_right_password(person):
    secret, _codes = on(person)
    door = passwords.Door()
    assert door.authenticate(None, username="anna", password="a wrong one") is None
    with pytest.raises(CodeNeeded) as needed:
        door.authenticate(None, username="anna", password="secret-pass-1")
    assert needed.value.code == "code_needed"
    with pytest.raises(CodeNeeded) as wrong:
        door.authenticate(None, username="anna", password="secret-pass-1", code="000000")
    assert wrong.value.code == "code_wrong"
    assert not AuditEvent.objects.filter(action="sign_in").exists()
    code = literal(secret, NOW)
    assert door.authenticate(None, username="anna", password="secret-pass-1", code=code) == person
    assert AuditEvent.objects.filter(action="sign_in").count() == 1


def test_off_and_new_codes_ask_for_a_code(person, moment):
    secret, codes = on(person)
    for act in (second_factor.turn_off, second_factor.renew):
        with pytest.raises(InvalidInput):
            act(person, code="000000")
    again = second_factor.renew(person, code=literal(secret, NOW))
    assert not set(again) & set(codes)
    assert not second_factor.accepts(person, codes[3])
    second_factor.turn_off(person, code=again[3])
    assert not second_factor.is_on(person)
    assert not RecoveryCode.objects.exists()


def test_administrators_take_it_from_those_in_their_reach(person):
    on(person)
    boss, staff = UserFactory(is_superuser=True, is_staff=True), UserFactory(is_staff=True)
    on(boss)
    with pytest.raises(Forbidden):
        second_factor.remove(boss, actor=staff)
    second_factor.remove(person, actor=boss)
    assert AuditEvent.objects.get(action="second_factor.removed").actor == boss
    with pytest.raises(NotFound):
        second_factor.remove(person, actor=boss)
    second_factor.remove(boss, actor=None)
    assert not SecondFactor.objects.exists()
