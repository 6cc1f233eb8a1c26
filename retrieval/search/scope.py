"""Which vectors a search may look at: the encoder's, of pictures the person may see, narrowed by what was asked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING
from unicodedata import normalize
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import EmptyResultSet
from django.db.models import Q

from retrieval import conf
from retrieval.models import Collection, Encoder, Image, IndexKind
from retrieval.search import counts, indexes, sql
from retrieval.search.metrics import cosine_distance
from retrieval.search.sql import Asking, Sql, joined
from retrieval.search.vectors import QueryVector
from retrieval.search.words import Words

if TYPE_CHECKING:
    from retrieval.models.collections import Viewer

# Up to here collections are named by id, so that the planner sees how many rows there are; beyond, by a subquery.
FEW_COLLECTIONS = 1_000
# Stands for a person's id in the rule of who sees what, of which the SQL is made once.
SOMEBODY = -987_654_321


@dataclass(frozen=True)
class Near:
    """Only pictures whose cosine with a direction is at least so much, by this encoder.

    ``apart`` reads it from the pictures' own rows, where those that are searched are of their regions.
    """

    encoder_id: UUID
    query: QueryVector
    least: float
    apart: bool = False

    @property
    def condition(self) -> Sql:
        """Of a row of ``retrieval_embedding``, or of its picture."""
        near = cosine_distance(self.query) + Sql(" <= %s", (1 - self.least,))
        if not self.apart:
            return near
        own = Sql(
            "image_id IN (SELECT image_id FROM retrieval_embedding WHERE encoder_id = %s AND ", (self.encoder_id,)
        )
        return own + near + Sql(")")


@dataclass(frozen=True)
class Filters:
    """What narrows a search; ``collections`` None means all that the person may see.

    ``without``: pictures with all words of one of these are left out. ``near``: others than these are.
    """

    collections: tuple[UUID, ...] | None = None
    tags: tuple[str, ...] = ()
    words: Words | None = None
    exclude: tuple[UUID, ...] = ()
    exclude_groups: tuple[str, ...] = ()
    groups: tuple[str, ...] | None = None
    without: tuple[Words, ...] = ()
    only: tuple[UUID, ...] | None = None
    near: Near | None = None

    @cached_property
    def by_picture(self) -> Sql | None:
        """The conditions on each picture, apart from what is left out; None for none. Of words they take a while."""
        tags = Q(tags__contains=[normalize("NFC", tag) for tag in self.tags]) if self.tags else Q()
        condition = tags & self.words.condition() if self.words else tags
        parts = [sql.condition(Image, condition)] if condition else []
        parts += [Sql("image_id = ANY(%s)", (list(self.only),))] if self.only is not None else []
        parts += [Sql("group_key = ANY(%s)", (list(self.groups),))] if self.groups is not None else []
        parts += [self.near.condition] if self.near else []
        return joined(" AND ", parts) if parts else None

    @cached_property
    def left_out(self) -> Sql | None:
        """The pictures that are not to be found again; None for none."""
        parts = [Sql("image_id = ANY(%s)", (list(self.exclude),))] if self.exclude else []
        parts += [Sql("group_key = ANY(%s)", (list(self.exclude_groups),))] if self.exclude_groups else []
        parts += [sql.condition(Image, words.condition()) for words in self.without]
        return joined(" OR ", parts) if parts else None

    @property
    def of_pictures(self) -> bool:
        """Whether the pictures' own rows are needed to tell what passes."""
        return bool(self.tags or self.words or self.exclude_groups or self.without or self.groups is not None)


@dataclass(frozen=True)
class Scope:
    """The rows to search, by what is said of them in SQL, and how many they are.

    Where the count stopped at its bound, there are ``more``. ``of_pictures``: the pictures' own rows are needed.
    ``index`` is what finds them: its kind, and its rows.
    """

    where: Sql
    candidates: int
    more: bool = False
    of_pictures: bool = False
    index: tuple[IndexKind, int] | None = None

    def rows(self, *, of_pictures: bool = False) -> Sql:
        """The rows in SQL from its FROM on, with those of their pictures where these are asked for or needed."""
        return Sql(WITH_PICTURES if of_pictures or self.of_pictures else VECTORS) + self.where


