"""One's own history of searches: written down, listed, cleared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone

from retrieval.models import SearchRecord
from retrieval.services.searching.search_request import SearchRequest

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet

    from retrieval.models.collections import Viewer

MOST = 500  # searches of one person; older ones are forgotten
PLAIN = SearchRequest()
# What a search is asked with beside its pictures, under the names of the API.
BESIDE = (
    "text", "text_weight", "measure", "k", "tags", "exclude_group", "group", "group_key", "diversity", "exact",
    "min_score", "min_band", "mode", "expand", "encoder",
)  # fmt: skip


def note(request: SearchRequest, *, user: Viewer, url: str = "") -> None:
    """Write a search down for whoever has an account; what follows on a first page is none of its own."""
    if not user.is_authenticated or request.offset:
        return
    said = {"asked": asked(request), "files": len(request.files), "url": url}
    newest = SearchRecord.objects.filter(user_id=user.pk).first()
    if newest and said == {name: getattr(newest, name) for name in said}:
        SearchRecord.objects.filter(pk=newest.pk).update(created_at=timezone.now())
        return
    SearchRecord.objects.create(user_id=user.pk, **said)
    _forget_old(user)


def asked(request: SearchRequest) -> dict[str, Any]:
    """Return what was asked as ``POST search/`` takes it, as JSON values; what was left at its default is not there."""
    said = {name: getattr(request, name) for name in BESIDE if getattr(request, name) != getattr(PLAIN, name)}
    lists = {
        "positives": [str(pk) for pk in request.wanted],
        "negatives": [*map(str, request.negatives), *request.negative_words],
        "collections": [str(pk) for pk in request.collections or ()],
        "tags": list(request.tags),
    }
    region = request.region and {side: getattr(request.region, side) for side in "xywh"}
    concept = request.concept and str(request.concept)
    return {**said, **{name: value for name, value in {**lists, "region": region, "concept": concept}.items() if value}}


def listing(user: User) -> QuerySet[SearchRecord]:
    """Return a person's searches, newest first."""
    return SearchRecord.objects.filter(user=user)


def clear(user: User) -> None:
    """Forget all of them."""
    listing(user).delete()


def _forget_old(user: Viewer) -> None:
    old = SearchRecord.objects.filter(user_id=user.pk or 0)[MOST:].values_list("pk", flat=True)
    if keys := list(old):
        SearchRecord.objects.filter(pk__in=keys).delete()
