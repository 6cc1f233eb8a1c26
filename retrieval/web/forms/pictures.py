"""The form of a picture's words: title, caption, tags, and where it is from."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from retrieval.models import Image
from retrieval.models.bounds import CAPTION_LENGTH, GROUP_LENGTH, TITLE_LENGTH, URL_LENGTH
from retrieval.services.images.images import ImageChanges


class PictureForm(forms.Form):
    """What people write about a picture."""

    title = forms.CharField(max_length=TITLE_LENGTH, required=False, label=_("Title"))
    caption = forms.CharField(
        max_length=CAPTION_LENGTH, required=False, label=_("Caption"), widget=forms.Textarea(attrs={"rows": 2})
    )
    tags = forms.CharField(max_length=5000, required=False, label=_("Tags"), help_text=_("with commas between them"))
    group_key = forms.CharField(max_length=GROUP_LENGTH, required=False, label=_("Belongs to"))
    source_url = forms.URLField(max_length=URL_LENGTH, required=False, label=_("Source"), assume_scheme="https")

    @classmethod
    def of(cls, image: Image) -> PictureForm:
        """Return the form filled with what is there."""
        words = {name: getattr(image, name) for name in ("title", "caption", "group_key", "source_url")}
        return cls(initial={**words, "tags": ", ".join(image.tags)})

    def changes(self) -> ImageChanges:
        """Return what to write; call after ``is_valid``."""
        data = self.cleaned_data
        tags = tuple(dict.fromkeys(tag.strip() for tag in data["tags"].split(",") if tag.strip()))
        return ImageChanges(
            title=data["title"],
            caption=data["caption"],
            tags=tags,
            group_key=data["group_key"],
            source_url=data["source_url"],
        )
