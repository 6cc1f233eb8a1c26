"""Maps of pictures: held to a literal decomposition, and showing nobody what they may not see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from retrieval import conf
from retrieval.errors import AdministratorsOnly, InvalidInput, NotFound
from retrieval.models import AuditEvent, Image
from retrieval.services.encoders import maps
from retrieval.services.encoders.maps import Group, MapRequest
from retrieval.work import long_jobs
from tests.factories import CollectionFactory, EncoderFactory, UserFactory
from tests.search.rows import put

pytestmark = pytest.mark.django_db
RAW = np.random.default_rng(7).normal(0, 1, (30, 8)).astype(np.float32) * [5, 3, 1, 1, 1, 1, 1, 1]


@pytest.fixture
def boss(db, settings, tmp_path):
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path)
    return UserFactory(is_staff=True, is_superuser=True)


@pytest.fixture
def pictures(boss):
    """Thirty pictures in two collections, tagged by their number; three of a collection that the boss never sees."""
    encoder, mine = EncoderFactory(name="whole", dimension=8), CollectionFactory(owner=boss, name="Mine")
    also = CollectionFactory(name="Also", visibility="public")
    each = [{"tags": [f"t{n % 14}"] if n % 14 else []} for n in range(30)]
    rows = put(mine, RAW[:20], encoder=encoder, each=each[:20]) + put(also, RAW[20:], encoder=encoder, each=each[20:])
    put(CollectionFactory(), RAW[:3], encoder=encoder)
    return rows


def drawn(boss, **asked):
    row = maps.start(MapRequest(**asked), user=boss)
    long_jobs.run(maps.KIND, row.pk)
    row.refresh_from_db()
    return row


def test_places_and_shares_are_those_of_a_singular_value_decomposition(pictures, boss):
    row = drawn(boss)
    found, unit = maps.points(row, user=boss), RAW / np.linalg.norm(RAW, axis=1, keepdims=True)
    ids = [image.pk for image in pictures]
    unit = unit[[ids.index(pk) for pk in found.ids]]
    left, singular, _ = np.linalg.svd(unit - unit.mean(axis=0))
    for axis, values in enumerate((found.x, found.y)):
        expected = left[:, axis] * singular[axis]
        assert values == pytest.approx(expected * np.sign(expected @ values), abs=2e-3)
    assert row.result["shares"] == pytest.approx(singular[:2] ** 2 / (singular**2).sum(), abs=1e-3)
    assert (row.result["pictures"], row.result["of"], sorted(found.ids) == sorted(ids)) == (30, 30, True)


def test_groups_are_the_largest_then_all_others_and_every_point_is_of_one(pictures, boss):
    found = maps.points(drawn(boss), user=boss)
    tags = {image.pk: image.tags[0] if image.tags else "" for image in pictures}
    names = [group.name for group in found.groups]
    for pk, group in zip(found.ids, found.of, strict=True):
        assert names[group] == tags[pk] or (names[group] is None and tags[pk] not in names)
    assert [found.of.count(place) for place in range(12)] == [group.count for group in found.groups]
    assert len(names) == 12
    assert set(maps.points(drawn(boss), user=boss, by="collection").groups) == {Group("Mine", 20), Group("Also", 10)}


def test_what_is_hidden_or_deleted_since_is_left_out_when_it_is_read(pictures, boss):
    row = drawn(boss)
    pictures[-1].collection.__class__.objects.filter(name="Also").update(visibility="private")
    Image.objects.filter(pk=pictures[0].pk).update(deleted_at="2026-01-01T00:00Z")
    found = maps.points(row, user=boss)
    assert sorted(found.ids) == sorted(image.pk for image in pictures[1:20])
    assert sum(group.count for group in found.groups) == len(found.x) == 19


def test_so_many_are_drawn_and_how_many_there_are_is_said(pictures, boss, monkeypatch):
    monkeypatch.setattr(maps, "MOST", 5)
    row = drawn(boss, collection=pictures[0].collection_id)
    assert (len(maps.points(row, user=boss).ids), row.result["pictures"], row.result["of"]) == (5, 5, 20)
    assert (str(row), AuditEvent.objects.filter(action="picturemap.started").count()) == ("Mine", 1)


@pytest.mark.parametrize("rows", [[[1.0], [2.0], [3.0]], [[1.0, 1.0]] * 3])
def test_one_dimension_or_none_lie_on_a_line_or_a_point(rows):
    flat, shares = maps.pca(np.array(rows, np.float32))
    assert np.isfinite(flat).all()
    assert flat[:, 1] == pytest.approx([0, 0, 0])
    assert shares == pytest.approx((float(len(rows[0]) == 1), 0.0))


def test_what_cannot_be_drawn_is_refused_before_it_stands_in_line(pictures, boss):
    empty = CollectionFactory(owner=boss)
    for request in (MapRequest(collection=empty.pk), MapRequest(encoder="nothing")):
        with pytest.raises(InvalidInput) as refused:
            maps.start(request, user=boss)
        assert "encoder" in refused.value.fields
    with pytest.raises(AdministratorsOnly):
        maps.start(MapRequest(), user=empty.owner.__class__.objects.create(username="other"))
    with pytest.raises(NotFound):
        maps.start(MapRequest(collection=CollectionFactory().pk), user=boss)
    with pytest.raises(InvalidInput):
        maps.points(drawn(boss), user=boss, by="camera")
