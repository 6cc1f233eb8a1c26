"""Answers that need neither a thread nor Django: the site is alive, or cannot take this request now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.template.loader import render_to_string
from django.utils import translation

from imagesearch.front.bridge import Answer
from imagesearch.security import headers_without_django
from retrieval import telemetry
from retrieval.web import words

CHINESE = b"zh"


@dataclass(frozen=True)
class Reason:
    """Why a request is turned away: a word for the figures, and what its sender is told."""

    word: str
    status: int
    code: str
    message: str


BUSY = Reason("busy", 503, "busy", "Many requests wait already; try again in a moment.")
CROWDED = Reason("too many of one address", 503, "busy", "This address has many requests open; end some first.")
SPOOL_FULL = Reason("uploads fill the disk's share", 503, "busy", "Many uploads are coming in; try again in a moment.")
SLOW_BODY = Reason("slow body", 408, "too_slow", "The request came in too slowly; send it again.")
DISK_FULL = Reason("disk full", 507, "storage_full", "The disk is full; nothing was kept.")


def alive() -> Answer:
    """Answer ``/healthz``."""
    telemetry.REQUESTS.labels("GET", "/healthz", "200").inc()
    said = [(b"content-type", b"text/plain"), (b"cache-control", b"no-store"), *headers_without_django("/healthz")]
    return Answer(200, said, b"ok\n")


def unreadable(message: str) -> bytes:
    """Return the whole answer to what is no request that can be read."""
    body = f"{message}\n".encode("ascii")
    said = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"), *headers_without_django("")]  # fmt: skip
    return b"".join([b"HTTP/1.1 400 Bad Request\r\n", *(b"%s: %s\r\n" % pair for pair in said), b"\r\n", body])


def refusal(reason: Reason, scope: Mapping[str, Any], *, retry_after: int) -> Answer:
    """Answer in the form that the caller reads: JSON for the API and our scripts, else a page."""
    headers = dict(scope["headers"])
    as_json = scope["path"].startswith("/api/") or headers.get(b"accept", b"").startswith(b"application/json")
    kind = b"application/json" if as_json else b"text/html; charset=utf-8"
    said = [(b"content-type", kind), (b"cache-control", b"private, no-store"), *headers_without_django(scope["path"])]
    if reason.status in {503, 507}:
        said.append((b"retry-after", str(retry_after).encode()))
    telemetry.REQUESTS.labels(telemetry.known_method(scope["method"]), "(none)", str(reason.status)).inc()
    return Answer(reason.status, said, _json(reason) if as_json else _page(reason, _language(headers)))


def _json(reason: Reason) -> bytes:
    return json.dumps({"error": {"code": reason.code, "message": reason.message}}).encode()


@cache
def _page(reason: Reason, language: str) -> bytes:
    with translation.override(language):
        title, way_on = words.error_page(reason.status, reason.code)
        message = words.reason(reason.code, reason.message)
        context = {"status": reason.status, "title": title, "message": message, "way_on": way_on, "code": reason.code}
        return render_to_string("error.html", context).encode()


def _language(headers: Mapping[bytes, bytes]) -> str:
    return "zh-hans" if headers.get(b"accept-language", b"").lower().startswith(CHINESE) else "en"
