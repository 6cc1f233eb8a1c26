"""Pictures in the admin: thumbnails, state, filters, and what can be done to many at once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from import_export import resources
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateTimeFilter
from unfold.forms import ActionForm

from retrieval import conf, tasks
from retrieval.admin.base import actor
from retrieval.models import Collection, Image, Status
from retrieval.services.images import images, moderation
from retrieval.services.people import accounts

FORMULA = ("=", "+", "-", "@", "\t", "\r")


class MoveForm(ActionForm):
    """The form of the actions, with the collection that a move needs."""

    collection = forms.ModelChoiceField(
        Collection.objects.filter(deleted_at=None), required=False, empty_label=_("move to ...")
    )


class StatusFilter(admin.SimpleListFilter):
    """Pending, ready, failed."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the states."""
        return [(str(status.value), gettext(status.label)) for status in Status]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep one state."""
        return queryset.filter(status=self.value()) if self.value() else queryset


class ImageResource(resources.ModelResource):
    """The columns of an export; vectors are not among them."""

    class Meta:
        model = Image
        fields = (
            "id", "collection__name", "uploader__username", "title", "caption", "tags", "group_key", "source_url",
            "width", "height", "format", "bytes", "sha256", "created_at",
        )  # fmt: skip

    def export_field(self, *args: Any, **options: Any) -> Any:
        """Put an apostrophe before what a spreadsheet would take for a formula."""
        value = super().export_field(*args, **options)
        return f"'{value}" if str(value).startswith(FORMULA) else value


@admin.register(Image)
class ImageAdmin(ModelAdmin):
    """Living pictures of all collections."""

    list_display = ("thumbnail", "title", "collection", "state", "uploader", "format", "size", "created_at")
    list_display_links = ("thumbnail", "title")
    list_filter = (
        StatusFilter, ("collection", AutocompleteSelectFilter), "format", ("created_at", RangeDateTimeFilter),
    )  # fmt: skip
    list_filter_submit = True
    list_select_related = ("collection", "uploader")
    list_per_page = 50
    search_fields = ("title", "caption", "tags", "group_key", "sha256", "id")
    readonly_fields = (
        "preview", "state", "error", "collection", "uploader", "width", "height", "format", "bytes", "sha256",
        "created_at", "updated_at",
    )  # fmt: skip
    fields = (
        "preview", "title", "caption", "tags", "group_key", "source_url", "metadata", "state", "error", "collection",
        "uploader", "width", "height", "format", "bytes", "sha256", "created_at", "updated_at",
    )  # fmt: skip
    action_form = MoveForm
    actions = ("embed_again", "move", "export_csv")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave out what waits to be purged; add the state."""
        return Image.objects.alive().with_status().order_by("-created_at", "-id")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Offer to move only to those collections that the person may know of."""
        answer: HttpResponse = super().changelist_view(request, extra_context)
        form = getattr(answer, "context_data", {}).get("action_form")
        if form:
            form.fields["collection"].queryset = moderation.goals(actor(request))
        return answer

    def get_urls(self) -> list[URLPattern]:
        """Add the thumbnail, which the pages would not show to one who may not see the collection."""
        view = self.admin_site.admin_view(self.thumbnail_file)
        inherited: list[URLPattern] = super().get_urls()
        return [path("<uuid:image_id>/thumbnail/<int:size>/", view, name="retrieval_image_thumbnail"), *inherited]

    def thumbnail_file(self, request: HttpRequest, image_id: UUID, size: int) -> FileResponse:
        """Send a thumbnail to staff who may look at pictures."""
        if not self.has_view_permission(request) or size not in conf.get().thumbnail_sizes:
            raise Http404
        file = images.thumbnail_path(get_object_or_404(Image, pk=image_id), size)
        if not file.is_file():
            raise Http404
        return FileResponse(file.open("rb"), content_type="image/jpeg", headers={"Cache-Control": "private, no-store"})

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Pictures come in through the upload page, the API or a command, never as bare rows."""
        return False

    @admin.display(description=_("picture"))
    def thumbnail(self, image: Image) -> SafeString:
        """Show it small."""
        return _picture(image, size=min(conf.get().thumbnail_sizes), height=64)

    @admin.display(description=_("picture"))
    def preview(self, image: Image) -> SafeString:
        """Show it large."""
        return _picture(image, size=max(conf.get().thumbnail_sizes), height=360)

    @admin.display(description=_("state"), ordering="status")
    def state(self, image: Any) -> str:
        """Pending, ready or failed."""
        return gettext(Status(image.status).label)

    @admin.display(description=_("reason"))
    def error(self, image: Any) -> str:
        """Why it failed."""
        return f"{image.error_text} ({image.error_code})" if image.error_code else "-"

    @admin.display(description=_("Size"), ordering="bytes")
    def size(self, image: Image) -> str:
        """Pixels."""
        return f"{image.width}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}{image.height}"

    @admin.action(description=_("Embed again"), permissions=["change"])
    def embed_again(self, request: HttpRequest, queryset: QuerySet[Image]) -> None:
        """Ask for new vectors."""
        count = moderation.embed_again(Image.objects.filter(pk__in=queryset.values("pk")), actor=actor(request))
        tasks.wake_for("images")
        self.message_user(request, _("%d pictures will be embedded again.") % count)

    @admin.action(description=_("Move to the chosen collection"), permissions=["change"])
    def move(self, request: HttpRequest, queryset: QuerySet[Image]) -> None:
        """Move; what is in the goal already stays where it is."""
        form = self.action_form({**request.POST.dict(), "action": ""})
        form.fields["collection"].queryset = moderation.goals(actor(request))
        form.full_clean()
        goal = form.cleaned_data.get("collection")
        if goal is None:
            self.message_user(request, _("Choose the collection to move to."), messages.ERROR)
            return
        moved = moderation.move_images(queryset, collection=goal, actor=actor(request))
        self.message_user(request, _("%(moved)d pictures are in %(name)s now.") % {"moved": moved, "name": goal.name})

    @admin.action(description=_("Export as CSV"), permissions=["view"])
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Image]) -> HttpResponse:
        """Write the rows as CSV, formulas made harmless, and note who took them."""
        rows = ImageResource().export(queryset)
        for image in queryset[:1]:
            accounts.record(actor(request), "images.exported", image, count=len(rows))
        return HttpResponse(
            rows.csv,
            content_type="text/csv",
            headers={"Content-Disposition": 'attachment; filename="pictures.csv"'},
        )

    def save_model(self, request: HttpRequest, obj: Image, form: Any, change: bool) -> None:
        """Write what was changed, on the trail."""
        changed = {name: form.cleaned_data[name] for name in form.changed_data}
        moderation.edit_image(obj, changed=changed, actor=actor(request))

    def delete_model(self, request: HttpRequest, obj: Image) -> None:
        """Delete as the product does: hidden at once, purged soon, on the trail."""
        moderation.delete_images([obj], actor=actor(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Image]) -> None:
        """Delete several."""
        moderation.delete_images(queryset, actor=actor(request))

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Say what goes; vectors and jobs go along and are not worth a list."""
        names = [str(image) for image in objs]
        return names, {"pictures": len(names)}, set() if self.has_delete_permission(request) else {"image"}, []


def _picture(image: Image, *, size: int, height: int) -> SafeString:
    address = reverse("admin:retrieval_image_thumbnail", args=[image.pk, size])
    width = max(1, round(height * image.width / image.height))
    return format_html('<img src="{}" alt="" loading="lazy" height="{}" width="{}">', address, height, width)
