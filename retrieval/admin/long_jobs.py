"""Long work in the admin: one list for every kind, to see how far it is, stop it, begin it again, or remove it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from retrieval import tasks
from retrieval.admin.base import ReadOnlyAdmin, actor, choice
from retrieval.errors import RetrievalError
from retrieval.models import LongJob
from retrieval.services.operations import long_work
from retrieval.services.people import rights


class LongJobAdmin(ReadOnlyAdmin):
    """All of a kind, newest first; the actions do what their person could do, on the trail."""

    list_display = (
        "__str__", "collection", "user", choice("state"), "stage", "done", "total", "attempts", "error_code",
        "created_at",
    )  # fmt: skip
    list_filter = ("state", "error_code")
    list_select_related = ("collection", "user")
    search_fields = ("user__username", "collection__name", "error_text")
    actions = ("cancel", "resume", "remove")

    def has_steer_permission(self, request: HttpRequest) -> bool:
        """Let administrators run the actions."""
        return rights.administrator(request.user)

    @admin.action(description=_("Stop"), permissions=["steer"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Take them out of the line, or have their workers stop."""
        self._each(request, queryset, lambda row: long_work.cancel(row, user=actor(request)))

    @admin.action(description=_("Begin again"), permissions=["steer"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Put those that failed or were stopped back in line."""
        for row in self._each(request, queryset, lambda row: long_work.resume(row, user=actor(request))):
            tasks.wake_long_job(row)

    @admin.action(description=_("Delete with its files"), permissions=["steer"])
    def remove(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Forget those that are over."""
        self._each(request, queryset, lambda row: long_work.remove(row, user=actor(request)))

    def _each(self, request: HttpRequest, queryset: QuerySet[Any], act: Callable[[LongJob], object]) -> list[LongJob]:
        done = []
        for row in queryset:
            try:
                act(row)
            except RetrievalError as error:
                self.message_user(request, f"{row}: {error.message}", messages.ERROR)
            else:
                done.append(row)
                self.message_user(request, _("%s: done.") % row)
        return done


for kind in long_work.KINDS.values():
    admin.site.register(kind.model, LongJobAdmin)
