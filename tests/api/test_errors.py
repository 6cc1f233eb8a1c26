"""Each class of error has its status, and every failure the one shape."""

from __future__ import annotations

import errno

import pytest
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404
from rest_framework import exceptions

from retrieval import errors as expected
from retrieval.api.errors import answer, failure_of, handle

CASES = [
    (expected.InvalidInput.of("k", "Too large."), 400, "invalid_input"),
    (expected.Forbidden("No."), 403, "forbidden"),
    (expected.NotFound("No."), 404, "not_found"),
    (expected.Conflict("No.", code="same_picture"), 409, "same_picture"),
    (expected.TooLarge("No.", code="image_too_large"), 413, "image_too_large"),
    (expected.UnsupportedPicture("No."), 415, "unsupported_picture"),
    (expected.TooMany("No.", retry_after=7), 429, "rate_limited"),
    (expected.Unavailable("No."), 503, "unavailable"),
    (expected.StorageFull("No."), 507, "storage_full"),
    (expected.WeightsError("No."), 503, "weights_invalid"),
    (exceptions.NotAuthenticated(), 401, "not_authenticated"),
    (exceptions.PermissionDenied(), 403, "forbidden"),
    (exceptions.ParseError("Odd."), 400, "malformed"),
    (exceptions.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
    (exceptions.UnsupportedMediaType("text/plain"), 415, "unsupported_media_type"),
    (Http404(), 404, "not_found"),
    (RequestDataTooBig(), 413, "body_too_large"),
    (SuspiciousOperation(), 400, "malformed"),
    (OperationalError("gone"), 503, "unavailable"),
    (OSError(errno.ENOSPC, "full"), 507, "storage_full"),
    (OSError(errno.EFBIG, "too large for this file system"), 507, "storage_full"),
    (ZeroDivisionError(), 500, "internal_error"),
]


@pytest.mark.parametrize(("error", "status", "code"), CASES, ids=lambda value: type(value).__name__)
def test_each_error_has_its_status_and_code(error, status, code):
    failure = failure_of(error)
    assert (failure.status, failure.code) == (status, code)
    assert failure.message
    assert ("Retry-After" in failure.headers) == (status in {429, 503, 507})


def test_every_expected_error_of_the_app_has_a_status():
    kinds = [kind for kind in vars(expected).values() if isinstance(kind, type) and kind is not expected.RetrievalError]
    ours = [kind for kind in kinds if issubclass(kind, expected.RetrievalError)]
    assert len(ours) >= 10
    for kind in ours:
        assert failure_of(_made(kind)).status != 500


def test_the_wait_is_the_errors_own():
    assert failure_of(expected.TooMany("No.", retry_after=41)).headers == {"Retry-After": "41"}


def test_fields_are_named_flat_and_only_where_there_are_any():
    region = {"x": ["Too large."], "non_field_errors": ["Empty."]}
    nested = exceptions.ValidationError({"region": region, "k": ["Odd."]})
    body = answer(failure_of(nested)).data["error"]
    assert body["fields"] == {"region.x": ["Too large."], "region": ["Empty."], "k": ["Odd."]}
    assert body["message"] == "region.x: Too large."
    assert "fields" not in answer(failure_of(expected.NotFound("No."))).data["error"]


def test_an_unexpected_error_tells_nothing_of_its_inside(rf):
    response = handle(ValueError("secret inside"), {"request": rf.get("/")})
    assert response.status_code == 500
    assert "secret" not in str(response.data)


def _made(kind):
    needs_wait = issubclass(kind, expected.TooMany)
    return kind("No.", retry_after=1) if needs_wait else kind("No.")
