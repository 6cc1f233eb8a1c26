"""The OpenAPI description is valid, complete and served without another host."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path

import jsonschema_rs
import pytest
from django.core.management import call_command
from django.urls import get_resolver
from drf_spectacular import renderers, validation

from imagesearch.security import policy_for
from retrieval.api.schema import _described as described


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    """The description as its own tool makes it; a warning fails."""
    path = tmp_path_factory.mktemp("schema") / "schema.json"
    call_command("spectacular", format="openapi-json", fail_on_warn=True, file=str(path))
    return json.loads(path.read_text())


def operations(schema):
    return [(path, method, call) for path, calls in schema["paths"].items() for method, call in calls.items()]


def test_it_is_openapi_3_1(schema):
    """By the specification's own schema, which the tool brings along."""
    specification = json.loads((Path(validation.__file__).parent / "openapi_3_1_schema.json").read_text())
    assert schema["openapi"].startswith("3.1")
    jsonschema_rs.validate(specification, schema)
    schema = deepcopy(schema)
    del schema["paths"]["/api/v1/search/"]["post"]["responses"]["200"]["description"]
    with pytest.raises(jsonschema_rs.ValidationError, match="description"):
        jsonschema_rs.validate(specification, schema)


def test_every_call_is_described(schema):
    resolver = next(item for item in get_resolver().url_patterns if str(item.pattern) == "api/v1/")
    described = {re.sub(r"{[^}]*}", "{}", path) for path in schema["paths"]}
    for pattern in resolver.url_patterns:
        if pattern.name in {"schema", "docs", "unknown"}:
            continue
        assert f"/api/v1/{re.sub(r'<[^>]*>', '{}', str(pattern.pattern))}" in described


def test_every_call_says_how_it_fails(schema):
    for path, method, call in operations(schema):
        failures = {int(status) for status in call["responses"]} - {200, 201, 202, 204, 206}
        assert {400, 401, 503} <= failures, path
        assert method == "get" or 403 in failures
        assert method not in {"post", "patch"} or {413, 415} <= failures
        assert "{" not in path or 404 in failures
    assert {"409", "429", "507"} <= set(schema["paths"]["/api/v1/images/"]["post"]["responses"])
    assert "429" in schema["paths"]["/api/v1/search/"]["post"]["responses"]


def test_every_failure_has_the_one_shape(schema):
    for path, _, call in operations(schema):
        for status, answer in call["responses"].items():
            if int(status) >= 400:
                content = answer["content"]["application/json"]["schema"]
                assert content == {"$ref": "#/components/schemas/Error"}, path


def test_the_description_is_made_once_for_each_language(client, db):
    described.cache_clear()
    for language in ("en", "en", "zh-hans"):
        assert client.get("/api/v1/schema/", headers={"Accept-Language": language}).status_code == 200
    assert described.cache_info().misses == 2


def test_as_yaml_it_is_written_once_and_a_refusal_as_it_is(client, db, monkeypatch):
    text = client.get("/api/v1/schema/").content
    assert text.startswith(b"openapi: 3.1")
    refused = client.post("/api/v1/schema/")
    assert (refused.status_code, b"method_not_allowed" in refused.content) == (405, True)
    monkeypatch.setattr(renderers, "dump", None)  # nobody may write it again
    assert client.get("/api/v1/schema/").content == text


def test_the_description_and_its_pages_are_served_to_everyone(client, db):
    assert client.get("/api/v1/schema/").status_code == 200
    page = client.get("/api/v1/docs/")
    assert page.status_code == 200
    text = page.content.decode()
    assert not re.findall(r"(?:src|href)=\"https?://", text)
    assert not re.findall(r"<script(?![^>]*src=)", text)
    assert "unsafe-eval" not in policy_for("/api/v1/docs/")
    script = re.search(r'src="([^"]*script[^"]*)"', text)
    assert script
    answer = client.get(script.group(1).replace("&amp;", "&"))
    assert answer.headers["Content-Type"].startswith("application/javascript")
