"""The ledger in the admin: what waits, what failed and why, and a second try."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from retrieval import tasks
from retrieval.admin.base import ReadOnlyAdmin, actor, choice, link
from retrieval.models import EmbeddingJob, ImportIssue, JobOverview
from retrieval.services.images import moderation
from retrieval.services.people import rights


@admin.register(JobOverview)
class JobAdmin(ReadOnlyAdmin):
    """One row per picture and encoder."""

    list_display = (
        "picture", "encoder", choice("state"), "attempts", "error_code", "error_text", "owner", "next_attempt_at",
    )  # fmt: skip
    list_filter = ("state", "error_code", "encoder")
    list_select_related = ("image", "encoder", "owner")
    search_fields = ("error_text", "image__title", "owner__username")
    actions = ("try_again",)
    show_full_result_count = False

    @admin.display(description=_("picture"))
    def picture(self, job: JobOverview) -> SafeString | str:
        """Lead to the picture."""
        return link(job.image)

    def has_try_permission(self, request: HttpRequest) -> bool:
        """Let those who may change jobs try again."""
        return rights.may(request.user, rights.Right.JOBS)

    @admin.action(description=_("Try again"), permissions=["try"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[JobOverview]) -> None:
        """Begin a new round of the chosen jobs."""
        chosen = EmbeddingJob.objects.none()
        for image_id, encoder_id in queryset.values_list("image_id", "encoder_id"):
            chosen |= EmbeddingJob.objects.filter(image_id=image_id, encoder_id=encoder_id)
        count = moderation.try_again(chosen, actor=actor(request))
        tasks.wake_for("failed")
        self.message_user(request, _("%d jobs will be tried again.") % count)


@admin.register(ImportIssue)
class ImportIssueAdmin(ReadOnlyAdmin):
    """What was refused of an archive, and why."""

    list_display = ("name", "code", "message", "job")
    list_filter = ("code",)
    list_select_related = ("job",)
