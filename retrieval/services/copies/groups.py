"""Groups of copies: pairs around the one to keep, never a chain, the same whatever came first."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from retrieval.errors import NotFound
from retrieval.matching import undone
from retrieval.models import Collection, CopyDecision, CopyPair, CopyVerdict, Decided, Image, Role
from retrieval.services.copies import rules
from retrieval.services.images import collections
from retrieval.services.people import rights

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from retrieval.models.collections import Viewer

NAMES = uuid.UUID("6ad1f3f2-5a56-4d0c-8f8e-0d6c2a4d5a10")  # any number: groups are named within it
LEVELS = list(CopyVerdict)


@dataclass(frozen=True)
class CopyScope:
    """Which pairs: within a collection, of a collection against another, or of all that one sees; of one verdict."""

    collection: UUID | None = None
    against: UUID | None = None
    verdict: CopyVerdict | None = None


@dataclass(frozen=True)
class Copy:
    """One picture of a group beside the one to keep: what was done to that one to make it, and where they meet.

    ``probability`` is known for the same bytes and for what a person decided; ``matches`` are the details that agree.
    ``outline`` is the shared part on this picture, ``keep_outline`` on the one to keep; empty where none is known, and
    until it is ``shown``.
    """

    image: Image
    verdict: CopyVerdict
    edit: Sequence[str]
    probability: float | None
    matches: int
    outline: Sequence[Any] = ()
    keep_outline: Sequence[Any] = ()


@dataclass(frozen=True)
class Group:
    """A picture to keep, and others of which each was verified against it; all by the same verdict."""

    id: UUID
    verdict: CopyVerdict
    keep: Image
    others: Sequence[Copy]

    @property
    def probability(self) -> float | None:
        """The weakest pair's; None where one is not known."""
        known = [copy.probability for copy in self.others if copy.probability is not None]
        return min(known) if len(known) == len(self.others) else None

    @property
    def images(self) -> list[Image]:
        """All of them, the one to keep first."""
        return [self.keep, *(copy.image for copy in self.others)]


def find(scope: CopyScope, *, user: Viewer, rule: Sequence[str] = rules.DEFAULT) -> list[Group]:
    """Return the groups among the pairs of which this person sees both pictures, strongest verdict first, large first.

    Pairs that were decided to be different are left out. A picture stands in one group of a verdict at most, and what
    is not kept of a stronger one is in none of a weaker. Of the pictures no more is read than orders them: ``shown``
    reads the rest. Raises NotFound for a collection that they do not see.
    """
    rules.require(rule)
    pairs = _pairs(scope, user=user)
    images = _images(pairs, rows=Image.objects.only(*rules.COLUMNS))
    return _of_verdict(grouped(pairs, images, rule=rule), scope)


def undecided(user: Viewer, *, most: int) -> int:
    """Count the pairs that nobody decided on, of pictures that this person may change, up to ``most``."""
    homes = list(rights.held(user, role=Role.CONTRIBUTOR).values_list("pk", flat=True))
    within = Q(one__collection__in=homes, other__collection__in=homes)
    decided = CopyDecision.objects.filter(one=OuterRef("one"), other=OuterRef("other"))
    alive = Q(one__deleted_at=None, other__deleted_at=None)
    return CopyPair.objects.filter(alive & within).exclude(Exists(decided)).order_by()[:most].count()


def chosen(
    scope: CopyScope, ids: Sequence[UUID] | None, *, user: Viewer, rule: Sequence[str], keep: Sequence[UUID] = ()
) -> list[Group]:
    """Return groups of the list, these or all, each put together anew around the best by this rule, or around ``keep``.

    What was not verified against the new one to keep is left out. Raises as ``find``, and NotFound for an id that is
    none of the list's.
    """
    rules.require(rule)
    pairs = _pairs(scope, user=user)
    images = _images(pairs, rows=Image.objects.defer("words", "thumbnail_digests"))
    beside = _beside(pairs)
    listed = [each for each in grouped(pairs, images) if ids is None or each.id in set(ids)]
    if ids is not None and len(listed) < len(set(ids)):
        raise NotFound("There is no such group any more; look again.")
    found = []
    for group in listed if ids is not None else _of_verdict(listed, scope):
        members = {image.pk: image for image in group.images}
        within = {pair.pk: pair for pk in members for other, pair in beside[pk].items() if other in members}
        same = [pair for pair in within.values() if pair.verdict == group.verdict]
        found += grouped(same, members, rule=rule, keep=keep)[:1]
    return found


def shown(groups: Sequence[Group], *, user: Viewer) -> list[Group]:
    """Return the same groups with all that is shown of them; a picture that became invisible leaves them."""
    ids = {image.pk for group in groups for image in group.images}
    images = (
        Image.objects.visible_to(user)
        .with_status()
        .with_favourite(user)
        .with_text()
        .select_related("collection")
        .in_bulk(ids)
    )
    pairs = {pair.pk: pair for pair in CopyPair.objects.filter(one__in=ids, other__in=ids)}
    found = []
    for group in groups:
        others = [
            replace(copy, image=images[copy.image.pk], **_outlines(group.keep, copy.image, pairs=pairs))
            for copy in group.others
            if copy.image.pk in images
        ]
        if others and group.keep.pk in images:
            found.append(replace(group, keep=images[group.keep.pk], others=others))
    return found


