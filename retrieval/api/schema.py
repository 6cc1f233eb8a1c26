"""The OpenAPI description: every call says by itself which failures it may answer with."""

from __future__ import annotations

from functools import cached_property, lru_cache
from http import HTTPStatus
from typing import Any

import uritemplate
from django.utils.translation import get_language
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.utils import Direction, OpenApiResponse
from rest_framework import serializers

from retrieval.api.serializers.fields import Input

WAITING = {429, 503, 507}


class ErrorDetailSerializer(serializers.Serializer[Any]):
    """What went wrong: a stable code for programs, a sentence for people, and the inputs at fault."""

    code = serializers.CharField()
    message = serializers.CharField()
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()), required=False
    )


ErrorSerializer = type("ErrorSerializer", (serializers.Serializer,), {"error": ErrorDetailSerializer()})


class Schema(AutoSchema):
    """DRF's view as an OpenAPI operation, with the failures of ``retrieval.api.errors`` added."""

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for status in sorted(self.failures()):
            response = OpenApiResponse(ErrorSerializer, HTTPStatus(status).phrase)
            body = self._get_response_for_code(response, str(status), ["application/json"])  # type: ignore[no-untyped-call]
            if status in WAITING:
                body["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}}
            bodies.setdefault(str(status), body)
        return bodies

    def get_override_parameters(self) -> list[Any]:
        """The parameters that the view knows for this method."""
        kind = getattr(self.view, "queries", {}).get(self.method)
        return [kind] if kind else []

    def _map_basic_serializer(self, serializer: Any, direction: Direction) -> dict[str, Any]:
        """Say of what is sent that it may hold nothing else."""
        found: dict[str, Any] = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        return {**found, "additionalProperties": False} if isinstance(serializer, Input) else found

    def failures(self) -> set[int]:
        """The statuses of failure that this call may answer with."""
        sends, names_one = self.method in {"POST", "PATCH"}, bool(uritemplate.variables(self.path))
        found = {400, 401, 503}
        found |= {404} if sends or names_one else set()
        found |= {403} if self.method != "GET" or names_one else set()
        found |= {413, 415} if sends else set()
        return found | getattr(self.view, "more_failures", set())


class Generator(SchemaGenerator):
    """Describes all calls once for each language: it takes a second of processor, and is the same for everybody."""

    def get_schema(self, request: Any = None, public: bool = False) -> Any:  # noqa: ARG002
        """Return the description as nested dictionaries, which nobody may change."""
        return _described(get_language(), self.api_version)


class Description(dict[str, Any]):
    """All calls as nested dictionaries, and the same as YAML: writing that takes a fifth of a second of processor."""

    @cached_property
    def yaml(self) -> bytes:
        """The bytes that are sent, written when they are first asked for."""
        written: bytes = OpenApiYamlRenderer().render(dict(self))  # type: ignore[no-untyped-call]
        return written


@lru_cache(maxsize=8)
def _described(language: str | None, version: str | None) -> Description:  # noqa: ARG001  (texts are read in it)
    generator = SchemaGenerator(api_version=version)  # type: ignore[no-untyped-call]
    return Description(generator.get_schema(request=None, public=True))  # type: ignore[no-untyped-call]


class _WrittenOnce:
    """Sends a description as it was written before; anything else, a refusal say, is written anew."""

    def render(self, data: Any, *context: Any, **more: Any) -> bytes:
        """Return the bytes of the answer."""
        if isinstance(data, Description):
            return data.yaml
        written: bytes = super().render(data, *context, **more)  # type: ignore[misc]
        return written


class Yaml(_WrittenOnce, OpenApiYamlRenderer):
    """``application/vnd.oai.openapi``."""


class PlainYaml(_WrittenOnce, OpenApiYamlRenderer2):
    """``application/yaml``."""


RENDERERS = [Yaml, PlainYaml, OpenApiJsonRenderer, OpenApiJsonRenderer2]


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Names the token header in the description."""

    target_class = "retrieval.api.auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:  # noqa: ARG002
        """Return the OpenAPI security scheme."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token <secret>`, with a secret from `POST /api/v1/auth/token/`.",
        }
