"""What the page of copies is asked: which pairs, at which place, and what to do with one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms

from retrieval.errors import NotFound
from retrieval.models import CopyVerdict
from retrieval.services.copies.groups import CopyScope

FARTHEST = 10_000_000


class CopiesForm(forms.Form):
    """Which pairs, and at which place of the list; what is no sound choice counts as none."""

    collection = forms.UUIDField(required=False)
    against = forms.UUIDField(required=False)
    verdict = forms.ChoiceField(choices=CopyVerdict.choices, required=False)
    n = forms.IntegerField(required=False, min_value=0, max_value=FARTHEST)

    def scope(self) -> CopyScope:
        """Return the pairs that are meant."""
        said = self.shown()
        verdict = CopyVerdict(said["verdict"]) if said.get("verdict") else None
        return CopyScope(said.get("collection"), said.get("against"), verdict)

    def place(self) -> int:
        """Return the place in the list, 0 for the first."""
        return int(self.shown().get("n") or 0)

    def shown(self) -> dict[str, Any]:
        """Return what is sound of it."""
        self.is_valid()
        return self.cleaned_data


class PairForm(forms.Form):
    """Two pictures and what to do with them."""

    group = forms.UUIDField()
    keep = forms.UUIDField()
    other = forms.UUIDField()
    act = forms.ChoiceField(choices=[(each, each) for each in ("left", "right", "both")])

    def said(self) -> tuple[UUID, tuple[UUID, UUID], str]:
        """Return the group, the two pictures, and the act. Raises NotFound for anything else."""
        if not self.is_valid():
            raise NotFound("There is no such pair.")
        said = self.cleaned_data
        return said["group"], (said["keep"], said["other"]), said["act"]


class UndoForm(forms.Form):
    """What to take back."""

    undo = forms.UUIDField()
    kind = forms.ChoiceField(choices=[(each, each) for each in ("act", "decision")])

    def said(self) -> tuple[UUID, str]:
        """Return both. Raises NotFound for anything else."""
        if not self.is_valid():
            raise NotFound("There is nothing to take back by this token.")
        return self.cleaned_data["undo"], self.cleaned_data["kind"]
