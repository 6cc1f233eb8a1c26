"""People in the admin: accounts, groups, tokens, what they use, and what they did."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from retrieval.admin.base import ReadOnlyAdmin, choice
from retrieval.models import ApiToken, AuditEvent

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    """Accounts, with what they use."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "is_active", "is_staff", "pictures", "last_login")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Bring the use along."""
        return super().get_queryset(request).select_related("usage")

    @admin.display(description=_("Pictures"), ordering="usage__images")
    def pictures(self, user: Any) -> int:
        """Living pictures that the person put in."""
        return int(user.usage.images) if hasattr(user, "usage") else 0


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """Groups of rights."""


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Tokens by name and date; the secrets are nowhere. Deleting one revokes it."""

    list_display = ("name", "user", choice("scope"), "created_at", "expires_at", "last_used_at")
    list_filter = ("scope",)
    search_fields = ("name", "user__username")
    exclude = ("digest",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An administrator may revoke."""
        return request.user.has_perm("retrieval.delete_apitoken")


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Who did what, and when."""

    list_display = ("at", "actor", "action", "kind", "object_id", "detail")
    list_filter = ("action", "at")
    list_select_related = ("actor",)
    search_fields = ("actor__username", "object_id")
    date_hierarchy = "at"
