"""What the admin pages share: tables that are only read, and links from one row to another."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from unfold.admin import ModelAdmin

from retrieval.admin.names import COLUMNS

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class ReadOnlyAdmin(ModelAdmin):
    """Rows that only the system writes."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Nobody adds one here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes one here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes one here."""
        return False


def actor(request: HttpRequest) -> User:
    """Return the administrator at work; the site lets nobody else come this far."""
    user: User = request.user  # type: ignore[assignment]
    return user


def choice(name: str) -> Callable[[Any], str]:
    """Return a column that writes a choice in the reader's language."""

    @admin.display(description=COLUMNS[name], ordering=name)  # type: ignore[arg-type]
    def column(row: Any) -> str:
        return gettext(str(getattr(row, f"get_{name}_display")()))

    column.__name__ = name
    return column


def link(row: Model | None, text: str = "") -> SafeString | str:
    """Return a link to the row's admin page."""
    if row is None:
        return "-"
    address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    return format_html('<a href="{}">{}</a>', address, text or str(row))
