"""What tables and columns are called in the administration, in the reader's language and in the words of the pages.

They are given to the loaded models and not written in them: names are no part of the data, so no migration speaks of
them, and Django leaves names that are set afterwards out of its comparison.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

TABLES: dict[str, tuple[str | Promise, str | Promise]] = {
    "apitoken": (_("token"), _("Tokens")),
    "archiveimport": (_("archive"), _("Archives")),
    "auditevent": (_("event"), _("Audit trail")),
    "batch": (_("many queries"), _("Many queries")),
    "calibrationrun": (_("calibration"), _("Calibration")),
    "collection": (_("collection"), _("Collections")),
    "compression": (_("compression"), _("Compression")),
    "encoder": (_("encoder"), _("Encoders")),
    "evaluation": (_("evaluation"), _("Measuring")),
    "image": (_("picture"), _("Pictures")),
    "importissue": (_("refusal"), _("Refused in archives")),
    "joboverview": (_("job"), _("Jobs")),
    "membership": (_("member"), _("Members")),
    "recallfigure": (_("recall"), _("Recall of the index")),
    "source": (_("source"), _("Sources")),
    "trainingrun": (_("training run"), _("Training runs")),
}

COLUMNS: dict[str, str | Promise] = {
    "action": _("Action"),
    "active": _("On"),
    "address": _("Address"),
    "activated_at": _("Activated"),
    "actor": _("Who"),
    "at": _("When"),
    "attempts": _("Attempts"),
    "bytes": _("Bytes"),
    "caption": _("Caption"),
    "code": _("Code"),
    "collection": _("Collection"),
    "created_at": _("Added"),
    "description": _("Description"),
    "detail": _("Details"),
    "dimension": _("Numbers in a vector"),
    "done": _("Done"),
    "due_at": _("Due"),
    "encoder": _("Encoder"),
    "error_code": _("Code"),
    "error_text": _("Reason"),
    "every_minutes": _("Every so many minutes"),
    "expires_at": _("Ends"),
    "failed": _("Failed"),
    "failures": _("Failures"),
    "format": _("Format"),
    "group_key": _("Belongs to"),
    "height": _("Height"),
    "job": _("Archive"),
    "keep_days": _("Keep for so many days"),
    "kind": _("Kind"),
    "known": _("Already here"),
    "last_read_at": _("Last read"),
    "last_used_at": _("Last used"),
    "measure": _("Measure"),
    "message": _("Reason"),
    "metadata": _("Metadata"),
    "name": _("Name"),
    "next_attempt_at": _("Next attempt"),
    "note": _("Note"),
    "object_id": _("Object"),
    "owner": _("Owner"),
    "place": _("Folder or address"),
    "queries": _("Queries"),
    "recall": _("Recall"),
    "recipe": _("Recipe"),
    "refused": _("Refused"),
    "retired_at": _("Retired"),
    "role": _("Role"),
    "scope": _("May"),
    "sha256": "SHA-256",
    "skipped": _("Already here"),
    "source_url": _("Source"),
    "stage": _("Stage"),
    "state": _("State"),
    "step": _("Step"),
    "steps": _("Steps"),
    "tags": _("Tags"),
    "taken": _("New"),
    "title": _("Title"),
    "total": _("Total"),
    "trained": _("Trained"),
    "updated_at": _("Changed"),
    "uploader": _("Put in by"),
    "user": _("Person"),
    "visibility": _("Who sees it"),
    "weights_name": _("Weights"),
    "weights_sha256": _("SHA-256 of the weights"),
    "width": _("Width"),
}


def give(models: Iterable[type[Model]]) -> None:
    """Name the tables that are known here, and their columns."""
    for model in models:
        names = TABLES.get(model._meta.model_name or "")
        if names is None:
            continue
        model._meta.verbose_name, model._meta.verbose_name_plural = names  # type: ignore[assignment]
        for field in model._meta.fields:
            field.verbose_name = COLUMNS.get(field.name, field.verbose_name)  # type: ignore[assignment]
