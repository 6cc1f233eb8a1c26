"""The caller's second factor: whether it is on, setting it up, recovery codes, turning it off."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval.api.base import ApiView, checked
from retrieval.api.serializers.accounts import (
    CodeSerializer,
    PasswordAndCodeSerializer,
    RecoveryCodesSerializer,
    SecondFactorSerializer,
    SetupSerializer,
)
from retrieval.errors import InvalidInput
from retrieval.services.people import passwords, second_factor


class SecondFactorView(ApiView):
    """The factor itself."""

    more_failures = frozenset({409})

    @extend_schema(operation_id="auth_second_factor", responses=SecondFactorSerializer)
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """Say whether signing in asks for a code, and how many recovery codes are left."""
        on, left = second_factor.is_on(self.person), second_factor.codes_left(self.person)
        return Response(SecondFactorSerializer({"on": on, "codes_left": left}).data)

    @extend_schema(operation_id="auth_second_factor_begin", request=None, responses={201: SetupSerializer})
    def post(self, request: Request) -> Response:  # noqa: ARG002
        """Get the secret for an app; nothing is asked for before it is turned on with a code of that app."""
        return Response(SetupSerializer(second_factor.begin(self.person)).data, status=201)


class TurnOnView(ApiView):
    """From now on."""

    more_failures = frozenset({404, 409, 429})

    @extend_schema(
        operation_id="auth_second_factor_on", request=PasswordAndCodeSerializer, responses=RecoveryCodesSerializer
    )
    def post(self, request: Request) -> Response:
        """Turn it on by password and a code of the app; answers the recovery codes, this once. Other browsers end."""
        said = checked(PasswordAndCodeSerializer, request.data)
        if not passwords.confirm(self.person, said["password"]):
            raise InvalidInput.of("password", "The password is wrong.")
        key = request._request.session.session_key
        codes = second_factor.turn_on(self.person, code=said["code"], session_key=key)
        return Response(RecoveryCodesSerializer({"codes": codes}).data)


class TurnOffView(ApiView):
    """Not any more."""

    more_failures = frozenset({429})

    @extend_schema(operation_id="auth_second_factor_off", request=CodeSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Turn it off, by a code."""
        second_factor.turn_off(self.person, code=checked(CodeSerializer, request.data)["code"])
        return Response(status=204)


class RecoveryCodesView(ApiView):
    """For who lost the app."""

    more_failures = frozenset({429})

    @extend_schema(operation_id="auth_second_factor_codes", request=CodeSerializer, responses=RecoveryCodesSerializer)
    def post(self, request: Request) -> Response:
        """Make new recovery codes, by a code; the old ones open nothing any more."""
        codes = second_factor.renew(self.person, code=checked(CodeSerializer, request.data)["code"])
        return Response(RecoveryCodesSerializer({"codes": codes}).data)
