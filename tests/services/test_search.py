"""A search from request to answer: what may be asked, of what the query is made, and what comes back."""

from __future__ import annotations

import io
import uuid
from dataclasses import replace

import numpy as np
import pytest
from django.contrib.auth.models import AnonymousUser
from PIL import Image as Pictures

from retrieval import live_encoders
from retrieval.errors import Conflict, InvalidInput, NotFound, Unavailable, UnsupportedPicture
from retrieval.ingest import files
from retrieval.models import Embedding, Encoder, EncoderState, Image, JobState
from retrieval.search import vectors
from retrieval.services.searching import by_regions, search
from retrieval.services.searching.search import Region, SearchRequest
from tests import factories
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory

pytestmark = pytest.mark.django_db

COLOURS = {"red": (220, 20, 30), "pink": (230, 120, 130), "green": (20, 200, 40), "blue": (30, 40, 210)}


class Colours:
    """Encodes a picture as its mean colour."""

    calls = 0

    def encode(self, images):
        type(self).calls += 1
        return np.array([image.reshape(-1, 3).mean(axis=0) + 1 for image in images], dtype=np.float32)


@pytest.fixture(autouse=True)
def encoder(db, monkeypatch):
    monkeypatch.setattr(live_encoders, "for_row", lambda row: Colours())
    monkeypatch.setattr(Colours, "calls", 0)
    return EncoderFactory(dimension=3, name="colours", trained=True)


def picture(*colours, size=40):
    """A PNG of vertical stripes of equal width."""
    canvas = Pictures.new("RGB", (size * len(colours), size))
    for place, colour in enumerate(colours):
        canvas.paste(COLOURS[colour], (size * place, 0, size * (place + 1), size))
    data = io.BytesIO()
    canvas.save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def collection(encoder):
    return CollectionFactory()


@pytest.fixture
def images(collection, encoder):
    """One stored and embedded picture of each colour, by name."""
    return {colour: stored(collection, encoder, colour) for colour in COLOURS}


