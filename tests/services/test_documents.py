"""Documents: a picture for each page, the first at once, the others of the same file by a worker."""

from __future__ import annotations

import dataclasses
import io

import pytest
from django.urls import reverse

from retrieval import conf
from retrieval.errors import TooLarge, UnsupportedPicture
from retrieval.ingest import files, pdf
from retrieval.models import ArchiveImport, Image, ImageDigest, UserUsage
from retrieval.services.copies import candidates
from retrieval.services.images import archives, documents, images, purging
from retrieval.services.images.choice import ImageFilters, listing
from retrieval.services.images.images import ImageChanges, Upload
from retrieval.services.operations import audit
from retrieval.work import long_jobs
from tests.factories import CollectionFactory
from tests.ingest.pictures import encoded, scene

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.IMAGESEARCH = dataclasses.replace(conf.get(), data_dir=tmp_path)


@pytest.fixture
def collection():
    return CollectionFactory()


def paged(kind="TIFF", pages=3):
    first, *others = [scene(90, 60, seed=seed) for seed in range(pages)]
    return encoded(first, kind, save_all=True, append_images=others)


def added(collection, data, **texts):
    upload = Upload(io.BytesIO(data), name="book.tif", texts=ImageChanges(**texts))
    return images.add(upload, user=collection.owner, collection=collection)


def made(collection, data, **texts):
    first = added(collection, data, **texts).image
    job = ArchiveImport.objects.get(document=first.pk)
    while long_jobs.next_up(archives.KIND):
        long_jobs.run(archives.KIND, job.pk)
    job.refresh_from_db()
    return list(Image.objects.filter(document=first.pk).order_by("page")), job


@pytest.mark.parametrize("kind", ["TIFF", "PDF"])
def test_every_page_becomes_a_picture_of_the_one_file(collection, kind):
    data = paged(kind)
    pages, job = made(collection, data, tags=["old"])
    assert [(page.page, page.pages, page.format) for page in pages] == [(n, 3, kind) for n in (1, 2, 3)]
    assert (job.state, job.total, job.done, job.failed) == ("done", 2, 2, 0)
    assert len({page.sha256 for page in pages}) == len({page.group_key for page in pages}) == 1
    assert len({page.pdq for page in pages}) == 3
    assert {(page.title, *page.tags) for page in pages} == {("book", "old")}
    assert files.original(pages[0].sha256).read_bytes() == data
    assert UserUsage.objects.get(user=collection.owner).bytes == len(data)
    checks = [check for check in audit.checks() if check.invariant in {2, 4, 6, 7}]
    assert [found for check in checks for found in check.run()] == []
    only = listing(collection.owner, filters=ImageFilters(document=pages[0].pk))
    assert {row.pk for row in only} == {page.pk for page in pages}


def test_the_same_document_again_is_known_and_a_group_that_is_given_stays(collection):
    pages, _ = made(collection, paged(), group_key="case 7")
    assert {page.group_key for page in pages} == {"case 7"}
    again = added(collection, paged())
    assert (again.created, again.image.pk) == (False, pages[0].pk)
    assert ImageDigest.objects.count() == 1


def test_pages_are_moved_deleted_and_brought_back_by_themselves(collection):
    pages, _ = made(collection, paged())
    other, person = CollectionFactory(owner=collection.owner), collection.owner
    images.move(pages[2], user=person, collection=other)
    images.delete(pages[1], user=person)
    images.restore(pages[1].pk, user=person)
    assert ImageDigest.objects.get().image_id == pages[0].pk
    images.delete(pages[0], user=person)
    purging.purge_deleted(seconds=5)
    assert files.original(pages[0].sha256).is_file()
    assert added(collection, paged()).created


def test_a_document_whose_first_page_goes_before_the_others_come_ends_with_a_reason(collection):
    first = added(collection, paged()).image
    images.delete(first, user=collection.owner)
    job = ArchiveImport.objects.get()
    long_jobs.run(archives.KIND, job.pk)
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "archive_missing")
    assert Image.objects.alive().count() == 0


def test_neighbours_are_those_that_one_may_see(collection):
    pages, _ = made(collection, paged())
    assert documents.beside(pages[1], user=collection.owner) == documents.Beside(pages[0].pk, pages[2].pk)
    assert documents.beside(pages[0], user=collection.owner) == documents.Beside(None, pages[1].pk)
    assert documents.beside(pages[1], user=CollectionFactory().owner) == documents.Beside()


def test_the_page_says_which_of_how_many_it_is(collection, client):
    pages, _ = made(collection, paged())
    client.force_login(collection.owner)
    text = client.get(reverse("web:picture", args=[pages[1].pk])).content.decode()
    assert "Page 2 of 3" in text
    assert str(pages[0].pk) in text
    assert str(pages[2].pk) in text


def test_too_many_pages_are_refused(collection, settings):
    now = conf.get()
    settings.IMAGESEARCH = dataclasses.replace(now, limits=dataclasses.replace(now.limits, document_pages=2))
    with pytest.raises(TooLarge) as caught:
        added(collection, paged())
    assert caught.value.code == "too_many_pages"
    assert not Image.objects.exists()


def test_a_pdf_without_its_package_is_refused_with_the_command(monkeypatch):
    from retrieval.ingest.decode import decode
    from retrieval.ingest.picture import DecodeRequest

    monkeypatch.setattr(pdf, "pdfium", None)
    with pytest.raises(UnsupportedPicture, match="make extras"):
        decode(paged("PDF"), DecodeRequest(64))


def test_pages_of_one_document_are_no_copies_of_each_other(collection):
    pages, _ = made(collection, paged())
    again, _ = made(CollectionFactory(owner=collection.owner), paged())
    assert [(each.pk, same) for each, same in candidates.known_already(pages[1], user=collection.owner) if same] == [
        (again[1].pk, True)
    ]
    found = candidates.candidates(pages[1], None)
    assert found[0] == again[1].pk
    assert not {page.pk for page in pages} & set(found)
