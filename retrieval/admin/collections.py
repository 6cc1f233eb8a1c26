"""Collections in the admin: counts, owner, members in place."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from retrieval.admin.base import ReadOnlyAdmin, actor, choice
from retrieval.models import Collection, Membership, Source
from retrieval.services.images import image_counts, moderation
from retrieval.services.images.collections import CollectionChanges


class MembershipInline(TabularInline):
    """The members of a collection."""

    model = Membership
    fields = ("user", "role")
    autocomplete_fields = ("user",)
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        """Leave out who is only asked: nobody knows whether there is such a person."""
        rows: QuerySet[Membership] = super().get_queryset(request)
        return rows.exclude(user=None)


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
            picture_count=image_counts.of_collection(),
            member_count=Count("memberships__user", distinct=True),
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
        pictures = image_counts.total(within=Collection.objects.filter(pk__in=[row.pk for row in objs]))
        allowed = self.has_delete_permission(request)
        return names, {"collections": len(names), "pictures": pictures}, set() if allowed else {"collection"}, []

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        """Have the page send along what it showed, so that only what was changed of it is written."""
        form = super().get_form(request, obj, change, **options)
        for field in form.base_fields.values():
            field.show_hidden_initial = change
        return form

    def save_model(self, request: HttpRequest, obj: Collection, form: Any, change: bool) -> None:
        """Write as the product does: against the row as it is now, on the trail."""
        if not change:
            moderation.add_collection(obj, actor=actor(request))
            return
        changed = {name: form.cleaned_data[name] for name in form.changed_data}
        owner = changed.pop("owner", None)
        texts = CollectionChanges(**changed)
        moderation.edit_collection(obj, changes=texts, owner=owner, actor=actor(request))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Give and take roles as the product does."""
        rows, collection = formset.save(commit=False), form.instance
        replaced = [each.initial["user"] for each in formset.initial_forms if "user" in each.changed_data]
        left = [row.user_id for row in formset.deleted_objects]
        for person in User.objects.filter(pk__in=[*left, *replaced]):
            moderation.take_member_out(collection, person=person, actor=actor(request))
        for row in rows:
            moderation.put_member_in(collection, person=row.user, role=row.role, actor=actor(request))

    def delete_model(self, request: HttpRequest, obj: Collection) -> None:
        """Delete as the product does: hidden at once, purged soon, on the trail."""
        moderation.delete_collection(obj, actor=actor(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Collection]) -> None:
        """Delete several."""
        for collection in queryset:
            moderation.delete_collection(collection, actor=actor(request))


@admin.register(Source)
class SourceAdmin(ReadOnlyAdmin):
    """What is read into collections on a schedule; its managers set it on their pages."""

    list_display = (
        "name", choice("kind"), "place", "collection", "user", "active", "every_minutes", "keep_days", "last_read_at",
        "due_at", "failures", "error_code", "taken", "known", "refused",
    )  # fmt: skip
    list_filter = ("kind", "active", "error_code")
    list_select_related = ("collection", "user")
    search_fields = ("name", "place", "user__username")
    exclude = ("password", "lease_token")
