"""The mail server that alerts go through, from one URL, and the address by which mails name the site."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from imagesearch.env import BadVariable
from imagesearch.safety import LOCAL_HOSTS

NAME = "IMAGESEARCH_MAIL_URL"
PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}
SCHEMES = tuple(PORTS)
SECONDS = 10  # that the server may take for each of its answers


class Server(NamedTuple):
    """Where mail is handed in, in TLS from the greeting on (``tls``) or from the first byte on (``ssl``), by whom."""

    host: str
    port: int
    user: str
    password: str
    tls: bool
    ssl: bool
    sender: str


def server(url: str, *, site: str) -> Server:
    """Read ``smtp://user:password@host:port?from=address``, also ``smtp+tls`` and ``smtps``; all empty without one."""
    parts = urlsplit(url)
    if not url:
        return Server("", 0, "", "", tls=False, ssl=False, sender="")
    if not parts.hostname:
        raise BadVariable(NAME, "must name a server, as in smtp+tls://user:password@mail.example:587.")
    where = parts.hostname, parts.port or PORTS[parts.scheme]
    who = unquote(parts.username or ""), unquote(parts.password or "")
    secure = parts.scheme == "smtp+tls", parts.scheme == "smtps"
    return Server(*where, *who, *secure, _sender(parts.query) or f"imagesearch@{urlsplit(site).hostname}")


def _sender(query: str) -> str:
    """Whom mails come from, as ``from=`` says it; nothing when it does not."""
    said = dict(parse_qsl(query))
    if said.keys() - {"from"}:
        raise BadVariable(NAME, "has one option, as in ?from=pictures@example.org.")
    if "from" in said:
        try:
            validate_email(said["from"])
        except ValidationError:
            raise BadVariable(NAME, "must have an address of mail after ?from=.") from None
    return said.get("from", "")


def site(origins: Sequence[str], hosts: Sequence[str], *, https: bool, port: int) -> str:
    """The site's address in mails: the first of its origins, else of its names, else this machine's."""
    named = [host for host in hosts if host not in LOCAL_HOSTS and not host.startswith(".")]
    own = f"{'https' if https else 'http'}://{named[0]}" if named else f"http://localhost:{port}"
    return origins[0] if origins else own
