"""What a search says of its hits by the encoder's calibration, and that it keeps silent without one."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest
from PIL import Image as Pictures

from retrieval import live_encoders
from retrieval.errors import InvalidInput
from retrieval.ingest import fingerprint
from retrieval.matching import Band, Calibration, Match
from retrieval.matching.curves import Curve
from retrieval.models import Embedding
from retrieval.search import vectors
from retrieval.services.searching import search
from retrieval.services.searching.search import Region, SearchRequest
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory

pytestmark = pytest.mark.django_db

# One in ten strangers scores .5 or more, and so on; hits are right with the probability of the same height.
CALIBRATION = Calibration(
    strangers=Curve((0.0, 1.0), (0.0, -2.0)),
    right=Curve((-2.0, 0.0), (1.0, 0.0)),
    growth=0.0,
    nothing_below=0.3,
    fitted_on={"pictures": 100},
)


def drawn(seed: int) -> bytes:
    """A PNG of coloured noise with some form in it, so that it has a fingerprint."""
    coarse = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    data = io.BytesIO()
    Pictures.fromarray(coarse).resize((128, 128), Pictures.Resampling.BICUBIC).save(data, "PNG")
    return data.getvalue()


QUERY = drawn(0)


class Fixed:
    """Encodes every picture as the same direction."""

    def encode(self, images):
        return np.array([[1.0, 0.0, 0.0]] * len(images), np.float32)


@pytest.fixture(autouse=True)
def encoder(db, monkeypatch):
    monkeypatch.setattr(live_encoders, "for_row", lambda row: Fixed())
    return EncoderFactory(dimension=3, trained=True, calibration=CALIBRATION.to_dict())


@pytest.fixture
def collection():
    return CollectionFactory()


def put(collection, encoder, cosine, **fields):
    """A stored picture whose vector has this cosine with the query's."""
    image = ImageFactory(collection=collection, **fields)
    unit = vectors.unit(np.array([[cosine, np.sqrt(1 - cosine**2), 0]], np.float32))
    Embedding.objects.create(
        image=image, encoder=encoder, collection=collection,
        vector=unit.vectors[0], length=unit.lengths[0], centred_length=unit.centred_lengths[0],
    )  # fmt: skip
    return image


def ask(collection, **fields):
    return search.run(SearchRequest(**{"file": QUERY, **fields}), user=collection.owner)


def test_each_hit_says_how_likely_it_is_right_and_how_many_strangers_score_as_high(collection, encoder):
    for cosine in (0.9, 0.5, 0.1):
        put(collection, encoder, cosine)
    answer = ask(collection)
    assert answer.calibrated
    assert answer.match == Match.LIKELY
    said = [hit.verdict for hit in answer.hits]
    assert [each.band for each in said] == [Band.VERY_ALIKE, Band.ALIKE, Band.WEAK]
    assert [each.probability for each in said] == pytest.approx([0.9, 0.5, 0.1], abs=2e-3)
    assert [each.expected_strangers for each in said] == pytest.approx(
        [3 * 10 ** (-2 * c) for c in (0.9, 0.5, 0.1)], rel=0.01
    )


def test_nothing_that_looks_like_it_is_said_to_be_nothing(collection, encoder):
    for _ in range(6):
        put(collection, encoder, 0.2)
    answer = ask(collection)
    assert answer.match == Match.NONE
    assert {hit.verdict.band for hit in answer.hits} == {Band.WEAK}
    # However few are asked for, the nearest five decide.
    assert ask(collection, k=1).match == Match.NONE
    assert len(ask(collection, k=1).hits) == 1
    assert ask(collection, min_score=0.9).match == Match.NONE


def test_five_neighbours_decide_even_where_one_is_asked_for(collection, encoder):
    """One that is near among four that point elsewhere: their middle lies nowhere near the query."""
    put(collection, encoder, 0.35)
    for _ in range(4):
        put(collection, encoder, -0.9)
    assert ask(collection, k=1).match == Match.NONE


def test_the_same_bytes_are_the_same_file_and_a_near_copy_the_same_picture(collection, encoder):
    smaller = io.BytesIO()
    Pictures.open(io.BytesIO(QUERY)).resize((100, 100)).save(smaller, "JPEG")
    copy = fingerprint.bit_text(fingerprint.pdq(Pictures.open(smaller)))
    other = fingerprint.bit_text(fingerprint.pdq(Pictures.open(io.BytesIO(drawn(1)))))
    put(collection, encoder, 1.0, sha256=hashlib.sha256(QUERY).hexdigest())
    put(collection, encoder, 0.9, pdq=copy)
    put(collection, encoder, 0.8, pdq=other)
    answer = ask(collection)
    assert [hit.verdict.band for hit in answer.hits] == [Band.SAME_FILE, Band.SAME_IMAGE, Band.VERY_ALIKE]
    assert answer.match == Match.SAME


def test_a_part_of_a_picture_is_never_the_same_picture(collection, encoder):
    put(collection, encoder, 1.0, sha256=hashlib.sha256(QUERY).hexdigest())
    answer = ask(collection, region=Region(0, 0, 0.5, 0.5))
    assert [hit.verdict.band for hit in answer.hits] == [Band.VERY_ALIKE]


def test_a_stored_picture_finds_itself_as_the_same_file(collection, encoder):
    image = put(collection, encoder, 0.9)
    answer = ask(collection, file=None, images=(image.pk,))
    assert answer.hits[0].verdict.band == Band.SAME_FILE


@pytest.mark.parametrize(("least", "left"), [("very_alike", 1), ("alike", 2), ("weak", 3)])
def test_bands_below_the_least_are_left_out(collection, encoder, least, left):
    for cosine in (0.9, 0.5, 0.1):
        put(collection, encoder, cosine)
    answer = ask(collection, min_band=least)
    assert (len(answer.hits), answer.match) == (left, Match.LIKELY)


def test_after_an_offset_hits_are_judged_and_the_answer_is_not(collection, encoder):
    for cosine in (0.9, 0.5):
        put(collection, encoder, cosine)
    answer = ask(collection, offset=1)
    assert (answer.match, [hit.verdict.band for hit in answer.hits]) == (None, [Band.ALIKE])


@pytest.mark.parametrize("fields", [{"measure": "euclidean"}, {"file": None, "text": "Picture"}])
def test_what_the_calibration_is_not_for_has_no_verdict(collection, encoder, fields):
    put(collection, encoder, 0.9)
    answer = ask(collection, **fields)
    assert (answer.calibrated, answer.match, [hit.verdict for hit in answer.hits]) == (False, None, [None])
    with pytest.raises(InvalidInput) as refused:
        ask(collection, min_band="alike", **fields)
    assert "min_band" in refused.value.fields


def test_an_encoder_without_a_calibration_says_so(collection, encoder):
    put(collection, encoder, 0.9)
    type(encoder).objects.update(calibration={})
    answer = ask(collection)
    assert (answer.calibrated, answer.match, answer.hits[0].verdict) == (False, None, None)


def test_no_such_band(collection):
    with pytest.raises(InvalidInput) as refused:
        ask(collection, min_band="near")
    assert "min_band" in refused.value.fields
