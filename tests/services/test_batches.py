"""Many queries at once: by files, an archive or a collection; gone on with after a stop, nothing asked twice."""

from __future__ import annotations

import csv
import io
import zipfile
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Pictures

from retrieval import conf, live_encoders
from retrieval.errors import InvalidInput, NotFound, RetrievalError
from retrieval.ingest import sandbox
from retrieval.models import BatchRow, Encoder
from retrieval.search import nearest_to_each
from retrieval.services.copies import batch_export, batch_queries, batches
from retrieval.services.copies.batches import BatchRequest, Sent
from retrieval.services.searching.verdicts import PictureJudge
from retrieval.work import StoppedError, long_jobs
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory
from tests.search.rows import embed
from tests.web.test_bands import calibration

pytestmark = pytest.mark.django_db
COLOURS = {"red": (250, 10, 10), "green": (10, 250, 10), "blue": (10, 10, 250)}


class Colours:
    """Encodes a picture as its mean colour."""

    def encode(self, pictures):
        return np.array([picture.reshape(-1, 3).mean(axis=0) for picture in pictures], np.float32)


@pytest.fixture(autouse=True)
def encoder(db, monkeypatch, settings, tmp_path):
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path)
    monkeypatch.setattr(live_encoders, "for_row", lambda row: Colours())
    return EncoderFactory(dimension=3, calibration=calibration())


@pytest.fixture
def catalogue(encoder):
    """Pictures named by their colour."""
    home = CollectionFactory()
    rows = [ImageFactory(collection=home, title=name) for name in COLOURS]
    embed(rows, encoder=encoder, raw=np.array(list(COLOURS.values()), np.float32))
    return home


def file(name, colour=None):
    data = io.BytesIO()
    Pictures.new("RGB", (40, 30), colour or COLOURS[name]).save(data, "PNG")
    return Sent(f"{name}.png", data.getvalue())


