"""An OpenID Connect provider on this machine: it signs with real keys, and lies as a test tells it to."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from retrieval.conf import Provider
from retrieval.openid import keys, metadata

CLIENT, SECRET = "pictures", "s3cret/of+the client"


@cache
def rsa_key(number: int, bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def jwk(key: rsa.RSAPrivateKey, kid: str, **more: Any) -> dict[str, Any]:
    return {**jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", **more}


@dataclass
class House:
    """The provider: whom it vouches for, what it says beside the truth, which codes it gave, what it was asked."""

    issuer: str = ""
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "u-1", "preferred_username": "anna"})
    lies: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=lambda: {"kid": "first"})
    signs: Any = field(default_factory=lambda: ("RS256", rsa_key(1)))
    keys: list[dict[str, Any]] = field(default_factory=lambda: [jwk(rsa_key(1), "first")])
    told: dict[str, Any] = field(default_factory=dict)
    says: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def lets_in(self, address: str) -> dict[str, str]:
        """What the browser brings back that was sent to this address."""
        question = dict(parse_qsl(urlsplit(address).query))
        code = f"code-{len(self.codes)}"
        self.codes[code] = question
        return {"code": code, "state": question["state"], "iss": self.issuer}

    def token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce, **self.person}
        lies = {
            name: now + int(lie.total_seconds()) if isinstance(lie, timedelta) else lie
            for name, lie in self.lies.items()
        }
        claims = {name: value for name, value in {**claims, **lies}.items() if value is not None}
        algorithm, key = self.signs
        return jwt.encode(claims, key, algorithm, headers=self.header)

    def exchange(self, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        question = self.codes.pop(form.get("code", ""), None)  # once
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        client = base64.b64encode(b"pictures:s3cret%2Fof%2Bthe+client").decode()
        posted = form.get("client_id") == CLIENT and form.get("client_secret", "") == SECRET
        known = authorization == f"Basic {client}" or posted
        if not question or not known or challenge != question["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        if form["redirect_uri"] != question["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        return 200, {"id_token": self.token(question["nonce"]), "access_token": "for-people", "token_type": "Bearer"}

    def answer(self, path: str, body: str, authorization: str) -> tuple[int, Any]:
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            places = {"authorization_endpoint": "/in", "token_endpoint": "/token", "jwks_uri": "/keys"}
            places |= {"userinfo_endpoint": "/people"}
            return 200, {"issuer": self.issuer, **{name: self.issuer + at for name, at in places.items()}, **self.says}
        if path == "/keys":
            return 200, {"keys": self.keys}
        if path == "/people":
            return (200, self.told) if authorization == "Bearer for-people" else (401, {})
        form = {name: values[0] for name, values in parse_qs(body).items()}
        return self.exchange(form, authorization) if path == "/token" else (404, {})

    def client(self, **fields: Any) -> Provider:
        return Provider(self.issuer, CLIENT, SECRET, **fields)

    def reset(self) -> None:
        """Tell the truth again, and let nobody remember."""
        issuer = self.issuer
        self.__init__(issuer)  # type: ignore[misc]
        keys._kept.clear()
        metadata._kept.clear()


@contextmanager
def house() -> Iterator[House]:
    """Let it answer while the block runs."""
    here = House()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length).decode()
            status, found = here.answer(self.path, body, self.headers.get("Authorization", ""))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    site = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here.issuer = f"http://127.0.0.1:{site.server_port}"
    Thread(target=site.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield here
    site.shutdown()
    site.server_close()
