"""The caller's own address of mail: which it is, and having another one confirmed."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval.api.base import ApiView, checked
from retrieval.api.serializers.accounts import NewAddressSerializer, OwnAddressSerializer
from retrieval.errors import InvalidInput
from retrieval.services.people import own_address, passwords
from retrieval.tasks import wake_for


class OwnAddressView(ApiView):
    """Where mail to the caller goes."""

    more_failures = frozenset({429})

    @extend_schema(operation_id="auth_address", responses=OwnAddressSerializer)
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """Say which address counts, and which one waits for its link to be opened."""
        return self._answer(200)

    @extend_schema(
        operation_id="auth_address_change", request=NewAddressSerializer, responses={202: OwnAddressSerializer}
    )
    def post(self, request: Request) -> Response:
        """Have a link mailed to a new address; an empty one counts at once. Who has a password says it."""
        said = checked(NewAddressSerializer, request.data)
        if passwords.prove(self.person) and not passwords.confirm(self.person, said["password"]):
            raise InvalidInput.of("password", "The password is wrong.")
        own_address.ask(self.person, said["email"])
        wake_for("letters")
        return self._answer(202)

    def _answer(self, status: int) -> Response:
        waits = own_address.waiting(self.person)
        told = {"email": self.person.email, "waiting": waits.address if waits else None}
        return Response(OwnAddressSerializer(told).data, status=status)