def zipped(*files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for each in files:
            archive.writestr(each.name, each.data)
    return Sent("queries.zip", data.getvalue())


def asked(catalogue, **fields):
    row = batches.start(BatchRequest((catalogue.pk,), **fields), user=catalogue.owner)
    long_jobs.run(batches.KIND, row.pk)
    row.refresh_from_db()
    return row


def found(row):
    """What was asked: the nearest picture's title, or the error."""
    rows = batch_export.shown(list(batches.rows(row)), user=row.user)
    return {each.name: each.error["code"] if each.error else each.results[0].image.title for each in rows}


@pytest.mark.parametrize("pack", [tuple, lambda files: (zipped(*files),)])
def test_files_are_asked_and_only_vectors_and_small_pictures_remain(catalogue, pack):
    wrong = Sent("wrong.png", b"no picture")
    row = asked(catalogue, files=pack([file("green"), wrong, file("blue")]))
    assert (row.state, row.done, row.total, row.candidates) == ("done", 3, 3, 3)
    said = found(row)
    assert (said.pop("green.png"), said.pop("blue.png")) == ("green", "blue")
    assert len(said) == 1
    assert "green" not in said.values()
    left = {path.name for path in batches.KIND.folder_of(row).iterdir()} - {batch_queries.ARCHIVE}
    assert left == {"1.jpg", "3.jpg"}


def test_a_query_that_ends_its_decoder_costs_the_others_nothing(catalogue, monkeypatch):
    real = sandbox.begin_query

    def begin(data, **options):
        if data != b"bomb":
            return real(data, **options)
        future = Future()
        future.set_exception(RetrievalError("It ended.", code="decoder_crashed"))
        return future

    monkeypatch.setattr(sandbox, "begin_query", begin)
    row = asked(catalogue, files=(Sent("bomb", b"bomb"), file("red")))
    assert (row.state, found(row)) == ("done", {"bomb": "decoder_crashed", "red.png": "red"})


def test_a_collection_asks_with_its_vectors_and_finds_no_picture_by_itself(catalogue, encoder):
    own = CollectionFactory(owner=catalogue.owner)
    rows = [ImageFactory(collection=own, title="reddish"), ImageFactory(collection=own, title="waits")]
    embed(rows[:1], encoder=encoder, raw=np.array([[200, 30, 30]], np.float32))
    assert found(asked(catalogue, asking=own.pk)) == {"reddish": "red", "waits": "image_pending"}
    itself = asked(catalogue, asking=catalogue.pk)
    assert all(hit["image"] != str(row.image) for row in batches.rows(itself) for hit in row.results)


def test_what_was_found_is_judged_as_a_search_judges_it(catalogue):
    row = asked(catalogue, files=(file("green"), file("grey", (90, 90, 90))))
    green, grey = batches.rows(row)
    assert green.results[0]["probability"] > grey.results[0]["probability"]
    assert green.match in {"likely", "possible"}
    assert {each.n for each in batches.rows(row, match=green.match)} >= {1}
    assert [each.doubt for each in batches.rows(row, by_doubt=True)] == sorted([green.doubt, grey.doubt], reverse=True)
    Encoder.objects.update(calibration={})
    [plain] = batches.rows(asked(catalogue, files=(file("green"),)))
    assert (plain.match, plain.results[0]["band"]) == ("", None)


def test_each_query_is_judged_among_all_that_were_looked_at_but_itself(catalogue, monkeypatch):
    monkeypatch.setattr(batches, "KEPT", 1)
    among, verdicts = [], PictureJudge.verdicts

    def told(judge, hits, *, candidates):
        among.append(candidates)
        return verdicts(judge, hits, candidates=candidates)

    monkeypatch.setattr(PictureJudge, "verdicts", told)
    asked(catalogue, files=(file("red"), file("green")))
    asked(catalogue, asking=catalogue.pk)
    assert among == [3, 3, 2, 2, 2]


def test_a_batch_that_was_stopped_goes_on_behind_what_is_done(catalogue, monkeypatch):
    monkeypatch.setattr(batch_queries, "AT_ONCE", 1)
    monkeypatch.setattr(batches, "AT_ONCE", 1)
    row = batches.start(BatchRequest((catalogue.pk,), tuple(file(name) for name in COLOURS)), user=catalogue.owner)
    asking, times = nearest_to_each, []

    def once(*args, **options):
        times.append(len(args[1]))
        if len(times) == 2:
            raise StoppedError
        return asking(*args, **options)

    monkeypatch.setattr(batches, "nearest_to_each", once)
    long_jobs.run(batches.KIND, row.pk)
    assert BatchRow.objects.filter(batch=row, compared=True).count() == 1
    row.refresh_from_db()
    long_jobs.resume(batches.KIND, row)
    long_jobs.run(batches.KIND, row.pk)
    assert found(row) == {"red.png": "red", "green.png": "green", "blue.png": "blue"}
    assert times == [1, 1, 1, 1]


def test_the_nearest_to_each_are_those_of_a_slow_comparison(encoder, monkeypatch):
    monkeypatch.setattr("retrieval.search.many.READ_AT_ONCE", 7)
    home, draw = CollectionFactory(), np.random.default_rng(1)
    rows = [ImageFactory(collection=home) for _ in range(30)]
    raw = draw.normal(size=(30, 3)).astype(np.float32)
    embed(rows, encoder=encoder, raw=raw)
    units = draw.normal(size=(4, 3)).astype(np.float32)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    got = nearest_to_each(encoder, units, user=home.owner, collections=[home.pk], k=5)
    for unit, hits in zip(units, got.hits, strict=True):
        scores = {row.pk: float(np.dot(unit, each) / np.linalg.norm(each)) for row, each in zip(rows, raw, strict=True)}
        assert [pk for pk, _ in hits] == sorted(scores, key=scores.get, reverse=True)[:5]
    assert got.candidates == 30
    assert nearest_to_each(encoder, units, user=UserFactory(), collections=[home.pk], k=5).candidates == 0


def test_decisions_and_exports_name_who_and_when_and_run_in_no_spreadsheet(catalogue):
    row = asked(catalogue, files=(replace(file("red"), name="=1+1.png"),))
    decided = batches.decide(row, 1, decision=batches.BatchDecision.MATCH, user=row.user)
    assert (decided.decision, decided.decided_by, decided.decided_at is not None) == ("match", row.user, True)
    lines = list(csv.DictReader(io.StringIO("".join(batch_export.table(row, user=row.user)))))
    assert (len(lines), lines[0]["name"], lines[0]["title"], lines[0]["decided_by"]) == (
        3, "'=1+1.png", "red", row.user.get_username(),
    )  # fmt: skip
    with pytest.raises(NotFound):
        batches.decide(row, 2, decision=None, user=row.user)


def test_what_one_may_not_see_any_more_is_shown_no_more(catalogue, encoder):
    other = CollectionFactory(visibility="public")
    embed([ImageFactory(collection=other, title="theirs")], encoder=encoder, raw=np.array([[250, 10, 10]], np.float32))
    row = batches.start(BatchRequest((catalogue.pk, other.pk), (file("red"),)), user=catalogue.owner)
    long_jobs.run(batches.KIND, row.pk)
    [before] = batch_export.shown(list(batches.rows(row)), user=row.user)
    other.visibility = "private"
    other.save()
    [after] = batch_export.shown(list(batches.rows(row)), user=row.user)
    assert "theirs" in {hit.image.title for hit in before.results}
    assert "theirs" not in {hit.image.title for hit in after.results}


def test_it_takes_files_or_a_collection_and_what_one_sees(catalogue):
    user = catalogue.owner
    with pytest.raises(InvalidInput):
        batches.start(BatchRequest((catalogue.pk,)), user=user)
    with pytest.raises(InvalidInput):
        batches.start(BatchRequest((), (file("red"),)), user=user)
    with pytest.raises(InvalidInput):
        batches.start(BatchRequest((catalogue.pk,), (Sent("a.csv", b"no,addresses\n"),)), user=user)
    with pytest.raises(NotFound):
        batches.start(BatchRequest((catalogue.pk,), (file("red"),)), user=UserFactory())
    assert not batches.seen_by(user).exists()


def test_addresses_are_the_first_of_each_row():
    table = b"\xef\xbb\xbfname,address\na,https://x.example/1.jpg,https://x.example/2.jpg\nb,\nhttp://y.example/,\n"
    assert batch_queries.addresses_in(table) == ["https://x.example/1.jpg", "http://y.example/"]
