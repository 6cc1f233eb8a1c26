"""The form of what is done to selected pictures: which ones, and one act with what it needs."""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from retrieval.models.bounds import GROUP_LENGTH, TITLE_LENGTH
from retrieval.services.images.bulk import Acts
from retrieval.services.images.choice import Choice, ImageFilters
from retrieval.services.images.image_fields import ImageChanges
from retrieval.web.forms import refusal
from retrieval.web.forms.searching import Words

Kind = TypeVar("Kind", bound=forms.Form)
ACTS = ("tag", "untag", "group", "title", "move", "embed", "delete")


class Ids(forms.Field):
    """Ids under one name, as many as there are, or some in one text with commas."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> tuple[UUID, ...]:
        """Return them without repeats, in their order."""
        try:
            found = [UUID(part) for item in value or [] for part in str(item).split(",") if part]
        except ValueError as error:
            raise forms.ValidationError(_("This is not the id of anything.")) from error
        return tuple(dict.fromkeys(found))


class ChoiceForm(forms.Form):
    """Some pictures; or ``all`` of a collection, narrowed to status, tag, group, camera or words, ``but`` for some."""

    id = Ids(required=False)
    all = forms.BooleanField(required=False)
    but = Ids(required=False)
    collection = forms.UUIDField(required=False)
    status = forms.CharField(required=False)
    in_tag = forms.CharField(required=False)
    in_group = forms.CharField(required=False)
    in_words = forms.CharField(required=False)
    in_camera = forms.CharField(required=False)

    def choice(self) -> Choice:
        """Return which pictures are meant; call after ``is_valid``."""
        said = self.cleaned_data
        if said["all"]:
            names = {"status": "status", "tag": "in_tag", "group_key": "in_group", "q": "in_words",
                     "camera": "in_camera"}  # fmt: skip
            narrowed = {name: said[field] or None for name, field in names.items()}
            return Choice(filters=ImageFilters(collection=said["collection"], **narrowed), but=said["but"])
        return Choice(ids=said["id"])


class SelectionForm(ChoiceForm):
    """Those, the act, and what it needs."""

    act = forms.ChoiceField(choices=[(act, act) for act in ACTS])
    tags = Words(required=False)
    group_key = forms.CharField(max_length=GROUP_LENGTH, required=False)
    title = forms.CharField(max_length=TITLE_LENGTH, required=False)
    goal = forms.UUIDField(required=False)

    def acts(self) -> Acts:
        """Return what to do; call after ``is_valid``."""
        said = self.cleaned_data
        made = {
            "tag": Acts(add_tags=said["tags"]),
            "untag": Acts(remove_tags=said["tags"]),
            "group": Acts(changes=ImageChanges(group_key=said["group_key"])),
            "title": Acts(changes=ImageChanges(title=said["title"])),
            "move": Acts(move=said["goal"]),
            "embed": Acts(embed=True),
            "delete": Acts(delete=True),
        }
        return made[said["act"]]


class TrashForm(forms.Form):
    """Some of what is in the trash, and whether it comes back or goes for good."""

    id = Ids(required=False)
    collections = Ids(required=False)
    act = forms.ChoiceField(choices=[("restore", "restore"), ("remove", "remove")])


def selected(kind: type[Kind], data: QueryDict) -> Kind:
    """Read what was sent. Raises InvalidInput naming the field at fault."""
    lists = {name: data.getlist(name) for name in ("id", "but", "tags", "collections")}
    form = kind({**data.dict(), **lists})
    if not form.is_valid():
        raise refusal(form)
    return form
