"""Encoders in the admin: states, scores, and their life by actions that the services guard."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from retrieval import tasks
from retrieval.admin.base import ReadOnlyAdmin, actor, choice
from retrieval.errors import RetrievalError
from retrieval.models import Encoder, EncoderState, RecallFigure
from retrieval.services.encoders import encoders
from retrieval.services.evaluation import lineage
from retrieval.services.people import rights

# JSON is shown as text, and a mean of hundreds of numbers not at all.
HIDDEN = frozenset({"spec", "scores", "origin", "bits_centre"})


@admin.register(Encoder)
class EncoderAdmin(ReadOnlyAdmin):
    """All encoders, newest first. Rows come from commands and training; their life goes by the actions."""

    list_display = (
        "name", choice("state"), "trained", "dimension", choice("measure"), "progress", "best_score", "activated_at",
    )  # fmt: skip
    list_filter = ("state", "trained")
    search_fields = ("name",)
    readonly_fields = ("spec_text", "scores_text")
    actions = ("build", "activate", "drop")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Show texts for people in the place of JSON."""
        names = [field.name for field in Encoder._meta.fields if field.name not in HIDDEN]
        return [*names, "spec_text", "scores_text"]

    def has_life_permission(self, request: HttpRequest) -> bool:
        """Let those who may change encoders run the actions."""
        return rights.administrator(request.user)

    @admin.display(description=_("pictures done"))
    def progress(self, encoder: Encoder) -> str:
        """How far it is; the others are as complete as the ledger keeps them."""
        if encoder.state != EncoderState.BUILDING:
            return "-"
        now = encoders.progress(encoder)
        return f"{now.done} / {now.total}"

    @admin.display(description=_("score (mAP)"))
    def best_score(self, encoder: Encoder) -> str:
        """The mean over the sets it was measured on, and whether it learned from any of them."""
        scores = [score["map"] for score in encoder.scores.values() if "map" in score]
        if not scores:
            return "-"
        mean = f"{sum(scores) / len(scores):.3f}"
        return f"{mean} ({_('learned from these pictures')})" if lineage.learned_cards(encoder) else mean

    @admin.display(description=_("made of"))
    def spec_text(self, encoder: Encoder) -> SafeString:
        """The spec as indented JSON."""
        return format_html("<pre>{}</pre>", json.dumps(encoder.spec, indent=2))

    @admin.display(description=_("scores"))
    def scores_text(self, encoder: Encoder) -> SafeString:
        """The score card as indented JSON."""
        return format_html("<pre>{}</pre>", json.dumps(encoder.scores, indent=2))

    @admin.action(description=_("Build beside the active one"), permissions=["life"])
    def build(self, request: HttpRequest, queryset: QuerySet[Encoder]) -> None:
        """Begin to embed every picture with it."""
        self._each(request, queryset, lambda encoder: encoders.build(encoder, user=actor(request)))
        tasks.wake_for("encoders")

    @admin.action(description=_("Activate"), permissions=["life"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Encoder]) -> None:
        """Make it the one that searches use, unless it is incomplete or worse."""
        self._each(request, queryset, lambda encoder: encoders.activate(encoder, user=actor(request)))
        tasks.wake_for("encoders")

    @admin.action(description=_("Drop with its vectors"), permissions=["life"])
    def drop(self, request: HttpRequest, queryset: QuerySet[Encoder]) -> None:
        """Remove it for good, unless it is active."""
        self._each(request, queryset, lambda encoder: encoders.drop(encoder, user=actor(request)))

    def _each(self, request: HttpRequest, queryset: QuerySet[Encoder], act: Callable[[Encoder], object]) -> None:
        for encoder in queryset:
            try:
                act(encoder)
            except RetrievalError as error:
                self.message_user(request, f"{encoder}: {error.message}", messages.ERROR)
            else:
                self.message_user(request, _("%s: done.") % encoder)


@admin.register(RecallFigure)
class RecallFigureAdmin(ReadOnlyAdmin):
    """How right the index answered, run by run."""

    list_display = ("at", "encoder", "recall", "queries", "k")
    list_filter = ("encoder",)
