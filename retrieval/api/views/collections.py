"""Collections and who is a member of them."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval.api.base import ApiView, checked
from retrieval.api.serializers.collections import (
    CollectionInput,
    CollectionSerializer,
    FacetsSerializer,
    InvitationSerializer,
    MemberInput,
    MemberSerializer,
    RoleInput,
)
from retrieval.services.images import collections, facets, members
from retrieval.services.images.collections import CollectionChanges
from retrieval.services.images.members import Member


class CollectionsView(ApiView):
    """All collections that the caller sees."""

    lists = True
    visitors = True

    @extend_schema(operation_id="collections_list", responses=CollectionSerializer(many=True))
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """List the visible collections by name."""
        return self.page(collections.listing(self.person), CollectionSerializer)

    @extend_schema(request=CollectionInput, responses={201: CollectionSerializer})
    def post(self, request: Request) -> Response:
        """Make a collection that belongs to the caller."""
        made = collections.create(owner=self.person, **checked(CollectionInput, request.data))
        found = collections.get(made.pk, user=self.person)
        return Response(self.shown(CollectionSerializer, found), status=201)


class CollectionView(ApiView):
    """One collection."""

    visitors = True

    @extend_schema(responses=CollectionSerializer)
    def get(self, request: Request, collection_id: UUID) -> Response:  # noqa: ARG002
        """Show a collection."""
        return Response(self.shown(CollectionSerializer, collections.get(collection_id, user=self.person)))

    @extend_schema(request=CollectionInput, responses=CollectionSerializer)
    def patch(self, request: Request, collection_id: UUID) -> Response:
        """Change what is named: managers the texts, the owner also the visibility."""
        collection = collections.get(collection_id, user=self.person)
        changes = CollectionChanges(**checked(CollectionInput, request.data, partial=True))
        collections.edit(collection, user=self.person, changes=changes)
        return self.get(request, collection_id)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, collection_id: UUID) -> Response:  # noqa: ARG002
        """Delete a collection with all its pictures; only its owner may."""
        collections.delete(collections.get(collection_id, user=self.person), user=self.person)
        return Response(status=204)


class FacetsView(ApiView):
    """By what a collection can be narrowed."""

    visitors = True

    @extend_schema(responses=FacetsSerializer)
    def get(self, request: Request, collection_id: UUID) -> Response:  # noqa: ARG002
        """Count pictures by tag, group and camera, the most used of each, and by month, all of them."""
        collection = collections.find(collection_id, user=self.person)
        return Response(self.shown(FacetsSerializer, facets.of_collection(collection)))


class MembersView(ApiView):
    """The members of a collection."""

    lists = True

    @extend_schema(operation_id="collections_members_list", responses=MemberSerializer(many=True))
    def get(self, request: Request, collection_id: UUID) -> Response:  # noqa: ARG002
        """List the members, and who is asked, by name; only members may."""
        collection = collections.get(collection_id, user=self.person)
        return self.page(members.listing(collection, user=self.person), MemberSerializer)

    @extend_schema(request=MemberInput, responses={201: MemberSerializer})
    def post(self, request: Request, collection_id: UUID) -> Response:
        """Give a member another role, or ask somebody in (``pending`` until they accept), known here or not."""
        collection = collections.get(collection_id, user=self.person)
        member = Member(**checked(MemberInput, request.data))
        row = members.ask(collection, user=self.person, member=member)
        return Response(self.shown(MemberSerializer, row), status=201)


class MemberView(ApiView):
    """One member of a collection."""

    @extend_schema(request=RoleInput, responses=MemberSerializer)
    def patch(self, request: Request, collection_id: UUID, username: str) -> Response:
        """Change a member's role."""
        collection = collections.get(collection_id, user=self.person)
        role = checked(RoleInput, request.data)["role"]
        row = members.change(collection, user=self.person, member=Member(username, role))
        return Response(self.shown(MemberSerializer, row))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, collection_id: UUID, username: str) -> Response:  # noqa: ARG002
        """Take a member's role away; everyone may leave by themselves."""
        collection = collections.get(collection_id, user=self.person)
        members.take_out(collection, user=self.person, username=username)
        return Response(status=204)


class InvitationsView(ApiView):
    """What the caller is asked into."""

    lists = True

    @extend_schema(operation_id="invitations_list", responses=InvitationSerializer(many=True))
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """List the collections that the caller is asked into and has not answered, newest first."""
        return self.page(members.asked(self.person), InvitationSerializer)


class InvitationView(ApiView):
    """The invitation into one collection."""

    @extend_schema(request=None, responses=MemberSerializer)
    def post(self, request: Request, collection_id: UUID) -> Response:  # noqa: ARG002
        """Accept: the caller is a member from now on."""
        return Response(self.shown(MemberSerializer, members.accept(collection_id, user=self.person)))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, collection_id: UUID) -> Response:  # noqa: ARG002
        """Decline: the caller is asked no more, and those who asked are told nothing."""
        members.decline(collection_id, user=self.person)
        return Response(status=204)
