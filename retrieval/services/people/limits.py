"""How often a person or an address may do a thing: counted in one atomic step, whoever asks at the same moment.

The counts live in the broker. Each process counts its own calls beside it, and goes on from there while the broker is
away or slow: it neither stops a search or a sign-in nor makes guessing passwords free. A window begins with its first
call.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import re
import threading
import time
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import structlog
from redis import RedisError

from retrieval import broker, conf
from retrieval.errors import TooMany

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from retrieval.models.collections import Viewer

log = structlog.get_logger(__name__)

MINUTE, HOUR = 60, 3600
# A guess hits one of three codes in a million: so many an hour are a chance of one in seven hundred a day.
CODES_AN_HOUR = 20
# A broker that hangs is left alone for a while.
RETRY_BROKER_AFTER = 5.0
LOCAL_WINDOWS = 10_000
# Whoever has one address of IPv6 has at least 2^64 of them.
NETWORK_OF_ONE_CALLER = 64
WITH_PORT = re.compile(r"\[([^\]]+)\](?::\d+)?|([\d.]+):\d+")
COUNT_AND_TIME_LEFT = """
local count = redis.call('INCRBY', KEYS[1], ARGV[2])
if count == tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
"""


@dataclass
class LocalCounts:
    """Counts of this process, for the moments without a broker; the oldest windows leave when there are many."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    windows: dict[str, tuple[int, float]] = field(default_factory=dict)
    broker_rests_until: float = 0.0

    def add(self, name: str, *, per_seconds: int, amount: int = 1) -> tuple[int, float]:
        """Count one call, or so many units; return the count and the seconds until the window ends."""
        now = time.monotonic()
        with self.lock:
            count, ends = self.windows.get(name, (0, 0.0))
            if ends <= now:
                self.windows.pop(name, None)  # a new window goes to the end, so that the first one is the oldest
                count, ends = 0, now + per_seconds
            self.windows[name] = (count + amount, ends)
            if len(self.windows) > LOCAL_WINDOWS:
                del self.windows[next(iter(self.windows))]
        return count + amount, ends - now

    def take_back(self, name: str) -> None:
        """Forget one call."""
        with self.lock:
            if name in self.windows:
                count, ends = self.windows[name]
                self.windows[name] = (count - 1, ends)


_local = LocalCounts()


def hit(scope: str, *, key: str, limit: int, per_seconds: int) -> None:
    """Count one call of ``key`` in ``scope``. Raises TooMany beyond ``limit`` calls in ``per_seconds`` seconds."""
    count, left = _count(_name(scope, key), per_seconds)
    if count > limit:
        wait = max(1, math.ceil(left))
        raise TooMany(f"Too many requests; try again in {wait} s.", retry_after=wait)


def search(user: Viewer, *, address: str, uploaded: bool) -> None:
    """Count one search: a visitor by address, a person by account, searches by an uploaded picture also apart."""
    limits = conf.get().limits
    if not user.is_authenticated:
        hit("search-address", key=place(address), limit=limits.anonymous_searches, per_seconds=MINUTE)
        return
    hit("search-user", key=str(user.pk), limit=limits.user_searches, per_seconds=MINUTE)
    if uploaded:
        hit("search-upload", key=str(user.pk), limit=limits.upload_searches, per_seconds=MINUTE)


def fetch(user: User) -> None:
    """Count one picture that a person has fetched by its address. Raises TooMany."""
    hit("fetch-user", key=str(user.pk), limit=conf.get().limits.user_fetches, per_seconds=MINUTE)


def decoding(name: str) -> None:
    """Refuse a picture of somebody whose pictures have held decoders too long in this minute. Raises TooMany."""
    spent, left = _count(_name("decoding", name), MINUTE, amount=0)
    most, wait = conf.get().limits.decode_seconds, max(1, math.ceil(left))
    if spent >= most * 1000:
        raise TooMany(
            f"Reading your pictures took more than {most} s in a minute; try again in {wait} s.",
            code="decoding_used_up",
            retry_after=wait,
        )


def decoded(name: str, seconds: float) -> None:
    """Write down how long a picture of this person, or address, has held a decoder; in whichever process it was."""
    _count(_name("decoding", name), MINUTE, amount=math.ceil(1000 * seconds))