def stored(collection, encoder, *colours, **fields):
    data = picture(*colours)
    image = ImageFactory(collection=collection, title=" ".join(colours), **fields)
    path = files.original(image.sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    raw = Colours().encode([np.array(Pictures.open(io.BytesIO(data)))])
    unit = vectors.unit(raw)
    Embedding.objects.create(
        image=image,
        encoder=encoder,
        collection=collection,
        vector=unit.vectors[0],
        length=unit.lengths[0],
        centred_length=unit.centred_lengths[0],
    )
    return image


def titles(answer):
    return [found.image.title for found in answer.hits]


def score_of(answer, title):
    return next(found.score for found in answer.hits if found.image.title == title)


def ask(user, **fields):
    return search.run(SearchRequest(**fields), user=user)


def test_an_uploaded_picture_finds_its_like_and_is_not_kept(images, collection, encoder):
    answer = ask(collection.owner, file=picture("red"))
    assert titles(answer)[:2] == ["red", "pink"]
    assert (answer.query_kind, answer.encoder, answer.trained, answer.measure) == ("file", "colours", True, "cosine")
    assert (answer.exact, answer.candidates) == (True, 4)
    assert [found.rank for found in answer.hits] == [1, 2, 3, 4]
    assert answer.hits[0].score == pytest.approx(1, abs=1e-3)
    assert min(answer.took.decode, answer.took.encode, answer.took.search) > 0
    assert answer.took.total >= answer.took.decode + answer.took.encode + answer.took.search - 0.1
    assert Image.objects.count() == 4


def test_a_region_of_an_upload_is_what_is_looked_for(images, collection):
    answer = ask(collection.owner, file=picture("red", "blue"), region=Region(0.5, 0, 0.5, 1))
    assert titles(answer)[0] == "blue"
    assert answer.region == Region(0.5, 0, 0.5, 1)


def test_a_stored_picture_is_asked_by_its_vector(images, collection):
    answer = ask(collection.owner, images=(images["green"].pk,))
    assert titles(answer)[0] == "green"
    assert answer.query_kind == "image"
    assert (Colours.calls, answer.took.decode, answer.took.encode) == (4, 0, 0)


def test_a_region_of_a_stored_picture_is_cut_from_its_original(images, collection, encoder):
    both = stored(collection, encoder, "green", "red")
    answer = ask(collection.owner, images=(both.pk,), region=Region(0, 0, 0.5, 1))
    assert titles(answer)[0] == "green"
    assert answer.query_kind == "image"


def test_a_region_of_a_picture_whose_file_is_gone_says_so(images, collection):
    files.original(images["red"].sha256).unlink()
    with pytest.raises(Conflict) as caught:
        ask(collection.owner, images=(images["red"].pk,), region=Region(0, 0, 0.5, 1))
    assert caught.value.code == "original_missing"


def test_several_pictures_and_those_to_avoid(images, collection):
    wanted = (images["red"].pk, images["green"].pk)
    towards = ask(collection.owner, positives=wanted)
    away = ask(collection.owner, positives=wanted, negatives=(images["pink"].pk,))
    assert {towards.query_kind, away.query_kind} == {"several"}
    assert score_of(away, "pink") < score_of(towards, "pink")
    mixed = ask(collection.owner, file=picture("red"), positives=(images["red"].pk,))
    assert (mixed.query_kind, titles(mixed)[0]) == ("several", "red")


def test_several_files_are_looked_for_together(images, collection):
    answer = ask(collection.owner, file=picture("red"), more_files=(picture("green"),))
    assert answer.query_kind == "several"
    as_stored = ask(collection.owner, positives=(images["red"].pk, images["green"].pk))
    assert titles(answer) == titles(as_stored)
    assert score_of(answer, "green") == pytest.approx(score_of(as_stored, "green"), abs=1e-3)
    assert score_of(answer, "green") > score_of(ask(collection.owner, file=picture("red")), "green")


def test_words_alone_and_words_that_narrow(images, collection):
    alone = ask(collection.owner, text="re")
    assert (alone.query_kind, titles(alone), alone.candidates) == ("text", ["red"], 1)
    narrowed = ask(collection.owner, text="green", file=picture("red"))
    assert (narrowed.query_kind, titles(narrowed)) == ("file", ["green"])


def test_similar_pictures_are_without_the_picture_itself(images, collection):
    answer = search.similar(images["red"].pk, user=collection.owner, k=2)
    assert titles(answer)[0] == "pink"
    assert (len(answer.hits), answer.candidates) == (2, 3)


def test_every_measure_can_be_asked_for_and_the_encoders_is_the_default(images, collection, encoder):
    for measure in ("cosine", "euclidean", "pearson"):
        answer = ask(collection.owner, file=picture("red"), measure=measure)
        assert (answer.measure, titles(answer)[0]) == (measure, "red")
    Encoder.objects.update(measure="pearson")
    assert ask(collection.owner, file=picture("red")).measure == "pearson"


def test_groups(collection, encoder):
    first, second = (stored(collection, encoder, colour, group_key="case") for colour in ("red", "pink"))
    stored(collection, encoder, "blue")
    stored(collection, encoder, "green")
    assert set(titles(ask(collection.owner, images=(first.pk,), exclude_group=True))) == {"blue", "green"}
    assert set(titles(ask(collection.owner, images=(second.pk,), group=True))) == {"pink", "blue", "green"}


def test_pages_and_least_score(images, collection):
    whole = ask(collection.owner, file=picture("red"))
    page = ask(collection.owner, file=picture("red"), offset=1, k=2)
    assert titles(page) == titles(whole)[1:3]
    assert [found.rank for found in page.hits] == [2, 3]
    cut = ask(collection.owner, file=picture("red"), min_score=whole.hits[1].score)
    assert titles(cut) == titles(whole)[:2]


def test_rows_are_loaded_at_once(images, collection, django_assert_max_num_queries):
    with django_assert_max_num_queries(10):  # one tells the database how much of the five seconds is left
        answer = ask(collection.owner, images=(images["red"].pk,))
        _ = [(found.image.title, found.image.tags, found.image.group_key) for found in answer.hits]


def test_hidden_and_absent_pictures_are_refused_alike(images):
    stranger, refusals = UserFactory(), []
    for pk in (images["red"].pk, uuid.uuid4()):
        for fields in (
            {"images": (pk,)},
            {"positives": (pk,)},
            {"file": picture("red"), "negatives": (pk,)},
            {"images": (pk,), "region": Region(0, 0, 1, 1)},
        ):
            with pytest.raises(NotFound) as caught:
                ask(stranger, **fields)
            refusals.append((caught.value.code, caught.value.message, caught.value.fields))
    assert len({str(refusal) for refusal in refusals}) == 1


def test_hidden_and_absent_collections_are_refused_alike(images, collection):
    refusals = set()
    for pk in (collection.pk, uuid.uuid4()):
        with pytest.raises(NotFound) as caught:
            ask(UserFactory(), text="red", collections=(pk,))
        refusals.add((caught.value.code, caught.value.message))
    assert len(refusals) == 1


def test_strangers_and_visitors_find_nothing(images):
    for user in (UserFactory(), AnonymousUser()):
        answer = ask(user, file=picture("red"))
        assert (answer.hits, answer.candidates) == ([], 0)


def test_a_picture_hidden_between_search_and_loading_is_left_out(images, collection, monkeypatch):
    nearest = by_regions.nearest

    def hide_then_answer(question, user):
        ranked = nearest(question, user=user)
        Image.objects.filter(pk=images["red"].pk).update(deleted_at="2026-01-01T00:00Z")
        return ranked

    monkeypatch.setattr(by_regions, "nearest", hide_then_answer)
    assert titles(ask(collection.owner, file=picture("red")))[0] == "pink"


@pytest.mark.parametrize(
    ("state", "code"), [(None, "image_pending"), (JobState.PENDING, "image_pending"), (JobState.FAILED, "image_failed")]
)
def test_a_picture_without_a_vector_says_why(state, code, collection, encoder):
    image = ImageFactory(collection=collection)
    if state:
        factories.job(image, encoder, state=state)
    with pytest.raises(Conflict) as caught:
        search.similar(image.pk, user=collection.owner)
    assert caught.value.code == code


def test_one_encoder_answers_even_while_another_is_made_active(images, collection, encoder, monkeypatch):
    def switch_then_encode(row):
        Encoder.objects.filter(pk=encoder.pk).update(state=EncoderState.RETIRED)
        EncoderFactory(dimension=5, name="next")
        assert row == encoder
        return Colours()

    monkeypatch.setattr(live_encoders, "for_row", switch_then_encode)
    answer = ask(collection.owner, file=picture("red"))
    assert (answer.encoder, titles(answer)[0]) == ("colours", "red")


def test_without_an_encoder_the_search_is_unavailable(encoder):
    Encoder.objects.all().delete()
    with pytest.raises(Unavailable) as caught:
        ask(UserFactory(), text="red")
    assert caught.value.code == "no_encoder"


def test_a_file_that_is_no_picture_is_refused(collection):
    for data in (b"", b"not a picture"):
        with pytest.raises(UnsupportedPicture):
            ask(collection.owner, file=data)


GOOD = SearchRequest(text="red")
SOME = tuple(uuid.uuid4() for _ in range(1001))
NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("file", {"text": None}),
        ("file", {"text": ""}),
        ("text", {"text": "..."}),
        ("text", {"text": "x" * 501}),
        ("text", {"text": "a\x00b"}),
        ("text", {"text": "\ud800"}),
        ("tags", {"tags": ("a\x00",)}),
        ("tags", {"tags": ("x" * 101,)}),
        ("tags", {"tags": ("x",) * 51}),
        ("k", {"k": 0}),
        ("k", {"k": 201}),
        ("offset", {"offset": -1}),
        ("offset", {"offset": 10_001}),
        ("measure", {"measure": "no such"}),
        ("min_score", {"min_score": NAN}),
        ("min_score", {"min_score": -INFINITE}),
        ("positives", {"positives": SOME[:101]}),
        ("negatives", {"negatives": SOME[:1], "text": None}),
        ("negatives", {"negatives": SOME[:1]}),
        ("negatives", {"images": SOME[:1], "negatives": SOME[:101]}),
        ("collections", {"collections": SOME[:201]}),
        ("exclude", {"exclude": SOME}),
        ("region", {"region": Region(0, 0, 0.5, 0.5)}),
        ("region", {"region": Region(0, 0, 0.5, 0.5), "positives": SOME[:2]}),
        ("region", {"region": Region(0, 0, 0.5, 0.5), "file": b"x", "more_files": (b"y",)}),
        ("file", {"file": b"x", "more_files": (b"y",) * 10}),
        ("region", {"region": Region(NAN, 0, 0.5, 0.5), "file": b"x"}),
        ("region", {"region": Region(0, 0, INFINITE, 0.5), "file": b"x"}),
        ("region", {"region": Region(0, 0, NAN, 0.5), "file": b"x"}),
        ("region", {"region": Region(-0.1, 0, 0.5, 0.5), "file": b"x"}),
        ("region", {"region": Region(0, 0, 0, 0.5), "file": b"x"}),
        ("region", {"region": Region(0, 0.6, 0.5, 0.5), "file": b"x"}),
    ],
)
def test_what_is_out_of_bounds_is_refused_with_its_field(field, changes):
    with pytest.raises(InvalidInput) as caught:
        search.run(replace(GOOD, **changes), user=AnonymousUser())
    assert list(caught.value.fields) == [field]
