"""Fetch a picture by its web address without being led to this machine or its private neighbours."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from retrieval.errors import InvalidInput, TooLarge
from retrieval.ingest.networks import Address, is_own, is_public
from retrieval.ingest.proof import Credentials, proof

PORTS = {"http": 80, "https": 443}
MOVED = {301, 302, 303, 307, 308}
CHUNK = 64 * 1024
OPEN_PORTS = frozenset(PORTS.values())
HEADERS = {"Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "imagesearch"}
UNREACHABLE = (OSError, http.client.HTTPException, ValueError)
# What an address may hold beside letters and digits; anything else is sent percent-encoded.
SIGNS = "/?%:@!$&'()*+,;=~-._[]"
# One sentence for a private address and for none at all: else it would tell which names there are inside.
NOT_PUBLIC = "There is no such address on the open internet."


def is_elsewhere(address: Address) -> bool:
    """Tell whether an address is on the open internet and none of this machine's, however public those are."""
    return is_public(address) and not is_own(address)


@dataclass(frozen=True)
class FetchRules:
    """Most bytes, seconds for all hops together (names are resolved at the system's pace), redirects; which addresses
    and ports may be connected; names under which this site itself is reached, whose addresses may not.

    In the networks that are ``inside``, which the operator opened, anything but this machine may be, by any port.
    ``credentials`` are for the server of the address itself, when it asks, and for none that it sends us to.
    """

    most_bytes: int = 25 * 1024 * 1024
    seconds: float = 15
    redirects: int = 5
    allowed: Callable[[Address], bool] = is_elsewhere
    ports: Container[int] = OPEN_PORTS
    own_names: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    credentials: Credentials | None = None


@dataclass(frozen=True)
class Fetched:
    """The bytes, and the last part of the address as a name."""

    data: bytes
    name: str


def fetch(url: str, rules: FetchRules) -> Fetched:
    """Fetch an address over http or https, following redirects; each hop's connected address is checked.

    Proxy settings and cookies play no part. Raises InvalidInput naming ``url``, and TooLarge.
    """
    ends, first = time.monotonic() + rules.seconds, _server(_checked(url))
    for _ in range(rules.redirects + 1):
        parts = _checked(url)
        known = rules.credentials if _server(parts) == first else None
        moved_to, data = _hop(parts, rules, ends=ends, known=known)
        if moved_to is None:
            return Fetched(data, unquote(parts.path.rsplit("/", 1)[-1]))
        url = urljoin(url, moved_to)
    raise _refused("The address leads from one to the next too often.", code="too_many_redirects")


def post(url: str, body: bytes, *, headers: Mapping[str, str], rules: FetchRules) -> int:
    """Post to an address under the same rules; return the status. No redirect is followed, and no answer read.

    Raises InvalidInput naming ``url``.
    """
    parts, ends = _checked(url), time.monotonic() + rules.seconds
    try:
        with _connected(parts, rules, ends=ends) as connection:
            connection.request("POST", _path(parts), body=body, headers={"User-Agent": "imagesearch", **headers})
            return connection.getresponse().status
    except UNREACHABLE as error:
        raise _refused("Nothing could be sent to this address.", code="url_unreachable") from error


def ask(url: str, rules: FetchRules, *, headers: Mapping[str, str], body: bytes | None = None) -> tuple[int, bytes]:
    """Get, or post, and return the status and what was answered, under the same rules. No redirect is followed.

    Raises InvalidInput naming ``url``, and TooLarge.
    """
    parts, ends = _checked(url), time.monotonic() + rules.seconds
    try:
        with _connected(parts, rules, ends=ends) as connection:
            sent = {"User-Agent": "imagesearch", **headers}
            connection.request("GET" if body is None else "POST", _path(parts), body=body, headers=sent)
            answer = connection.getresponse()
            return answer.status, _body(answer, rules.most_bytes)
    except UNREACHABLE as error:
        raise _refused("Nothing was answered at this address.", code="url_unreachable") from error


def _server(parts: SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme]


def _path(parts: SplitResult) -> str:
    return quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=SIGNS)


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in PORTS and parts.hostname and parts.username is None and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isprintable() or " " in url:
        raise _refused("Give an address that starts with http:// or https://.", code="url_not_allowed")
    return parts