def sign_in(username: str, *, address: str) -> None:
    """Count one look at a password, before it is looked at. Raises TooMany."""
    limits = conf.get().limits
    hit("sign-in-address", key=place(address), limit=limits.login_per_address, per_seconds=MINUTE)
    hit("sign-in-user", key=spelling(username), limit=limits.login_per_user, per_seconds=MINUTE)


def signed_in(username: str, *, address: str) -> None:
    """Take the look back, because the password was right: only wrong ones use up the limit."""
    for name in (_name("sign-in-address", place(address)), _name("sign-in-user", spelling(username))):
        _take_back(name)


def forgotten(asked: str, *, address: str) -> None:
    """Count one question for a new password, whether or not there is such an account. Raises TooMany."""
    limits = conf.get().limits
    hit("forgotten-address", key=place(address), limit=limits.login_per_address, per_seconds=MINUTE)
    hit("forgotten-user", key=spelling(asked), limit=limits.login_per_user, per_seconds=MINUTE)


def provider(address: str) -> None:
    """Count one way to the identity provider from this address, before somebody came back by it. Raises TooMany."""
    hit("provider", key=place(address), limit=conf.get().limits.provider_per_address, per_seconds=MINUTE)


def came_back(address: str) -> None:
    """Take the way back, because the provider let somebody in: a house of many is one address."""
    _take_back(_name("provider", place(address)))


def link(address: str) -> None:
    """Count one page or original that is looked at by a share link from this address. Raises TooMany."""
    hit("share-link", key=place(address), limit=conf.get().limits.link_pages, per_seconds=MINUTE)


def code(user: User) -> None:
    """Count one look at a code of a second factor: six figures are few, so an hour has a limit, too. Raises TooMany."""
    hit("code", key=str(user.pk), limit=CODES_AN_HOUR, per_seconds=HOUR)


def code_was_right(user: User) -> None:
    """Take the look back."""
    _take_back(_name("code", str(user.pk)))


def nth(scope: str, *, key: str, per_seconds: int = MINUTE) -> int:
    """Count one event of ``key`` in ``scope``; return which one of its minute, or so many seconds, it is, from 1."""
    return _count(_name(scope, key), per_seconds)[0]


def spelling(username: str) -> str:
    """Return one text for all spellings of a name that the sign-in takes for the same account, and for a few more.

    Forms strip the name and bring it to NFKC before they look for it; letters' case makes no other account here.
    """
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username).strip().casefold()).strip()


def place(address: str) -> str:
    """Return what is counted as one address: an IPv4 address, whatever form it comes in, or an IPv6 network of /64."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), NETWORK_OF_ONE_CALLER), strict=False))


def address_of(remote: str, *, forwarded: str) -> str:
    """Return the caller's address from REMOTE_ADDR and X-Forwarded-For.

    The header is written by whoever likes to, so it counts only behind as many proxies as are configured: each adds
    the address that it saw at the right end, and the caller's is the one that the outermost of ours added. Some add
    the port, which is another one for each connection and so no part of the address.
    """
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    proxies = conf.get().proxies
    if not proxies or not hops:
        return remote
    hop = hops[-min(proxies, len(hops))]
    found = WITH_PORT.fullmatch(hop)
    return (found[1] or found[2]) if found else hop


def _name(scope: str, key: str) -> str:
    """Name the counter by a digest, so that its length and characters are ours."""
    return f"limit:{scope}:{hashlib.sha256(key.encode(errors='replace')).hexdigest()[:32]}"


def _count(name: str, per_seconds: int, *, amount: int = 1) -> tuple[int, float]:
    local = _local.add(name, per_seconds=per_seconds, amount=amount)
    if time.monotonic() >= _local.broker_rests_until:
        try:
            words = (name, str(per_seconds * 1000), str(amount))
            count, left = cast("list[int]", broker.client().eval(COUNT_AND_TIME_LEFT, 1, *words))
        except RedisError as error:
            _rest(error)
        else:
            return count, left / 1000
    return local


def _take_back(name: str) -> None:
    _local.take_back(name)
    if time.monotonic() >= _local.broker_rests_until:
        try:
            broker.client().eval("if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DECR', KEYS[1]) end", 1, name)
        except RedisError as error:
            _rest(error)


def _rest(error: RedisError) -> None:
    log.warning("limits_counted_locally", error=str(error))
    _local.broker_rests_until = time.monotonic() + RETRY_BROKER_AFTER
