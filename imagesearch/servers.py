"""Addresses of the database and the broker, from URLs or from the embedded servers' folders."""

from __future__ import annotations

import secrets
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from imagesearch import datadir
from imagesearch.embedded import roles
from imagesearch.embedded.postgres import Postgres
from imagesearch.embedded.valkey import Valkey
from imagesearch.env import BadVariable

BROKER_SCHEMES = ("redis", "rediss", "unix", "redis+socket")
DATABASE_SCHEMES = ("postgresql", "postgres")
LONGEST_NAME = 63
# How Celery speaks with the broker, and for how long a worker may hold a message.
TRANSPORT = {
    "visibility_timeout": 900,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "socket_timeout": 10,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 30,
    "max_retries": 1,
}


def postgres(data_dir: Path) -> Postgres:
    """The embedded PostgreSQL of a data folder, and the passwords of its two roles."""
    files = [datadir.secret(data_dir, role, make=partial(roles.line, role)) for role in (roles.OPERATOR, roles.SITE)]
    log = data_dir / "log" / "postgres.log"
    return Postgres(data_dir / "postgres", datadir.runtime(data_dir), log, passfiles=files[0].parent)


def valkey(data_dir: Path) -> Valkey:
    """The embedded broker of a data folder, and its password."""
    secret = datadir.secret(data_dir, "broker", make=lambda: secrets.token_urlsafe(32)).read_text().strip()
    log = data_dir / "log" / "valkey.log"
    return Valkey(data_dir / "valkey", datadir.runtime(data_dir) / "valkey.sock", log, password=secret)


def require_named_database(url: str) -> None:
    """Refuse a URL, if there is one, that names no database, or one that PostgreSQL could not have."""
    named = database(url)
    if url and not named["NAME"] and "service" not in named["OPTIONS"]:
        raise BadVariable("DATABASE_URL", "must name a database, as in postgresql://user:password@host:5432/name.")
    if len(named["NAME"]) > LONGEST_NAME:
        raise BadVariable("DATABASE_URL", f"must name a database in at most {LONGEST_NAME} characters.")


def require_numbered_database(url: str) -> None:
    """Refuse a broker's URL, if there is one, whose database is no number: its clients would each guess another one."""
    parts = urlsplit(client(url))
    number = dict(parse_qsl(parts.query)).get("db") or ("" if parts.scheme == "unix" else parts.path.strip("/"))
    if number and not (number.isascii() and number.isdigit()):
        raise BadVariable("REDIS_URL", "must end in the number of a database, as in redis://host:6379/0.")
    if parts.scheme == "unix" and not parts.path.strip("/"):
        raise BadVariable("REDIS_URL", "must name a socket, as in unix:///run/valkey.sock.")


def database(url: str) -> dict[str, Any]:
    """Django's connection entry for a ``postgresql://`` URL; a folder in ``?host=`` means its Unix socket."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or options.pop("dbname", ""),
        "USER": unquote(parts.username or options.pop("user", "")),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", "") or unquote(parts.hostname or ""),
        "PORT": str(parts.port or options.pop("port", "")),
        "OPTIONS": options,
    }


def broker(url: str) -> str:
    """The URL as kombu reads it: a Unix socket is ``redis+socket://``, its database number the virtual host.

    Of a bare ``rediss://`` kombu would check no certificate, and so tell the password to whoever answers; the option
    that redis-py takes for granted is therefore said.
    """
    parts = urlsplit(url)
    if parts.scheme == "rediss" and "ssl_cert_reqs" not in dict(parse_qsl(parts.query)):
        query = "&".join(part for part in (parts.query, "ssl_cert_reqs=required") if part)
        return parts._replace(query=query).geturl()
    return _socket(url, scheme="redis+socket", number="virtual_host")


def client(url: str) -> str:
    """The URL as redis-py reads it: a Unix socket is ``unix://``, its database number ``db``."""
    return _socket(url, scheme="unix", number="db")


def _socket(url: str, *, scheme: str, number: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"unix", "redis+socket"}:
        return url
    options = {number if name in {"db", "virtual_host"} else name: value for name, value in parse_qsl(parts.query)}
    person = "".join(f"{part}@" for part in [parts.netloc.rpartition("@")[0]] if part)
    return f"{scheme}://{person}{parts.path}" + (f"?{urlencode(options)}" if options else "")
