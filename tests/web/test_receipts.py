"""A receipt's pages: shown to be printed, as a file, run again within the bounds of every upload, and removed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from retrieval import conf
from retrieval.models import Receipt
from retrieval.services.searching import receipts
from retrieval.services.searching.search import SearchRequest
from tests.web.library import put

pytestmark = pytest.mark.django_db


@pytest.fixture
def row(page, collection, encoder):
    """A receipt of a search by a stored picture."""
    image = put(collection, "red", encoder=encoder)
    put(collection, "pink", encoder=encoder)
    return receipts.searched(SearchRequest(images=(image.pk,)), user=collection.owner)[1]


def test_it_is_shown_and_comes_as_the_file_that_is_verified(page, row):
    assert str(row.pk) in page.get(reverse("web:receipt", args=[row.pk])).content.decode()
    sent = json.loads(page.get(reverse("web:receipt_file", args=[row.pk])).content)
    row.refresh_from_db()
    assert (sent["document"], sent["signature"]) == (row.document, row.signature)


def test_run_again_it_says_that_nothing_changed(page, row):
    answer = page.post(reverse("web:receipt_repeat", args=[row.pk]))
    assert answer.status_code == 200
    assert answer.context["changes"].none


def test_files_to_run_it_again_with_have_the_bound_of_every_picture(page, row, settings):
    now = conf.get()
    settings.IMAGESEARCH = replace(now, limits=replace(now.limits, image_bytes=10))
    answer = page.post(reverse("web:receipt_repeat", args=[row.pk]), {"file": SimpleUploadedFile("a.png", b"x" * 11)})
    assert answer.status_code == 413


def test_it_is_removed(page, row):
    page.post(reverse("web:receipt_remove", args=[row.pk]))
    assert not Receipt.objects.exists()
