"""The Chinese catalogue is complete, compiled, and keeps every place that is filled in."""

from __future__ import annotations

import gettext
import re

import pytest
from django.conf import settings
from django.utils import translation

from retrieval.web import words

FOLDER = settings.BASE_DIR / "locale" / "zh_Hans" / "LC_MESSAGES"
IN_TEMPLATES = re.compile(r"""{% trans(?:late)? (?:"([^"]+)"|'([^']+)')(?: as \w+)? %}""")
IN_CODE = re.compile(r"""\b(?:_|gettext|gettext_lazy)\(\s*"([^"]+)"\s*\)""")


@pytest.fixture(scope="module")
def catalogue():
    with (FOLDER / "django.mo").open("rb") as file:
        return gettext.GNUTranslations(file)._catalog


def said():
    """Every sentence of the pages, from where it stands."""
    for path in (settings.BASE_DIR / "templates").rglob("*.html"):
        yield from (first or second for first, second in IN_TEMPLATES.findall(path.read_text()))
    for folder in ("admin", "templatetags", "web"):
        for path in (settings.BASE_DIR / "retrieval" / folder).rglob("*.py"):
            yield from IN_CODE.findall(path.read_text())


def test_every_sentence_of_the_pages_is_translated(catalogue):
    sentences = set(said())
    assert len(sentences) > 200
    assert sorted(sentence for sentence in sentences if not catalogue.get(sentence)) == []


def test_the_compiled_catalogue_is_the_written_one(catalogue):
    written = re.findall(r'^msgid "(.+)"$', (FOLDER / "django.po").read_text(), re.MULTILINE)
    compiled = {key if isinstance(key, str) else key[0] for key in catalogue if key}
    assert {text.replace('\\"', '"') for text in written} == compiled


def test_places_that_are_filled_in_are_kept(catalogue):
    places = re.compile(r"{\w+}|%\(\w+\)s|%[sd]")
    for key, text in catalogue.items():
        if key:
            english = key if isinstance(key, str) else key[0]
            assert sorted(places.findall(english)) == sorted(places.findall(text)), english


def test_english_keeps_the_services_own_sentence_and_its_figures():
    assert words.reason("image_too_large", "The file has more than 25 MB.") == "The file has more than 25 MB."
    with translation.override("zh-hans"):
        assert words.reason("image_too_large", "The file has more than 25 MB.") == "图片超出大小限制。"
        assert words.reason("odd", "A sentence.") == "A sentence."


def test_words_for_codes():
    assert words.name("shared") == "Shared"
    assert words.name("nothing we know") == "nothing we know"


def test_the_scripts_have_each_word_that_they_say():
    found = {name for file in (settings.BASE_DIR / "static" / "js").glob("*.js")
             for name in re.findall(r"""\bsay\("(\w+)\"""", file.read_text())}  # fmt: skip
    assert len(found) > 20
    assert found <= set(words.for_scripts())


def test_the_scripts_speak_the_language_of_each_reader():
    said = []
    for language in ("en", "zh-hans", "en"):
        with translation.override(language):
            said.append(words.for_scripts())
    assert said[0] == said[2]
    assert [name for name, sentence in said[0].items() if said[1][name] == sentence] == []
