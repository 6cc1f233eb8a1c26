"""What the page says of words: which it understood, and that the nearest are shown even where nothing fits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from retrieval import live_encoders
from retrieval.embedding import word_table
from retrieval.matching import WORDS
from retrieval.models import Encoder
from tests.embedding.tables import table
from tests.factories import CollectionFactory, EncoderFactory
from tests.search.rows import put
from tests.web.test_bands import calibration

pytestmark = pytest.mark.django_db

SHA256 = "5" * 64
HONEST = "What is nearest is shown, even where nothing fits."


@pytest.fixture
def library(owner, settings, tmp_path):
    """An encoder that knows words, and a picture."""
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, weights_dir=tmp_path)
    word_table.write(table(weights_sha256=SHA256), tmp_path / live_encoders.words_name("tiny.safetensors"))
    live_encoders.words_of_file.cache_clear()
    encoder = EncoderFactory(dimension=4, weights_name="tiny.safetensors", weights_sha256=SHA256)
    put(CollectionFactory(owner=owner), np.ones((1, 4), np.float32), encoder=encoder)
    yield encoder
    live_encoders.words_of_file.cache_clear()


def test_words_that_are_understood_find_the_nearest_and_the_page_says_so(page, library):
    text = page.get("/", {"q": "sun"}).content.decode()
    assert "Understood: sun" in text
    assert HONEST in text


def test_where_words_are_calibrated_the_page_says_that_nothing_fits(page, library):
    """And not the sentence that stands where nobody can tell."""
    words = {**calibration(), "nothing_below": 0.99, "fitted_on": {"table": live_encoders.words(library).digest}}
    Encoder.objects.update(calibration={**calibration(), WORDS: words})
    text = page.get("/", {"q": "sun"}).content.decode()
    assert "Nothing here really looks like it" in text
    assert HONEST not in text


def test_words_that_are_not_understood_are_looked_for_as_written(page, library):
    assert HONEST not in page.get("/", {"q": "zzyzx"}).content.decode()
