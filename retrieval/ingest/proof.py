"""How a name and a password are proven to the server that asks: Basic (RFC 7617) or Digest (RFC 7616)."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

PART = re.compile(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
# The stronger first; cameras mostly know MD5 alone.
ALGORITHMS = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}


@dataclass(frozen=True)
class Credentials:
    """A name and a password."""

    username: str
    password: str = field(repr=False)


def proof(known: Credentials, challenges: list[str], *, path: str) -> str:
    """Return what ``Authorization`` says to a GET of ``path``, by the best of the server's challenges that is known.

    Basic where none is.
    """
    asked = [(challenge, _parts(challenge)) for challenge in challenges if challenge.lower().startswith("digest ")]
    for name in ALGORITHMS:
        for _challenge, parts in asked:
            if parts.get("algorithm", "MD5").upper() == name and _is_plain(parts):
                return digest(known, parts, path=path, cnonce=secrets.token_hex(16))
    given = f"{known.username}:{known.password}".encode()
    return f"Basic {base64.b64encode(given).decode()}"


def digest(known: Credentials, asked: dict[str, str], *, path: str, cnonce: str) -> str:
    """Return the answer to a challenge: H(H(name:realm:password):nonce:nc:cnonce:auth:H(GET:path)), RFC 7616, 3.4.

    Without ``qop``, as of RFC 2069, count and ``cnonce`` are left out.
    """
    algorithm, realm, nonce = asked.get("algorithm", "MD5"), asked.get("realm", ""), asked.get("nonce", "")
    hashed = _hashed(algorithm.upper())
    who, what = hashed(f"{known.username}:{realm}:{known.password}"), hashed(f"GET:{path}")
    counted = f"00000001:{cnonce}:auth:" if "qop" in asked else ""
    told = {"username": known.username, "realm": realm, "nonce": nonce, "uri": path}
    told["response"] = hashed(f"{who}:{nonce}:{counted}{what}")
    told |= {"opaque": asked["opaque"]} if "opaque" in asked else {}
    told |= {"cnonce": cnonce} if counted else {}
    quoted = [f'{name}="{_escaped(value)}"' for name, value in told.items()]
    return f"Digest {', '.join([*quoted, f'algorithm={algorithm}', *(['qop=auth', 'nc=00000001'] if counted else [])])}"


def _parts(challenge: str) -> dict[str, str]:
    found = PART.findall(challenge.partition(" ")[2])
    return {name.lower(): re.sub(r"\\(.)", r"\1", quoted) or bare for name, quoted, bare in found}


def _is_plain(asked: dict[str, str]) -> bool:
    """Tell whether the body need not be proven as well."""
    return "qop" not in asked or "auth" in re.split(r"[\s,]+", asked["qop"])


def _hashed(algorithm: str) -> Callable[[str], str]:
    return lambda text: ALGORITHMS[algorithm](text.encode()).hexdigest()


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
