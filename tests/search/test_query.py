"""The nearest pictures: right, in order, visible, never fewer than there are, exact or said not to be."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext

from retrieval.errors import Unavailable
from retrieval.models import Embedding, Measure
from retrieval.search import indexes, query, scope
from retrieval.search.query import Question, nearest
from retrieval.search.scope import Filters
from retrieval.search.sql import Asking, Sql, bounded
from retrieval.search.words import Words
from tests.factories import CollectionFactory, EncoderFactory, UserFactory
from tests.powers import as_operator
from tests.search.rows import DIMENSION, asked, clustered, drop_indexes, embed, index, put

pytestmark = pytest.mark.django_db


@pytest.fixture
def collection(db):
    return CollectionFactory()


@pytest.fixture
def small(settings):
    """Make more than 20 candidates too many for an exact search."""
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, exact_candidates=20)


def ids(ranked):
    return [hit.image_id for hit in ranked.hits]


def by_cosine(images, raw, vector):
    similar = raw @ vector / np.linalg.norm(raw, axis=1)
    return [images[row].pk for row in np.argsort(-similar, kind="stable")]


def test_nearest_first_with_distance_and_score(collection, encoder):
    raw = clustered(30, seed=1)
    images = put(collection, raw, encoder=encoder)
    got = nearest(Question(encoder, asked(raw[3]), k=10), user=collection.owner)
    assert ids(got) == by_cosine(images, raw, raw[3])[:10]
    assert got.hits[0].image_id == images[3].pk
    assert got.exact
    assert got.candidates == 30
    assert all(hit.score == pytest.approx(1 - hit.distance) for hit in got.hits)


def test_offset_goes_on_where_the_page_before_ended(collection, encoder):
    raw = clustered(30, seed=2)
    put(collection, raw, encoder=encoder)
    whole = Question(encoder, asked(raw[0]), k=30)
    pages = [nearest(replace(whole, k=7, offset=start), user=collection.owner) for start in range(0, 35, 7)]
    assert [image for page in pages for image in ids(page)] == ids(nearest(whole, user=collection.owner))


def test_equal_distances_are_ordered_by_id(collection, encoder):
    raw = np.ones((12, DIMENSION), dtype=np.float32)
    images = put(collection, raw, encoder=encoder)
    got = nearest(Question(encoder, asked(raw[0]), k=12), user=collection.owner)
    assert ids(got) == sorted(image.pk for image in images)


@pytest.mark.parametrize("limit", [20, 10_000])
def test_other_peoples_private_pictures_are_never_found(limit, collection, encoder, settings):
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, exact_candidates=limit)
    raw = clustered(40, seed=3)
    put(collection, raw, encoder=encoder)
    index(encoder)
    for user in (UserFactory(), AnonymousUser()):
        got = nearest(Question(encoder, asked(raw[0])), user=user)
        assert (got.hits, got.candidates) == ([], 0)


def test_only_the_vectors_of_the_asked_encoder_count(collection, encoder):
    raw = clustered(5, seed=4)
    images = put(collection, raw, encoder=encoder)
    other = EncoderFactory(dimension=3, state="building")
    embed(images, encoder=other, raw=raw[:, :3])
    assert len(nearest(Question(encoder, asked(raw[0])), user=collection.owner).hits) == 5


def test_deleted_pictures_are_gone_at_once(collection, encoder):
    raw = clustered(5, seed=5)
    images = put(collection, raw, encoder=encoder)
    Embedding.objects.filter(image=images[0]).update(collection=None)
    got = nearest(Question(encoder, asked(raw[0])), user=collection.owner)
    assert images[0].pk not in ids(got)
    assert got.candidates == 4


def test_filters_keep_what_was_asked_for(collection, encoder):
    raw = clustered(6, seed=6)
    each = [
        {"tags": ["red", "old"], "title": "Castle", "group_key": "a"},
        {"tags": ["red"]},
        {"caption": "castles"},
        {"group_key": "a"},
        {},
        {"tags": ["old"], "title": "the CASTLE"},
    ]
    images = put(collection, raw, encoder=encoder, each=each)
    other = put(CollectionFactory(owner=collection.owner), raw[:1], encoder=encoder)
    cases = [
        (Filters(tags=("red",)), {0, 1}),
        (Filters(tags=("red", "old")), {0}),
        (Filters(words=Words.of("castle")), {0, 2, 5}),
        (Filters(words=Words.of("castle"), tags=("old",)), {0, 5}),
        (Filters(exclude=(images[1].pk, images[4].pk)), {0, 2, 3, 5, 6}),
        (Filters(exclude_groups=("a",)), {1, 2, 4, 5, 6}),
        (Filters(exclude=(images[1].pk,), exclude_groups=("a",)), {2, 4, 5, 6}),
        (Filters(exclude_groups=("a",), tags=("old",)), {5}),
        (Filters(collections=(collection.pk,)), {0, 1, 2, 3, 4, 5}),
        (Filters(collections=(other[0].collection_id,)), {6}),
        (Filters(collections=()), set()),
    ]
    everything = [*images, *other]
    for filters, expected in cases:
        got = nearest(Question(encoder, asked(raw[0]), filters=filters), user=collection.owner)
        assert set(ids(got)) == {everything[row].pk for row in expected}, filters
        assert got.candidates == len(expected), filters


def test_one_picture_per_group_and_those_without_one_by_themselves(collection, encoder):
    raw = clustered(40, seed=7)
    each = [{"group_key": f"g{row % 4}" if row < 32 else ""} for row in range(40)]
    images = put(collection, raw, encoder=encoder, each=each)
    got = nearest(Question(encoder, asked(raw[0]), k=40, group=True), user=collection.owner)
    best: dict[object, object] = {}
    by_id = {image.pk: image for image in images}
    for pk in by_cosine(images, raw, raw[0]):
        best.setdefault(by_id[pk].group_key or pk, pk)
    assert ids(got) == list(best.values())
    assert len(got.hits) == 4 + 8


def test_least_score_cuts_the_tail(collection, encoder):
    raw = clustered(30, seed=8)
    put(collection, raw, encoder=encoder)
    whole = nearest(Question(encoder, asked(raw[0]), k=30), user=collection.owner)
    cut = nearest(Question(encoder, asked(raw[0]), k=30, min_score=whole.hits[9].score), user=collection.owner)
    assert cut.hits == whole.hits[:10]


@pytest.mark.parametrize("measure", Measure)
def test_index_and_exact_search_agree_and_say_which_they_were(measure, collection, encoder, small):
    raw = clustered(300, seed=9)
    put(collection, raw, encoder=encoder)
    index(encoder)
    question = Question(encoder, asked(raw[5] + 0.01), measure=measure)
    approximate = nearest(question, user=collection.owner)
    exact = nearest(replace(question, exact=True), user=collection.owner)
    assert (approximate.exact, exact.exact) == (False, True)
    assert ids(approximate) == ids(exact)


def test_index_search_uses_the_index_and_exact_search_does_not(collection, encoder, small):
    raw = clustered(300, seed=10)
    put(collection, raw, encoder=encoder)
    index(encoder)
    plans = []
    for exact in (False, True):
        with CaptureQueriesContext(
            connection,
        ) as seen:
            nearest(Question(encoder, asked(raw[0]), exact=exact), user=collection.owner)
        statement = next(each["sql"] for each in seen if "<=>" in each["sql"])
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("EXPLAIN " + statement.partition("; ")[2].replace("%", "%%"))
            plans.append("\n".join(row[0] for row in cursor.fetchall()))
    assert "embedding_hnsw" in plans[0]
    assert "embedding_hnsw" not in plans[1]


def test_without_a_sound_index_the_search_is_exact(collection, encoder, small):
    raw = clustered(60, seed=11)
    put(collection, raw, encoder=encoder)
    assert nearest(Question(encoder, asked(raw[0])), user=collection.owner).exact
    index(encoder)
    assert not nearest(Question(encoder, asked(raw[0])), user=collection.owner).exact
    as_operator("UPDATE pg_index SET indisvalid = false WHERE indexrelid::regclass::text LIKE 'embedding_hnsw%'")
    assert nearest(Question(encoder, asked(raw[0])), user=collection.owner).exact


def test_an_index_that_gives_too_few_is_followed_by_the_exact_search(collection, encoder, small, monkeypatch):
    raw = clustered(100, seed=12)
    put(collection, raw, encoder=encoder)
    index(encoder)
    starved = query.approximate
    monkeypatch.setattr(query, "MOST_VISITED", 1)
    monkeypatch.setattr(query, "list_length", lambda rows, share: 1)
    monkeypatch.setattr(query, "_taken", lambda question, kind: 1)
    monkeypatch.setattr(query, "_enough", lambda found, there: len(found) >= 50)
    with bounded() as asking:
        sought = scope.resolve(Filters(), encoder=encoder, user=collection.owner, asking=asking)
        assert starved(Question(encoder, asked(raw[0]), k=50), sought, asking=asking) is None
    got = nearest(Question(encoder, asked(raw[0]), k=50), user=collection.owner)
    assert got.exact
    assert len(got.hits) == 50


def test_without_the_wider_scan_a_filter_starves_the_index(collection, encoder, small, monkeypatch):
    """What pgvector does by itself: it takes the 40 nearest of all, and then looks which of them one may see."""
    raw = clustered(1_000, seed=15)
    put(CollectionFactory(), raw, encoder=encoder)
    put(collection, -raw[:100], encoder=encoder)
    index(encoder)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off")
    question = Question(encoder, asked(raw[0]), k=10)

    def count():
        got = nearest(question, user=collection.owner)
        assert got.candidates == 100
        return len(got.hits), got.exact

    with monkeypatch.context() as patch:
        patch.setattr(query, "_wide", lambda length: {})
        assert count() == (10, True)
        patch.setattr(query, "_enough", lambda found, there: True)
        patch.setattr(query, "exact", lambda question, sought, asking, after=(): [])
        few, exact = count()
        assert few < 10
        assert not exact
    assert count()[0] == 10


def test_groups_are_not_starved_by_one_large_group(collection, encoder, small):
    raw = clustered(600, seed=13)
    raw[:500] = raw[0] + np.random.default_rng(0).normal(0, 0.001, (500, DIMENSION))
    each = [{"group_key": "large" if row < 500 else f"g{row}"} for row in range(600)]
    put(collection, raw, encoder=encoder, each=each)
    index(encoder)
    got = nearest(Question(encoder, asked(raw[0]), k=20, group=True), user=collection.owner)
    assert len(got.hits) == 20


def test_counting_stops_at_the_bound(collection, encoder, small):
    put(collection, clustered(60, seed=14), encoder=encoder, each=[{"tags": ["t"]}] * 60)
    with bounded() as asking:
        got = scope.resolve(Filters(tags=("t",)), encoder=encoder, user=collection.owner, asking=asking)
    assert (got.candidates, got.more) == (21, True)


def test_many_collections_are_named_by_a_subquery(encoder, monkeypatch):
    monkeypatch.setattr(scope, "FEW_COLLECTIONS", 2)
    owner, raw = UserFactory(), clustered(8, seed=15)
    for row in range(8):
        put(CollectionFactory(owner=owner), raw[row : row + 1], encoder=encoder)
    put(CollectionFactory(), raw, encoder=encoder)
    got = nearest(Question(encoder, asked(raw[0])), user=owner)
    assert (len(got.hits), got.candidates) == (8, 8)


def sleeping(seconds):
    """In the place of ``Question.distance``: a distance that takes so long to tell."""
    return property(lambda question: Sql("(SELECT 0.5 FROM pg_sleep(%s))", (seconds,)))


def slow_search(collection, encoder, monkeypatch):
    """Search where the database sleeps for 7 s; return the seconds it took, and the error if there was one."""
    put(collection, clustered(5, seed=16), encoder=encoder)
    began = time.monotonic()
    with monkeypatch.context() as patch:
        patch.setattr(Question, "distance", sleeping(7))
        try:
            nearest(Question(encoder, asked(clustered(1, seed=0)[0])), user=collection.owner)
        except Unavailable as error:
            return time.monotonic() - began, error.code
    return time.monotonic() - began, ""


def test_every_statement_has_a_time_limit_and_the_transaction_goes_on(collection, encoder, monkeypatch, figure):
    took, code = slow_search(collection, encoder, monkeypatch)
    assert code == "search_timeout"
    assert took < 7
    figure(f"a search that would take 7 s was ended after {took:.1f} s")
    assert len(nearest(Question(encoder, asked(clustered(1, seed=0)[0])), user=collection.owner).hits) == 5


def test_the_statements_of_a_search_have_one_limit_together(monkeypatch):
    with bounded() as asking:
        first = int(asking.limits()["statement_timeout"])
        asking.rows(Sql("SELECT pg_sleep(0.3)"))
        left = int(asking.rows(Sql("SELECT setting FROM pg_settings WHERE name = 'statement_timeout'"))[0][0])
    assert first <= 5_000
    assert left <= first - 300


def test_without_the_limit_a_slow_search_goes_on(collection, encoder, monkeypatch):
    monkeypatch.setattr(Asking, "limits", lambda asking: {"statement_timeout": "0"})
    took, code = slow_search(collection, encoder, monkeypatch)
    assert (code, took > 6) == ("", True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("filters", [Filters(), Filters(tags=("t",)), Filters(exclude_groups=("g",))])
def test_a_search_costs_two_statements(exact, filters, collection, encoder, settings):
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, exact_candidates=10_000 if exact else 20)
    put(collection, clustered(60, seed=21), encoder=encoder, each=[{"tags": ["t"]}] * 60)
    indexes.build(encoder, rows=60)
    with CaptureQueriesContext(connection) as seen:
        got = nearest(Question(encoder, asked(clustered(1, seed=0)[0])), user=collection.owner)
    drop_indexes()
    assert (got.exact, len(got.hits)) == (exact, 24)
    assert len(seen) == 2


@pytest.mark.django_db(transaction=True)
def test_settings_of_a_search_end_with_it(collection, encoder):
    with bounded() as asking:
        asking.rows(Sql("SELECT 1"), **query._wide(77))
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('hnsw.ef_search', true), current_setting('statement_timeout')")
        assert cursor.fetchone() in {("40", "0"), ("", "0"), (None, "0")}


@pytest.mark.parametrize(
    ("rows", "share", "length"),
    [(0, 1, 40), (100_000, 1, 120), (300_000, 1, 208), (50_000_000, 1, 1000), (100_000, 0.5, 480), (100_000, 0, 1000)],
)
def test_list_grows_with_the_table_and_with_what_a_filter_takes_away(rows, share, length):
    assert query.list_length(rows, share=share) == length


@pytest.mark.parametrize(("size", "exact"), [(80, True), (81, False)])
def test_through_a_filter_more_candidates_are_searched_exactly(size, exact, collection, encoder, small):
    put(collection, clustered(size, seed=17), encoder=encoder)
    put(CollectionFactory(owner=collection.owner), clustered(200, seed=18), encoder=encoder)
    index(encoder)
    question = Question(encoder, asked(clustered(1, seed=19)[0]), filters=Filters(collections=(collection.pk,)))
    got = nearest(question, user=collection.owner)
    assert (got.exact, got.candidates, len(got.hits)) == (exact, size, 24)


def test_a_filter_whose_matches_were_not_counted_to_the_end_uses_the_index(collection, encoder, small):
    each = [{"tags": ["t"]} if row < 60 else {} for row in range(200)]
    put(collection, clustered(200, seed=20), encoder=encoder, each=each)
    index(encoder)
    question = Question(encoder, asked(clustered(1, seed=19)[0]), filters=Filters(tags=("t",)))
    got = nearest(question, user=collection.owner)
    assert (got.exact, got.candidates, len(got.hits)) == (False, 21, 24)


def test_a_question_without_anything_is_a_mistake_of_the_caller(encoder):
    with pytest.raises(ValueError, match="vector or words"):
        _ = Question(encoder, None).distance
