"""Every failure becomes one shape: ``{"error": {"code", "message", "fields"}}`` with its status and headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, ValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from rest_framework import exceptions
from rest_framework.response import Response

from retrieval.errors import NO_ROOM, RetrievalError, StorageFull, TooMany, Unavailable

log = structlog.get_logger(__name__)

MESSAGE_LENGTH = 500
RETRY_AFTER = 5

# What Django and the parsers raise on their own: status, code, sentence.
FOREIGN: tuple[tuple[type[Exception], int, str, str], ...] = (
    (Http404, 404, "not_found", "There is nothing at this address."),
    (PermissionDenied, 403, "forbidden", "You may not do this."),
    (RequestDataTooBig, 413, "body_too_large", "The request is larger than the limit."),
    (SuspiciousOperation, 400, "malformed", "The request cannot be read."),
    (MultiPartParserError, 400, "malformed", "The form data cannot be read."),
    (UnreadablePostError, 400, "malformed", "The request ended too early."),
    (OperationalError, 503, "unavailable", "The database is not there now; try again in a moment."),
    (InterfaceError, 503, "unavailable", "The database is not there now; try again in a moment."),
)
FRAMEWORK_CODES = {"permission_denied": "forbidden", "parse_error": "malformed", "invalid": "invalid_input"}


@dataclass(frozen=True)
class Failure:
    """An answer in the making."""

    status: int
    code: str
    message: str
    fields: Mapping[str, list[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def handle(error: Exception, context: Mapping[str, Any]) -> Response:
    """Turn any exception of a view into its answer; what nobody expected is logged and answers 500."""
    failure = failure_of(error)
    if failure.status == 500:
        log.error("api_failed", path=context["request"].path, exc_info=error)
    return answer(failure)


def answer(failure: Failure) -> Response:
    """Return the failure as a response."""
    body: dict[str, Any] = {"code": failure.code, "message": failure.message[:MESSAGE_LENGTH]}
    if failure.fields:
        body["fields"] = failure.fields
    return Response({"error": body}, status=failure.status, headers=failure.headers)


def failure_of(error: Exception) -> Failure:
    """Return status, code, message, fields and headers of an exception."""
    if isinstance(error, RetrievalError):
        return _expected(error)
    if isinstance(error, exceptions.APIException):
        return _of_framework(error)
    if isinstance(error, ValidationError):
        return Failure(400, "invalid_input", " ".join(error.messages))
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return Failure(507, StorageFull.code, "The disk is full; nothing was kept.", headers=_retry(RETRY_AFTER))
    for kind, status, code, message in FOREIGN:
        if isinstance(error, kind):
            return Failure(status, code, message, headers=_retry(RETRY_AFTER) if status == 503 else {})
    return Failure(500, "internal_error", "Something went wrong on the server; it has been written down.")


def _expected(error: RetrievalError) -> Failure:
    wait = error.retry_after if isinstance(error, TooMany | Unavailable) else RETRY_AFTER
    headers = _retry(wait) if error.status in {429, 503, 507} else {}
    return Failure(error.status, error.code, error.message, error.fields, {**error.headers, **headers})


def _of_framework(error: exceptions.APIException) -> Failure:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if isinstance(error, exceptions.ValidationError):
        fields = dict(_flat(error.detail))
        name, texts = next(iter(fields.items()))
        return Failure(400, "invalid_input", f"{name}: {texts[0]}", fields, headers)
    code = str(getattr(error.detail, "code", None) or error.default_code)
    return Failure(error.status_code, FRAMEWORK_CODES.get(code, code), str(error.detail), {}, headers)


def _flat(detail: Any, path: str = "") -> list[tuple[str, list[str]]]:
    """Flatten nested messages: ``{"region": {"x": ["..."]}}`` becomes ``region.x``."""
    if isinstance(detail, Mapping):
        below = f"{path}." if path else ""
        return [pair for name, inner in detail.items() for pair in _flat(inner, f"{below}{name}")]
    texts = detail if isinstance(detail, list) else [detail]
    name = path.removesuffix(".non_field_errors") or "non_field_errors"
    return [(name, [str(text)[:MESSAGE_LENGTH] for text in texts])]


def _retry(seconds: int) -> dict[str, str]:
    return {"Retry-After": str(seconds)}
