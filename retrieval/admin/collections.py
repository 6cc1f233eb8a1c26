"""Collections in the admin: counts, owner, members in place."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from retrieval.admin.base import actor, choice
from retrieval.models import Collection, Membership
from retrieval.services import moderation


class MembershipInline(TabularInline):
    """The members of a collection."""

    model = Membership
    autocomplete_fields = ("user",)
    extra = 0


@admin.register(Collection)
class CollectionAdmin(ModelAdmin):
    """Collections that are not deleted."""

    list_display = ("name", choice("visibility"), "owner", "pictures", "members", "created_at")
    list_filter = ("visibility", "created_at")
    list_select_related = ("owner",)
    search_fields = ("name", "description", "owner__username")
    autocomplete_fields = ("owner",)
    readonly_fields = ("created_at", "updated_at")
    inlines = (MembershipInline,)
    date_hierarchy = "created_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Collection]:
        """Count living pictures and members in the same query."""
        rows: QuerySet[Collection] = super().get_queryset(request)
        return rows.filter(deleted_at=None).annotate(
            picture_count=Count("images", filter=Q(images__deleted_at=None), distinct=True),
            member_count=Count("memberships", distinct=True),
        )

    @admin.display(description=_("Pictures"), ordering="picture_count")
    def pictures(self, collection: Any) -> int:
        """Living pictures."""
        return int(collection.picture_count)

    @admin.display(description=_("Members"), ordering="member_count")
    def members(self, collection: Any) -> int:
        """People with a role."""
        return int(collection.member_count)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Say what goes; pictures go with their collection, so they do not stand in its way."""
        names = [str(collection) for collection in objs]
        pictures = sum(collection.images.filter(deleted_at=None).count() for collection in objs)
        allowed = self.has_delete_permission(request)
        return names, {"collections": len(names), "pictures": pictures}, set() if allowed else {"collection"}, []

    def delete_model(self, request: HttpRequest, obj: Collection) -> None:
        """Delete as the product does: hidden at once, purged soon, on the trail."""
        moderation.delete_collection(obj, actor=actor(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Collection]) -> None:
        """Delete several."""
        for collection in queryset:
            moderation.delete_collection(collection, actor=actor(request))
