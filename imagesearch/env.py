"""Typed readers of environment variables; a bad value stops the start and names the variable."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

SECRET_LENGTH = 4096

TRUE = frozenset({"1", "on", "true", "yes"})
FALSE = frozenset({"0", "off", "false", "no"})
# As browsers name a site: without scheme or port, an IPv6 address in brackets, a leading dot for all names below.
HOST = re.compile(r"\*|\.|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]+\]", re.ASCII)
ORIGIN = re.compile(r"https?://([a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.ASCII)
LOCATION = re.compile(r"/[A-Za-z0-9_/-]*[A-Za-z0-9_-]/?", re.ASCII)


class BadVariable(SystemExit):
    """A variable has a value that cannot be used; the message is one sentence that names it.

    A ``SystemExit``: any program that reads the settings ends with the sentence and status 1, without a traceback.
    """

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name} {why}")
        self.name = name


def raw(name: str) -> str:
    """The variable without surrounding blanks; unset and blank are the same."""
    return os.environ.get(name, "").strip()


def secret(name: str) -> str:
    """Text that is for few eyes: the variable, or the one line of the file that ``<name>_FILE`` names; else nothing.

    The text is never repeated in a sentence.
    """
    file = raw(f"{name}_FILE")
    if not file:
        return raw(name)
    if raw(name):
        raise BadVariable(f"{name}_FILE", f"cannot be set together with {name}; leave one of them out.")
    try:
        found = _line_of(Path(file).expanduser())
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it holds no text"
        raise BadVariable(f"{name}_FILE", f"names {file}, which cannot be read: {why}.") from None
    if not found:
        raise BadVariable(f"{name}_FILE", f"must name a file with one line of text, and {file} is none.")
    return found


def _line_of(file: Path) -> str:
    """The line in a file; nothing when it has none, or more, or is no file."""
    if file.exists() and not file.is_file():
        return ""  # opening a pipe would wait for ever
    with file.open(encoding="utf-8") as opened:
        lines = opened.read(SECRET_LENGTH).strip().splitlines()
    return lines[0] if len(lines) == 1 and len(lines[0]) < SECRET_LENGTH - 1 else ""


def text(name: str, default: str = "") -> str:
    """Plain text."""
    return raw(name) or default


def boolean(name: str, *, default: bool = False) -> bool:
    """on/off, true/false, yes/no or 1/0."""
    value = raw(name).lower()
    if value not in TRUE | FALSE | {""}:
        raise BadVariable(name, f"must be on or off, not {value!r}.")
    return value in TRUE if value else default


def integer(name: str, *, default: int, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``, both included."""
    value = raw(name)
    if not value:
        return default
    try:
        number = int(value)
    except ValueError:
        raise BadVariable(name, f"must be a whole number, not {value!r}.") from None
    if not low <= number <= high:
        raise BadVariable(name, f"must be from {low} to {high}, not {number}.")
    return number


def words(name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Words divided by commas."""
    found = tuple(word.strip() for word in raw(name).split(",") if word.strip())
    return found or default


def choice(name: str, *, default: str, allowed: tuple[str, ...]) -> str:
    """One of a few words."""
    value = raw(name) or default
    if value not in allowed:
        raise BadVariable(name, f"must be one of {', '.join(allowed)}, not {value!r}.")
    return value


def path(name: str, default: Path) -> Path:
    """An absolute path; a relative one counts from the current folder, ``~`` is the home folder."""
    value = raw(name)
    if "\0" in value:
        raise BadVariable(name, "must be a path, and a path has no NUL byte.")
    return Path(value).expanduser().absolute() if value else default


def folder(name: str, default: Path) -> Path:
    """A path that is a folder, or may become one."""
    found = path(name, default)
    there = next(place for place in (found, *found.parents) if place.exists())
    if not there.is_dir():
        raise BadVariable(name, f"must be a folder, and {there} is none.")
    return found


def folders(name: str, *, apart_from: Path) -> tuple[Path, ...]:
    """Absolute folders, divided by commas, none of which lies in that one; what is not there now may come later."""
    found = tuple(Path(word) for word in words(name))
    for each in found:
        if "\0" in str(each) or not each.is_absolute():
            raise BadVariable(name, f"must hold absolute folders, and {str(each)!r} is none.")
        if each.resolve().is_relative_to(apart_from.resolve()):
            raise BadVariable(name, f"must hold folders outside the site's own data, and {each} lies in it.")
    return found


def hosts(name: str) -> tuple[str, ...]:
    """Names of hosts, divided by commas."""
    for word in (found := words(name)):
        if not HOST.fullmatch(word):
            raise BadVariable(name, f"must hold names of hosts such as pictures.example, not {word!r}.")
    return found


def origins(name: str) -> tuple[str, ...]:
    """Addresses of sites as browsers say them in ``Origin``, divided by commas: scheme, host, and a port of its own."""
    for word in (found := words(name)):
        if not ORIGIN.fullmatch(word):
            raise BadVariable(name, f"must hold addresses such as https://pictures.example:8443, not {word!r}.")
    return found


def address(name: str, default: str) -> str:
    """An address to listen on; a name such as ``localhost`` becomes the address that it stands for."""
    value = raw(name).removeprefix("[").removesuffix("]") or default
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(value, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise BadVariable(name, f"must be an address or a name of this machine, not {value!r}.") from None
    return str(min(found, key=lambda entry: entry[0] != socket.AF_INET)[4][0])


def networks(name: str) -> tuple[str, ...]:
    """Addresses or networks such as ``10.0.0.0/8``."""
    return tuple(_checked(name, word, ipaddress.ip_network, "a network such as 10.0.0.0/8") for word in words(name))


def url(name: str, *, schemes: tuple[str, ...], none: str = "") -> str:
    """A URL with one of the schemes, or nothing when unset or ``none``, itself or by a file (``secret``).

    The value is never repeated: it may hold a password.
    """
    value = secret(name)
    if value == none:
        return ""
    try:
        scheme, _number = urlsplit(value).scheme, urlsplit(value).port  # the port is checked only when it is read
    except ValueError:
        raise BadVariable(name, "must be a URL, with a number from 0 to 65535 as its port.") from None
    if value and scheme not in schemes:
        raise BadVariable(name, f"must start with {' or '.join(f'{scheme}://' for scheme in schemes)}.")
    return value


def location(name: str) -> str:
    """The address of a location of the web server in front, such as ``/protected/``; nothing when unset."""
    value = raw(name)
    if value and not LOCATION.fullmatch(value):
        raise BadVariable(name, f"must be a path such as /protected/, not {value!r}.")
    return value


def _checked(name: str, word: str, parse: Callable[[str], T], wanted: str) -> str:
    try:
        parse(word)
    except ValueError:
        raise BadVariable(name, f"must hold {wanted}, not {word!r}.") from None
    return word
