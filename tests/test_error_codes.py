"""Every error code of the code has one sentence, stands in docs/api.md, and is said in Chinese as well."""

from __future__ import annotations

import ast
import gettext
import re
from functools import cache
from pathlib import Path

from rest_framework import exceptions

from retrieval.errors import SENTENCES
from retrieval.ingest import sniff

ROOT = Path(__file__).parents[1]
# What the framework answers by itself, as ``api/errors.py`` passes it on.
FRAMEWORK = {
    kind.default_code
    for kind in (exceptions.NotAuthenticated, exceptions.MethodNotAllowed, exceptions.NotAcceptable,
                 exceptions.UnsupportedMediaType)
}  # fmt: skip
ROWS = {
    "ambiguous_name",
    "diverged",
    "image_changed",
    "mail_off",
    "mail_refused",
    "mail_unreachable",
    "malformed",
    "named_twice",
    "no_address",
    "too_many_tags",
}  # taken from a table, kept in a row, or by a default, and not where an error is raised
NO_CODES = {"code", "error_code"}  # names of columns and of parameters
CODE = re.compile(r"[a-z][a-z0-9_]{3,}")
NAMES, CALLS = {"code", "ALTERED"}, {"Failure", "Reason"}


def texts(node):
    """The words in an expression that may be codes."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and CODE.fullmatch(part.value):
            yield part.value


def codes_of(tree):
    """Codes that are given to errors and answers, or stand in a class of errors."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg in {"code", "error_code"}:
                    yield from texts(keyword.value)
            if getattr(node.func, "id", "") in CALLS:
                yield from (text for argument in node.args[1:3] for text in texts(argument))
        elif isinstance(node, ast.Assign) and {getattr(target, "id", "") for target in node.targets} & NAMES:
            yield from texts(node.value)


@cache
def used():
    """Every code of the code."""
    files = [*(ROOT / "retrieval").rglob("*.py"), *(ROOT / "imagesearch").rglob("*.py")]
    found = {code for path in files if "migrations" not in path.parts for code in codes_of(ast.parse(path.read_text()))}
    return (found - NO_CODES) | FRAMEWORK | ROWS | set(sniff.SENTENCES)


def test_every_code_has_a_sentence_and_no_sentence_is_left_over():
    assert sorted(used() - set(SENTENCES)) == []
    assert sorted(set(SENTENCES) - used()) == []


def test_a_code_without_a_sentence_is_noticed():
    tree = ast.parse('raise Conflict("No.", code="nobody_knows")\nclass E(RetrievalError):\n    code = "of_a_class"')
    assert set(codes_of(tree)) == {"nobody_knows", "of_a_class"}


def test_the_page_of_the_api_says_them_all_and_nothing_else():
    page = (ROOT / "docs" / "api.md").read_text().partition("## All codes")[2]
    assert dict(re.findall(r"^\| `([a-z0-9_]+)` \| (.+) \|$", page, re.M)) == SENTENCES


def test_every_sentence_is_translated():
    with (ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.mo").open("rb") as file:
        catalogue = gettext.GNUTranslations(file)._catalog
    assert [sentence for sentence in SENTENCES.values() if not catalogue.get(sentence)] == []
