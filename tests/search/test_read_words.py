"""Words read from pictures, as they are indexed: stems, pairs of signs without spaces, an index for each side."""

from __future__ import annotations

import pytest
from django.db import connection

from retrieval.models import Image, ImageText
from retrieval.search import read_words, words
from tests.factories import CollectionFactory, ImageFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def keep():
    collection = CollectionFactory(read_text=True)

    def keep(text):
        image = ImageFactory(collection=collection, title="-")
        ImageText.objects.bulk_create([ImageText(image=image, text=text, words=read_words.vector(text))])
        return image

    return keep


@pytest.mark.parametrize(
    ("text", "part", "found"),
    [
        ("北京大学出版社", "大学", True),
        ("北京大学出版社", "京大学出", True),
        ("北京大学出版社", "社", True),
        ("北京大学出版社", "学大", False),
        ("北京 大学", "京大", False),  # both signs, and not side by side
        ("大学生 学习 大生", "大学习", False),  # all its pairs, and not in a row
        ("タワー", "ワー", True),
        ("A4纸张", "A4纸", True),
        ("B4纸张", "A4纸", False),
    ],
)
def test_a_part_of_a_script_without_spaces_is_found_where_it_stands(keep, text, part, found):
    image = keep(text)
    assert list(Image.objects.filter(words.Words.of(part).condition())) == [image] * found


def test_both_sides_of_words_use_their_index(keep):
    """One condition with "or" between them would look at every row."""
    keep("Green tea")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")  # few rows need no index
    plan = Image.objects.filter(words.listed("tea")).order_by().explain()
    assert "image_words" in plan
    assert "read_words" in plan
    assert "Seq Scan on retrieval_image" not in plan


def test_long_words_and_nothing_are_kept(keep):
    assert keep("x" * 5_000).pk
    assert keep("").pk
