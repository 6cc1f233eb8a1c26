"""Pictures that people mark for themselves; nobody else sees a mark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrieval.errors import Forbidden
from retrieval.models import Favourite, Image
from retrieval.services.images import images

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer


def mark(image: Image, *, user: Viewer, wanted: bool) -> None:
    """Mark a picture that this person sees, or take the mark away. Raises NotFound, and Forbidden for a visitor."""
    if user.pk is None:
        raise Forbidden("Sign in to mark a picture.")
    seen = images.get(image.pk, user=user)
    if wanted:
        Favourite.objects.get_or_create(user_id=user.pk, image=seen)
    else:
        Favourite.objects.filter(user_id=user.pk, image=seen).delete()
