"""The form that asks many queries at once: files or the pictures of a collection, against collections."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from retrieval.models import Collection
from retrieval.models.bounds import TITLE_LENGTH
from retrieval.services.copies.batches import BatchRequest, Sent


class BatchForm(forms.Form):
    """What asks and what is asked; the service checks the files. They are not fields: there are many of one name."""

    against = forms.ModelMultipleChoiceField(Collection.objects.none(), label=_("Look through"))
    asking = forms.ModelChoiceField(Collection.objects.none(), label=_("Collection"), required=False)
    name = forms.CharField(label=_("Name"), max_length=TITLE_LENGTH, required=False)

    def __init__(self, *args: Any, collections: QuerySet[Collection], **options: Any) -> None:
        super().__init__(*args, **options)
        for name in ("against", "asking"):
            self.fields[name].queryset = collections  # type: ignore[attr-defined]

    def request(self, files: list[UploadedFile[bytes]]) -> BatchRequest:
        """Return what a valid form asks with these files. Raises TooLarge."""
        said = self.cleaned_data
        asking = said["asking"].pk if said["asking"] else None
        against = tuple(home.pk for home in said["against"])
        return BatchRequest(against, tuple(Sent.of(file) for file in files), asking, said["name"])