VECTORS = "FROM retrieval_embedding WHERE "
WITH_PICTURES = "FROM retrieval_embedding JOIN retrieval_image ON retrieval_image.id = image_id WHERE "
COUNTED = """
WITH counted AS MATERIALIZED (
    SELECT collection_id, images FROM retrieval_embeddingcount
    WHERE encoder_id = %s AND images > 0 AND collection_id IN (
"""
RESOLVED = """))
SELECT (SELECT array_agg(collection_id) FROM (SELECT collection_id FROM counted LIMIT {few}) named),
    (SELECT coalesce(sum(images), 0)::bigint FROM counted), {indexes}, (
"""


def resolve(filters: Filters, *, encoder: Encoder, user: Viewer, asking: Asking) -> Scope:
    """Find the rows; count them by the collections' counters where that is enough, else up to the bound + 1."""
    visible = _visible(filters, user)
    counted = Sql(COUNTED, (encoder.pk,)) + visible
    named = Sql(RESOLVED.format(few=FEW_COLLECTIONS + 1, indexes=indexes.ROWS), indexes.names_of(encoder))
    [[few, total, *sizes, count]] = asking.rows(counted + named + _count(filters, encoder=encoder) + Sql(")"))
    if len(few or ()) <= FEW_COLLECTIONS:
        homes = Sql("= ANY(%s::uuid[])", (few or [],))
    else:
        homes = Sql("IN (") + visible + Sql(")")
    narrowed = filters.by_picture is not None
    return Scope(
        joined(" AND ", [_found(encoder, homes), *_passing(filters)]),
        candidates=count if narrowed else total - count,
        more=narrowed and count > conf.get().exact_candidates,
        of_pictures=filters.of_pictures,
        index=indexes.first_usable(encoder, sizes),
    )


def everything(encoder: Encoder) -> Scope:
    """Return all that anybody may find by this encoder."""
    index = indexes.usable(encoder)
    where = _found(encoder, Sql("IS NOT NULL"))
    return Scope(where, counts.total(encoder), index=(index.kind, index.rows) if index else None)


def _count(filters: Filters, *, encoder: Encoder) -> Sql:
    """What the counters do not tell: how many pass, up to the bound; or else how many of all are left out."""
    within = _found(encoder, Sql("IN (SELECT collection_id FROM counted)"))
    if filters.by_picture:
        rows = Scope(joined(" AND ", [within, *_passing(filters)]), 0, of_pictures=filters.of_pictures).rows()
        return (
            Sql("SELECT count(*) FROM (SELECT 1 ") + rows + Sql(" LIMIT %s) passed", (conf.get().exact_candidates + 1,))
        )
    if filters.left_out is None:
        return Sql("SELECT 0")
    out = joined(" AND ", [within, Sql("(") + filters.left_out + Sql(")")])
    return Sql("SELECT count(*) ") + Scope(out, 0, of_pictures=filters.of_pictures).rows()


def _found(encoder: Encoder, homes: Sql) -> Sql:
    """The encoder's vectors of pictures whose collection is so."""
    return Sql("encoder_id = %s AND retrieval_embedding.collection_id ", (encoder.pk,)) + homes


def _passing(filters: Filters) -> list[Sql]:
    """The conditions of the filters."""
    out = filters.left_out
    return [each for each in (filters.by_picture, Sql("NOT (") + out + Sql(")") if out else None) if each is not None]


def _visible(filters: Filters, user: Viewer) -> Sql:
    """The ids of the collections that the person may see, of those that were asked for."""
    signed_in = bool(user.is_authenticated)
    rule = _rule(signed_in, conf.get().public_search)
    mine = Sql(rule.text, tuple(user.pk if value == SOMEBODY else value for value in rule.values))
    if filters.collections is None:
        return mine
    return mine + Sql(" AND retrieval_collection.id = ANY(%s)", (list(filters.collections),))


@lru_cache
def _rule(signed_in: bool, public_search: bool) -> Sql:
    """What ``visible_to`` makes of a person, SOMEBODY; it depends on nothing else, and takes the ORM a millisecond."""
    del public_search
    somebody = get_user_model()(pk=SOMEBODY) if signed_in else AnonymousUser()
    rows = Collection.objects.visible_to(somebody).order_by().values("pk")
    try:
        return Sql(*rows.query.sql_with_params())
    except EmptyResultSet:
        return Sql("SELECT id FROM retrieval_collection WHERE false")
