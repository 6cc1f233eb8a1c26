"""Concepts: what is taught ranks, asks and suggests; whose they are, and what of the library takes part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from retrieval.errors import Conflict, InvalidInput, NotFound
from retrieval.models import AuditEvent, Collection, Concept, ConceptExample, Embedding, Measure, RegionEmbedding
from retrieval.search import stored
from retrieval.services.images import images as pictures
from retrieval.services.searching import concepts, receipts, search, teaching
from retrieval.services.searching.concepts import Clicks
from retrieval.services.searching.search import SearchRequest
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory
from tests.search.rows import embed, put

pytestmark = pytest.mark.django_db

HALF = 20


def raw(*, seed, mixed=False):
    """Twenty that lie towards one side and twenty towards the other; the first number tells which, little by little."""
    random = np.random.default_rng(seed)
    found = random.normal(0, 1, (2 * HALF, 8)).astype(np.float32)
    found[:HALF, 0] += 6
    return -found if mixed else found


@pytest.fixture
def encoder(db):
    return EncoderFactory(dimension=8)


@pytest.fixture
def library(encoder):
    collection = CollectionFactory()
    return collection.owner, put(collection, raw(seed=7), encoder=encoder)


@pytest.fixture
def taught(library):
    person, images = library
    clicks = Clicks(yes=[image.pk for image in images[:3]], no=[image.pk for image in images[HALF : HALF + 2]])
    return concepts.create(" Hat ", clicks, user=person)


def found(answer):
    return [hit.image.pk for hit in answer.hits]


def test_it_ranks_what_is_it_before_what_is_not(library, taught):
    person, images = library
    answer = search.run(SearchRequest(concept=taught.pk, k=40, measure="euclidean"), user=person)
    assert (answer.query_kind, answer.measure, answer.calibrated) == ("concept", "cosine", False)
    right = {image.pk for image in images[:HALF]}
    assert sum(pk in right for pk in found(answer)[:HALF]) >= HALF - 1
    assert (taught.name, taught.yes, taught.no) == ("Hat", 3, 2)
    assert taught.knows > 0.9


@pytest.mark.parametrize("measure", list(Measure))
def test_beside_a_picture_it_leaves_only_what_it_says_yes_to(library, taught, encoder, measure):
    person, images = library
    request = SearchRequest(images=(images[-1].pk,), k=40, measure=measure)
    both, alone = (search.run(each, user=person) for each in (replace(request, concept=taught.pk), request))
    direction = concepts.direction(taught, user=person, encoder=encoder)
    units = stored.queries(encoder, [image.pk for image in images])
    cosines = {pk: float(each.unit @ direction.query.unit) for pk, each in units.items()}
    yes = {pk for pk, cosine in cosines.items() if direction.steepness * cosine + direction.offset >= 0}
    assert 0 < len(yes) < len(images)
    assert (both.query_kind, both.candidates, both.measure) == ("image", len(yes), measure)
    assert found(both) == [pk for pk in found(alone) if pk in yes]


def test_it_asks_the_whole_picture_where_parts_are_searched(library, taught, encoder):
    person, images = library
    direction = concepts.direction(taught, user=person, encoder=encoder).query
    part = {"vector": direction.unit, "length": 1, "centred_length": 1}
    Collection.objects.update(regions=True)
    RegionEmbedding.objects.create(image=images[-1], encoder=encoder, place=1, **part)
    request = SearchRequest(images=(images[0].pk,), k=40, regions=True)
    assert images[-1].pk in found(search.run(request, user=person))
    narrowed = search.run(replace(request, concept=taught.pk), user=person)
    assert (narrowed.regions, images[-1].pk in found(narrowed), narrowed.candidates > 0) == (True, False, True)


def test_a_receipt_of_it_can_be_asked_again(library, taught):
    person, _ = library
    _, row = receipts.searched(SearchRequest(concept=taught.pk), user=person)
    assert row.document["asked"]["concept"] == str(taught.pk)
    assert receipts.repeat(row.pk, user=person).none


def test_it_asks_half_for_likely_and_half_for_doubtful_pictures_and_for_none_twice(library, taught):
    person, _ = library
    asked = teaching.to_ask(taught.pk, user=person, most=6)
    scores = [each.score for each in asked]
    assert scores[:3] == sorted(scores, reverse=True)[:3]
    assert all(abs(score - 0.5) < 0.25 for score in scores[3:])
    clicked = set(ConceptExample.objects.values_list("image_id", flat=True))
    assert not clicked & {each.image.pk for each in asked}


def test_it_suggests_what_is_likely_and_neither_clicked_nor_tagged_yet(library, taught):
    person, images = library
    first = teaching.suggestions(taught.pk, user=person)
    assert len(first) > 1
    assert all(each.score > 0.5 for each in first)
    assert not {each.image.pk for each in first} & {image.pk for image in images[:3]}
    first[0].image.tags = ["Hat"]
    first[0].image.save()
    assert [each.image.pk for each in teaching.suggestions(taught.pk, user=person)] == [
        each.image.pk for each in first[1:]
    ]


def test_the_later_click_counts_and_a_click_can_be_taken_back(library, taught):
    person, images = library
    before = bytes(Concept.objects.get().direction)
    row = concepts.teach(taught.pk, Clicks(no=[images[0].pk], forget=[images[HALF].pk]), user=person)
    assert (row.yes, row.no) == (2, 2)
    assert bytes(row.direction) != before


@pytest.mark.parametrize(
    ("field", "clicks"),
    [
        ("no", lambda pk: Clicks(yes=[pk], no=[pk])),
        ("no", lambda pk: Clicks(no=[pk], forget=[pk])),
        ("yes", lambda pk: Clicks(yes=[pk] * 201)),
    ],
)
def test_clicks_that_contradict_themselves_or_are_too_many_are_refused(library, taught, field, clicks):
    person, images = library
    with pytest.raises(InvalidInput) as caught:
        concepts.teach(taught.pk, clicks(images[9].pk), user=person)
    assert list(caught.value.fields) == [field]


def test_without_a_right_example_nothing_is_ranked(library):
    person, images = library
    row = concepts.create("Hat", Clicks(no=[images[0].pk]), user=person)
    for ask in (
        lambda: teaching.to_ask(row.pk, user=person),
        lambda: search.run(SearchRequest(concept=row.pk), user=person),
    ):
        with pytest.raises(Conflict) as caught:
            ask()
        assert caught.value.code == "concept_untaught"


def test_it_is_its_persons_alone_whatever_rights_another_has(library, taught):
    stranger = UserFactory(is_staff=True, is_superuser=True)
    for act in (
        lambda: concepts.get(taught.pk, user=stranger),
        lambda: concepts.teach(taught.pk, Clicks(), user=stranger),
        lambda: concepts.rename(taught.pk, "x", user=stranger),
        lambda: concepts.remove(taught.pk, user=stranger),
        lambda: teaching.suggestions(taught.pk, user=stranger),
        lambda: search.run(SearchRequest(concept=taught.pk), user=stranger),
    ):
        with pytest.raises(NotFound):
            act()
    assert not concepts.listing(stranger)


def test_a_picture_that_one_does_not_see_teaches_nothing(library, taught):
    person, _ = library
    hidden = ImageFactory()
    with pytest.raises(NotFound):
        concepts.teach(taught.pk, Clicks(yes=[hidden.pk]), user=person)


def test_what_is_hidden_or_deleted_later_counts_no_more(library, taught, encoder):
    person, images = library
    before = concepts.direction(taught, user=person, encoder=encoder).query.unit
    pictures.delete(images[0], user=person)
    after = concepts.direction(concepts.get(taught.pk, user=person), user=person, encoder=encoder).query.unit
    assert not np.allclose(before, after)
    assert Concept.objects.get().fitted_to == 4


def test_another_persons_pictures_are_no_background(library, taught, encoder):
    person, images = library
    told = {image.pk: True for image in images[:1]}
    before = concepts._examples(told, user=person, encoder=encoder).background
    put(CollectionFactory(), raw(seed=8), encoder=encoder)
    assert len(before) == 2 * HALF - 1
    assert np.array_equal(concepts._examples(told, user=person, encoder=encoder).background, before)


def test_another_encoder_fits_it_again_by_itself(library, taught, encoder):
    person, images = library
    encoder.state = "retired"
    encoder.save()
    other = EncoderFactory(dimension=8)
    embed(images, encoder=other, raw=raw(seed=7, mixed=True))
    answer = search.run(SearchRequest(concept=taught.pk, k=10), user=person)
    assert set(found(answer)) <= {image.pk for image in images[:HALF]}
    assert Concept.objects.get().encoder == other


def test_a_fit_is_kept_until_something_changes(library, taught, encoder, monkeypatch):
    person, _ = library
    monkeypatch.setattr(concepts, "_fit", lambda *args, **named: pytest.fail("fitted again"))
    concepts.direction(concepts.get(taught.pk, user=person), user=person, encoder=encoder)
    Embedding.objects.filter(image_id__in=ConceptExample.objects.values("image_id")[:1]).delete()
    with pytest.raises(pytest.fail.Exception):
        concepts.direction(concepts.get(taught.pk, user=person), user=person, encoder=encoder)


def test_made_and_removed_it_is_on_the_trail_and_its_clicks_go_with_it(library, taught):
    person, _ = library
    concepts.remove(taught.pk, user=person)
    assert not ConceptExample.objects.exists()
    trail = AuditEvent.objects.filter(kind="concept").order_by("at")
    assert [event.action for event in trail] == ["concept.create", "concept.remove"]


def test_a_purged_picture_takes_its_click_along(library, taught, settings):
    _, images = library
    images[0].delete()
    assert ConceptExample.objects.count() == 4


@pytest.mark.parametrize("name", ["", "  ", "a\0b", "x" * 101])
def test_a_name_that_cannot_be_a_tag_is_refused(library, name):
    with pytest.raises(InvalidInput) as caught:
        concepts.create(name, Clicks(), user=library[0])
    assert list(caught.value.fields) == ["name"]