def grouped(
    pairs: Sequence[CopyPair],
    images: Mapping[UUID, Image],
    *,
    rule: Sequence[str] = rules.DEFAULT,
    keep: Sequence[UUID] = (),
) -> list[Group]:
    """Put pairs into groups around the best picture of each by this rule; those of ``keep`` are the best."""
    worth, first = rules.order(rule), set(keep)
    ranked = sorted(images, key=lambda pk: (pk not in first, worth(images[pk])))
    places = {pk: place for place, pk in enumerate(ranked)}
    groups: list[Group] = []
    gone: set[UUID] = set()
    for level in LEVELS:
        beside = _beside(pair for pair in pairs if pair.verdict == level and not {pair.one_id, pair.other_id} & gone)
        found = _around(beside, places, images=images)
        gone |= {copy.image.pk for group in found for copy in group.others}
        groups += sorted(found, key=lambda group: (-len(group.others), places[group.keep.pk]))
    return groups


def pairs_of(scope: CopyScope, *, user: Viewer) -> Q:
    """Return the condition on pairs, verified or decided, that this person sees them and the scope has them.

    Raises NotFound for a collection that they do not see.
    """
    alive = Q(one__deleted_at=None, other__deleted_at=None)
    if scope.collection is None and scope.against is None:
        seen = Collection.objects.visible_to(user)
        return alive & Q(one__collection__in=seen, other__collection__in=seen)
    named = [pk for pk in (scope.collection, scope.against) if pk]
    here, there = (collections.find(pk, user=user).pk for pk in (named[0], named[-1]))
    both = Q(one__collection=here, other__collection=there) | Q(one__collection=there, other__collection=here)
    return alive & both


def _of_verdict(groups: Iterable[Group], scope: CopyScope) -> list[Group]:
    return [group for group in groups if scope.verdict in (None, group.verdict)]


def _pairs(scope: CopyScope, *, user: Viewer) -> list[CopyPair]:
    """The pairs as they were decided: without the different ones, and with what people called copies."""
    condition = pairs_of(scope, user=user)
    decided = CopyDecision.objects.filter(condition).values_list("one", "other", "decision")
    said = {(one, other): decision for one, other, decision in decided}
    rows = CopyPair.objects.filter(condition).defer("outline", "other_outline", "found_at")
    pairs = {pair.pk: pair for pair in rows if said.get(pair.pk) != Decided.DIFFERENT}
    for pk in (pk for pk, decision in said.items() if decision == Decided.COPIES):
        pairs[pk] = _agreed(pairs.get(pk) or CopyPair(one_id=pk[0], other_id=pk[1]))
    return list(pairs.values())


def _agreed(pair: CopyPair) -> CopyPair:
    """A pair of which a person said that they are copies: at least an edited one, and certain."""
    if pair.verdict != CopyVerdict.SAME_FILE:
        pair.verdict = CopyVerdict.SAME_IMAGE
    pair.probability = 1.0
    return pair


def _images(pairs: Iterable[CopyPair], *, rows: QuerySet[Image]) -> dict[UUID, Image]:
    return rows.in_bulk({pk for pair in pairs for pk in (pair.one_id, pair.other_id)})


def _beside(pairs: Iterable[CopyPair]) -> dict[UUID, dict[UUID, CopyPair]]:
    """Each picture's partners with their pair."""
    beside: dict[UUID, dict[UUID, CopyPair]] = defaultdict(dict)
    for pair in pairs:
        beside[pair.one_id][pair.other_id] = beside[pair.other_id][pair.one_id] = pair
    return beside


def _around(
    beside: Mapping[UUID, Mapping[UUID, CopyPair]], places: Mapping[UUID, int], *, images: Mapping[UUID, Image]
) -> list[Group]:
    """Take the best picture with all its partners, then the best of the rest, and so on."""
    taken: set[UUID] = set()
    groups = []
    for keep in sorted(beside, key=places.__getitem__):
        others = sorted(beside[keep].keys() - taken, key=places.__getitem__)
        if keep in taken or not others:
            continue
        taken |= {keep, *others}
        groups.append(_group(images[keep], [_copy(images[pk], beside[keep][pk]) for pk in others]))
    return groups


def _group(keep: Image, others: Sequence[Copy]) -> Group:
    verdict = others[0].verdict
    members = ",".join(sorted([str(keep.pk), *(str(copy.image.pk) for copy in others)]))
    return Group(uuid.uuid5(NAMES, f"{verdict} {members}"), verdict, keep, others)


def _copy(image: Image, pair: CopyPair) -> Copy:
    """A pair as it is seen from the picture to keep."""
    edit = pair.edit if image.pk == pair.other_id else undone(pair.edit)
    return Copy(image, CopyVerdict(pair.verdict), edit, pair.probability, pair.matches)


def _outlines(keep: Image, image: Image, *, pairs: Mapping[Any, CopyPair]) -> dict[str, Any]:
    """Where two pictures meet, as ``Copy`` has it; nothing where only a person said that they do."""
    pair = pairs.get((min(keep.pk, image.pk), max(keep.pk, image.pk)))
    if pair is None:
        return {}
    here, there = (
        (pair.other_outline, pair.outline) if image.pk == pair.other_id else (pair.outline, pair.other_outline)
    )
    return {"outline": here, "keep_outline": there}