def _hop(parts: SplitResult, rules: FetchRules, *, ends: float, known: Credentials | None) -> tuple[str | None, bytes]:
    """Ask one server, once more with a proof where it wants one; returns where it sends us, or None and the bytes."""
    try:
        found = _asked(parts, rules, ends=ends, headers=HEADERS)
        if isinstance(found, _WantsProof) and known:
            told = {**HEADERS, "Authorization": proof(known, found.challenges, path=_path(parts))}
            found = _asked(parts, rules, ends=ends, headers=told)
    except UNREACHABLE as error:
        raise _refused("Nothing could be fetched from this address.", code="url_unreachable") from error
    if isinstance(found, _WantsProof):
        raise _refused("The server answered 401: it wants a name and a password.", code="url_unreachable")
    return found


@dataclass(frozen=True)
class _WantsProof:
    """A server that wants to know who asks."""

    challenges: list[str]


def _asked(
    parts: SplitResult, rules: FetchRules, *, ends: float, headers: Mapping[str, str]
) -> tuple[str | None, bytes] | _WantsProof:
    with _connected(parts, rules, ends=ends) as connection:
        connection.request("GET", _path(parts), headers=dict(headers))
        answer = connection.getresponse()
        if answer.status in MOVED:
            return answer.headers.get("Location", ""), b""
        if answer.status == http.HTTPStatus.UNAUTHORIZED:
            return _WantsProof(answer.headers.get_all("WWW-Authenticate", []))
        if answer.status != http.HTTPStatus.OK:
            raise _refused(f"The server answered {answer.status}.", code="url_unreachable")
        return None, _body(answer, rules.most_bytes)


def _body(answer: http.client.HTTPResponse, most: int) -> bytes:
    """Read to the end: no more than allowed whatever length was announced, and no less than announced."""
    data = bytearray()
    while chunk := answer.read(CHUNK):
        data += chunk
        if len(data) > most:
            raise TooLarge(f"The file has more than {most // 2**20} MB.", code="image_too_large")
    if answer.length:
        raise http.client.IncompleteRead(bytes(data))
    return bytes(data)


@contextmanager
def _connected(parts: SplitResult, rules: FetchRules, *, ends: float) -> Iterator[http.client.HTTPConnection]:
    """Connect to a checked address itself, so that the name cannot mean another one a moment later."""
    host, port = str(parts.hostname), parts.port or PORTS[parts.scheme]
    where = _resolved(host, port, rules), port
    with _channel(parts.scheme, host, socket.create_connection(where, timeout=_left(ends))) as channel:
        # The timeout of a socket begins anew with every byte; this one does not.
        alarm = threading.Timer(_left(ends), socket.socket.shutdown, [channel, socket.SHUT_RDWR])
        alarm.start()
        try:
            if isinstance(channel, ssl.SSLSocket):
                channel.do_handshake()
            connection = http.client.HTTPConnection(host, port)
            connection.sock = channel
            yield connection
        finally:
            alarm.cancel()
    _left(ends)


def _left(ends: float) -> float:
    """The seconds that are left; raises TimeoutError when there are none."""
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError("the servers were too slow")
    return left


def _channel(scheme: str, host: str, plain: socket.socket) -> socket.socket:
    if scheme == "http":
        return plain
    return ssl.create_default_context().wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)


def _resolved(host: str, port: int, rules: FetchRules) -> str:
    """Return an address of the host; a port, or one among its addresses, that is not allowed refuses the host.

    Behind a router the public address of this site is not the machine's own, so the site's names are looked up as well.
    """
    try:
        found = _addresses(host, port)
    except (OSError, UnicodeError) as error:
        raise _refused(NOT_PUBLIC, code="url_not_allowed") from error
    addresses = [*map(_parsed, found)]
    open_to_all = port in rules.ports and all(map(rules.allowed, addresses))
    if not (open_to_all or _are_inside(addresses, rules)) or _is_this_site(found, rules):
        raise _refused(NOT_PUBLIC, code="url_not_allowed")
    return found[0]


def _are_inside(addresses: list[Address], rules: FetchRules) -> bool:
    """Tell whether all lie in networks of the operator's own; this machine's own addresses never do."""
    networks = [ipaddress.ip_network(text) for text in rules.inside]
    return all(any(each in network for network in networks) and not is_own(each) for each in addresses)


def _is_this_site(found: list[str], rules: FetchRules) -> bool:
    return any(not set(found).isdisjoint(_addresses_or_none(name)) for name in rules.own_names)


def _addresses(host: str, port: int) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _addresses_or_none(name: str) -> list[str]:
    try:
        return _addresses(name, PORTS["https"])
    except (OSError, UnicodeError):
        return []


def _parsed(address: str) -> Address:
    return ipaddress.ip_address(address.partition("%")[0])


def _refused(message: str, *, code: str) -> InvalidInput:
    return InvalidInput.of("url", message, code=code)
