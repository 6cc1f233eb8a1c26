"""People in the admin: accounts, groups, tokens, what they use, and what they did."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from retrieval import conf
from retrieval.admin.base import ReadOnlyAdmin, actor, choice
from retrieval.errors import Forbidden, InvalidInput, NotFound
from retrieval.models import ApiToken, AuditEvent
from retrieval.services.images import moderation
from retrieval.services.people import letters, posting, provider_sign_in, rights, second_factor, sign_in_link
from retrieval.tasks import wake_for

MOST_LINKS = 100  # at once: a page that a person can hand out from
POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    """Accounts, with what they use. Powers, and the accounts that have some, are for superusers alone."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "is_active", "is_staff", "pictures", "last_login")
    actions = ("make_links", "mail_links", "remove_second_factors", "unlink_identities")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Let others than superusers read powers, and give none."""
        fixed = super().get_readonly_fields(request, obj)
        return fixed if actor(request).is_superuser else (*fixed, *POWERS)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Also of a password: who could set it for somebody with more rights would have those rights."""
        return super().has_change_permission(request, obj) and self._within_reach(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not the accounts that have powers."""
        return super().has_delete_permission(request, obj) and self._within_reach(request, obj)

    def _within_reach(self, request: HttpRequest, obj: User | None) -> bool:
        return obj is None or rights.may_change_person(request.user, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Bring the use along."""
        return super().get_queryset(request).select_related("usage")

    @admin.action(description=_("Make sign-in links"), permissions=["change"])
    def make_links(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        """Show a link for each person, this once; it is in no redirect, so that no cookie, address or log holds it."""
        if queryset.count() > MOST_LINKS:
            self.message_user(request, _("Choose at most %d people at once.") % MOST_LINKS, messages.ERROR)
            return None
        rows = [_link_for(person, request) for person in queryset.order_by("username")]
        context = {**self.admin_site.each_context(request), "title": _("Sign-in links"), "rows": rows}
        context["hours"] = int(sign_in_link.GOOD_FOR.total_seconds() // 3600)
        return TemplateResponse(request, "admin/sign_in_links.html", context)

    def get_actions(self, request: HttpRequest) -> Any:
        """Offer mail, and what is about the identity provider, only where they are set."""
        off = {"mail_links": not posting.is_on(), "unlink_identities": conf.get().provider is None}
        return {name: act for name, act in super().get_actions(request).items() if not off.get(name)}

    @admin.action(description=_("Mail sign-in links"), permissions=["change"])
    def mail_links(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Invite people, or help who lost the password, by the address of their account."""
        for person in queryset.order_by("username"):
            try:
                letters.invite(person, actor=actor(request))
            except (Forbidden, InvalidInput) as error:
                self.message_user(request, f"{person.username}: {error.message}", messages.ERROR)
            else:
                self.message_user(request, _("A mail is on its way to {address}.").format(address=person.email))
        wake_for("letters")

    @admin.action(description=_("Remove the second factor"), permissions=["change"])
    def remove_second_factors(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Let people who lost the app and their codes in again by name and password."""
        for person in queryset.order_by("username"):
            try:
                second_factor.remove(person, actor=actor(request))
            except (Forbidden, NotFound) as error:
                self.message_user(request, f"{person.username}: {error.message}", messages.ERROR)
            else:
                self.message_user(request, _("%s signs in by name and password alone.") % person.username)

    @admin.action(description=_("Disconnect from the identity provider"), permissions=["change"])
    def unlink_identities(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Let the provider's word open these accounts no more."""
        for person in queryset.order_by("username"):
            try:
                provider_sign_in.unlink(person, actor=actor(request))
            except (Forbidden, NotFound) as error:
                self.message_user(request, f"{person.username}: {error.message}", messages.ERROR)
            else:
                self.message_user(request, _("The identity provider does not open %s any more.") % person.username)

    @admin.display(description=_("Pictures"), ordering="usage__images")
    def pictures(self, user: Any) -> int:
        """Living pictures that the person put in."""
        return int(user.usage.images) if hasattr(user, "usage") else 0


def _link_for(person: User, request: HttpRequest) -> dict[str, str]:
    """Whom it is for, and the whole address or why there is none."""
    try:
        token = sign_in_link.issue_for(person, actor=actor(request))
    except Forbidden as error:
        return {"name": person.username, "error": error.message}
    return {"name": person.username, "address": request.build_absolute_uri(reverse("web:first", args=[token]))}


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """Groups of rights; who may write one could give rights to herself, so only superusers may."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Superusers."""
        return actor(request).is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers."""
        return actor(request).is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers."""
        return actor(request).is_superuser


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Tokens by name and date; the secrets are nowhere. Deleting one revokes it."""

    list_display = ("name", "user", choice("scope"), "created_at", "expires_at", "last_used_at")
    list_filter = ("scope",)
    search_fields = ("name", "user__username")
    exclude = ("digest", "password")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An administrator may revoke."""
        return rights.may(request.user, rights.Right.TOKENS)

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        """Revoke, on the trail."""
        moderation.revoke_tokens([obj], actor=actor(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """Revoke several."""
        moderation.revoke_tokens(queryset.select_related("user"), actor=actor(request))


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Who did what, and when."""

    list_display = ("at", "actor", "address", "action", "kind", "object_id", "detail")
    list_filter = ("action", "at")
    list_select_related = ("actor",)
    search_fields = ("actor__username", "address", "object_id")
    date_hierarchy = "at"
