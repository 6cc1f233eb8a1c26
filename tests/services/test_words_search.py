"""Searches with words through the service: by meaning, beside a picture, without what is to be avoided."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace

import numpy as np
import pytest

from retrieval import live_encoders, weight_files
from retrieval.embedding import word_table
from retrieval.embedding.word_query import Understood, understand
from retrieval.errors import InvalidInput, WeightsError
from retrieval.matching import WORDS, Band, Calibration, Match, of_words
from retrieval.matching.curves import Curve
from retrieval.models import Encoder
from retrieval.search import QueryVector
from retrieval.services.encoders import weights
from retrieval.services.searching import search
from retrieval.services.searching.meaning import Meaning, steered
from retrieval.services.searching.search import SearchRequest
from tests.embedding.tables import table
from tests.factories import CollectionFactory, EncoderFactory
from tests.search.rows import put

pytestmark = pytest.mark.django_db

SHA256 = "a" * 64
LOOKS = {
    "dog": (1, 0, 0, 0.1), "hat": (0, 1, 0, 0.1), "red": (0, 0, 1, 0.1), "sun": (0, 0, 0, 1),
    "red dog": (1, 0, 1, 0), "dog with hat": (1, 1, 0, 0),
}  # fmt: skip


@pytest.fixture
def tables(settings, tmp_path):
    """A weights folder with the table of an encoder that is active."""
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, weights_dir=tmp_path)
    word_table.write(table(weights_sha256=SHA256), tmp_path / live_encoders.words_name("tiny.safetensors"))
    live_encoders.words_of_file.cache_clear()
    yield tmp_path
    live_encoders.words_of_file.cache_clear()


@pytest.fixture
def find(tables):
    encoder = EncoderFactory(dimension=4, weights_name="tiny.safetensors", weights_sha256=SHA256)
    collection = CollectionFactory()
    each = [{"title": "The red one" if look == "sun" else "-"} for look in LOOKS]
    images = put(collection, np.array(list(LOOKS.values()), np.float32), encoder=encoder, each=each)
    names = dict(zip((image.pk for image in images), LOOKS, strict=True))

    def find(text=None, *, like=None, **options):
        wanted = tuple(image.pk for image in images if names[image.pk] == like)
        got = search.run(SearchRequest(text=text, images=wanted, **options), user=collection.owner)
        return got, [(names[hit.image.pk], hit.found_by) for hit in got.hits]

    return find


def test_pictures_without_a_word_are_found_by_what_is_on_them(find):
    got, hits = find("dogs")
    assert hits[0] == ("dog", ("meaning",))
    assert len(hits) == len(LOOKS)
    assert [(each.written, each.word) for each in got.concepts] == [("dogs", "dog")]
    assert (got.knows_words, got.unknown, got.measure) == (True, (), "cosine")


def test_written_words_count_beside_their_meaning(find):
    hits = dict(find("red")[1])
    assert hits["sun"] == ("meaning", "words")
    assert hits["red"] == ("meaning",)


def test_what_is_not_understood_is_looked_for_as_written(find):
    got, hits = find("one")
    assert hits == [("sun", ("words",))]
    assert (got.concepts, got.unknown) == ((), ("one",))


def test_words_steer_a_picture(find):
    assert find(like="dog")[1][1][0] in {"red dog", "dog with hat"}
    got = find("hat", like="dog")[1]
    assert got[0] == ("dog with hat", ("look", "meaning"))
    assert find("red", like="dog")[1][0][0] == "red dog"


def test_the_weight_of_words_beside_a_picture(find):
    assert find("hat", like="dog", text_weight=0.0)[1][0][0] == "dog"
    assert find("hat", like="dog", text_weight=1.0)[1][0][0] == "hat"


@pytest.mark.parametrize("options", [{"text": "dog -hat"}, {"text": "dog", "negative_words": ("hat",)}])
def test_words_to_avoid(find, options):
    names = [name for name, _ in find(**options)[1]]
    assert names.index("dog with hat") > names.index("red dog")


def test_words_to_avoid_beside_a_picture(find):
    names = [name for name, _ in find("-hat", like="dog with hat")[1]]
    assert names.index("dog") < names.index("hat")


def test_pictures_with_a_word_to_avoid_are_left_out(find):
    assert "sun" not in dict(find("sun -red")[1])


def test_of_words_with_or_between_them_one_is_enough(find):
    assert find("one or nothing")[1] == [("sun", ("words",))]
    got, hits = find("dog OR hat")
    assert [each.word for each in got.concepts] == ["dog", "hat"]
    assert got.unknown == ()
    assert {hits[0][0], hits[1][0], hits[2][0]} == {"dog with hat", "dog", "hat"}


def test_words_that_are_not_understood_narrow_a_picture(find):
    assert find("one", like="dog")[1] == [("sun", ("look", "words"))]


def calibrate(find, *, nothing_below, table=""):
    """Let half a cosine be right in every second case, and the part for words be of this table or the one in use."""
    curves = {"strangers": Curve((0.0, 1.0), (0.0, -2.0)), "right": Curve((-2.0, 0.0), (1.0, 0.0))}
    table = table or live_encoders.words(Encoder.objects.get()).digest
    words = Calibration(**curves, growth=0.0, nothing_below=nothing_below, fitted_on={"table": table})
    Encoder.objects.update(calibration={**words.to_dict(), "nothing_below": 0.0, WORDS: words.to_dict()})


def test_hits_of_words_say_how_likely_they_are_by_their_looks(find):
    calibrate(find, nothing_below=0.0)
    got, hits = find("dog")
    said = {name: hit.verdict for (name, _), hit in zip(hits, got.hits, strict=True)}
    assert (got.calibrated, got.match) == (True, Match.LIKELY)
    assert said["dog"].band == Band.VERY_ALIKE
    assert said["hat"].band == Band.WEAK
    for name, look in LOOKS.items():
        cosine = look[0] / np.linalg.norm(look)
        assert said[name].probability == pytest.approx(cosine, abs=0.02)
    assert [hit.verdict.band for hit in find("dog", min_band="alike")[0].hits] == [Band.VERY_ALIKE] + [Band.ALIKE] * 2


def test_words_that_no_picture_shows_find_nothing(find):
    calibrate(find, nothing_below=0.9)
    assert find("dog")[0].match == Match.NONE


def test_a_title_with_the_words_is_something(find):
    """However it looks: what was asked for is written there."""
    calibrate(find, nothing_below=0.9)
    got, hits = find("red")
    assert ("words" in dict(hits)["sun"], got.match) == (True, Match.POSSIBLE)


@pytest.mark.parametrize(
    ("text", "options"),
    [("dog -hat", {}), ("dog", {"negative_words": ("hat",)}), ("one", {}), ("hat", {"like": "dog"})],
)
def test_what_no_calibration_is_for_is_said_to_have_none(find, text, options):
    calibrate(find, nothing_below=0.5)
    got, _ = find(text, **options)
    assert (got.calibrated, got.match) == (False, None)


def test_the_calibration_of_another_table_says_nothing(find):
    calibrate(find, nothing_below=0.5, table="0" * 64)
    assert not find("dog")[0].calibrated
    with pytest.raises(InvalidInput) as caught:
        find("dog", min_band="alike")
    assert "min_band" in caught.value.fields


def test_the_bundled_calibration_is_for_the_bundled_table():
    live_encoders.words_of_file.cache_clear()
    row = weights.first_encoder()
    assert of_words(row.calibration).fitted_on["table"] == live_encoders.words(row).digest


@pytest.mark.parametrize("text", ["-hat", "...", "-"])
def test_nothing_to_look_for_is_refused(find, text):
    with pytest.raises(InvalidInput) as caught:
        find(text)
    assert "text" in caught.value.fields


def test_pictures_and_words_that_cancel_each_other_out():
    east = np.array([1, 0], np.float32)
    said = Meaning(Understood(-east, None, (), ()), SHA256, None, ())
    with pytest.raises(InvalidInput) as caught:
        steered(QueryVector.of(east, length=1.0), said, weight=0.5)
    assert "text" in caught.value.fields


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_weights_out_of_bounds(find, weight):
    with pytest.raises(InvalidInput) as caught:
        find("hat", like="dog", text_weight=weight)
    assert "text_weight" in caught.value.fields


def test_without_a_table_words_are_only_looked_for(find, tables):
    (tables / live_encoders.words_name("tiny.safetensors")).unlink()
    live_encoders.words_of_file.cache_clear()
    got, hits = find("one")
    assert hits == [("sun", ("words",))]
    assert (got.knows_words, got.unknown) == (False, ())


def test_a_table_of_other_weights_is_refused(find, tables):
    word_table.write(table(weights_sha256="b" * 64), tables / live_encoders.words_name("tiny.safetensors"))
    live_encoders.words_of_file.cache_clear()
    with pytest.raises(WeightsError, match="other weights"):
        find("dog")


def test_the_bundled_table_belongs_to_its_weights_and_knows_words():
    live_encoders.words_of_file.cache_clear()
    sha256 = hashlib.sha256(live_encoders.weights_path("compact-v1.safetensors").read_bytes()).hexdigest()
    found = live_encoders.words_of_file("compact-v1.safetensors", sha256=sha256)
    assert found is not None
    for text in ("dogs", "大象"):
        said = understand(text, found)
        assert said.wanted is not None
        assert said.unknown == ()


def test_an_altered_bundled_table_is_refused(monkeypatch, tmp_path):
    shutil.copy(weight_files.BUNDLED / weight_files.SUMS, tmp_path)
    word_table.write(table(weights_sha256=SHA256), tmp_path / live_encoders.words_name("compact-v1.safetensors"))
    monkeypatch.setattr(weight_files, "BUNDLED", tmp_path)
    live_encoders.words_of_file.cache_clear()
    with pytest.raises(WeightsError, match="altered"):
        live_encoders.words_of_file("compact-v1.safetensors", sha256=SHA256)
