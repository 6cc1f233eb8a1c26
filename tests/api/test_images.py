"""Pictures through the API: added, listed, changed, deleted, brought back, and sent."""

from __future__ import annotations

import hashlib
import io
import json
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from PIL import Image as Pillow

from retrieval import conf
from retrieval.models import Image, Membership
from retrieval.services.images.image_fields import METADATA_BYTES
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory

BASE = "/api/v1/images/"
FIELDS = {
    "id", "collection", "title", "caption", "tags", "group_key", "source_url", "metadata", "width", "height", "format",
    "bytes", "sha256", "status", "error", "thumbnail_url", "file_url", "created_at",
}  # fmt: skip


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    """Keep the files of these tests apart."""
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path)


@pytest.fixture
def encoder(db):
    """The active encoder."""
    return EncoderFactory()


@pytest.fixture
def client(owner, encoder, calls):
    """The owner's client."""
    return calls(owner)


def send(client, collection, file, *, key="", **fields):
    headers = {"HTTP_IDEMPOTENCY_KEY": key} if key else {}
    return client.post(BASE, {"file": file, "collection": str(collection.pk), **fields}, format="multipart", **headers)


def test_a_picture_is_added_with_what_is_said_about_it(client, collection, picture):
    file = picture()
    answer = send(
        client, collection, file, title="Red", caption="A red one", tags=["warm", "plain"], group_key="g1",
        source_url="https://example.org/red", metadata='{"camera": {"iso": 100}}',
    )  # fmt: skip
    assert answer.status_code == 201
    body = answer.json()
    assert set(body) >= FIELDS
    assert (body["title"], body["tags"], body["metadata"]) == ("Red", ["warm", "plain"], {"camera": {"iso": 100}})
    assert (body["width"], body["height"], body["status"], body["error"]) == (24, 16, "pending", None)
    assert client.get(f"{BASE}{body['id']}/").json() | {"copies": []} == body
    assert body["sha256"] == hashlib.sha256(file.getvalue()).hexdigest()


@pytest.mark.parametrize("tags", ["warm,plain", '["warm", "plain"]', ["warm", "plain"]])
def test_tags_come_as_words_as_json_or_as_repeated_fields(client, collection, picture, tags):
    assert send(client, collection, picture(), tags=tags).json()["tags"] == ["warm", "plain"]


def test_the_same_bytes_again_give_the_same_picture(client, collection, picture):
    first = send(client, collection, picture())
    again = send(client, collection, picture(), title="Another title")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["title"] == first.json()["title"]


def test_a_key_sent_twice_makes_one_picture_and_one_answer(client, collection, picture):
    first = send(client, collection, picture(), key="upload-1")
    again = send(client, collection, picture(), key="upload-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    other = send(client, collection, picture((0, 0, 9)), key="upload-1")
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")
    assert Image.objects.count() == 1


def test_a_key_belongs_to_one_person(client, collection, picture, stranger, calls):
    assert send(client, collection, picture(), key="upload-1").status_code == 201
    theirs = CollectionFactory(owner=stranger)
    assert send(calls(stranger), theirs, picture((1, 2, 3)), key="upload-1").status_code == 201


@pytest.mark.parametrize("key", ["x" * 201, "a\tb", "é"])
def test_a_key_that_cannot_be_kept_is_refused(client, collection, picture, key):
    answer = send(client, collection, picture(), key=key)
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["error"]["fields"]


def test_an_upload_that_failed_may_be_tried_again_with_its_key(client, collection, picture, monkeypatch):
    from retrieval.errors import StorageFull
    from retrieval.services.images import images

    def full(*_, **__):
        raise StorageFull("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(images, "add", full)
        failed = send(client, collection, picture(), key="k")
    assert (failed.status_code, failed.headers["Retry-After"]) == (507, "5")
    assert send(client, collection, picture(), key="k").status_code == 201


def test_a_broker_that_is_away_does_not_stop_an_upload(
    client, collection, picture, monkeypatch, django_capture_on_commit_callbacks
):
    from kombu.exceptions import OperationalError

    from retrieval import tasks

    def away(*_, **__):
        raise OperationalError("no broker")

    monkeypatch.setattr(tasks.embed, "apply_async", away)
    with django_capture_on_commit_callbacks(execute=True):
        assert send(client, collection, picture()).status_code == 201


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 400),
        (b"not a picture", 415),
        (b"%PDF-1.4", 415),
        (b"\xff\xd8\xff\xe0 broken", 415),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415),
    ],
)
def test_what_is_no_picture_is_refused_with_its_reason(client, collection, data, status):
    file = io.BytesIO(data)
    file.name = "photo.jpg"
    answer = send(client, collection, file)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert not Image.objects.exists()


def test_a_picture_over_the_limit_is_refused(client, collection, picture, settings):
    limits = replace(conf.get().limits, image_bytes=50)
    settings.IMAGESEARCH = replace(conf.get(), limits=limits)
    answer = send(client, collection, picture())
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"collection": "x"}, "collection"),
        ({"collection": ""}, "collection"),
        ({"metadata": "[1]"}, "metadata"),
        ({"metadata": "{"}, "metadata"),
        ({"metadata": '{"a": NaN}'}, "metadata"),
        ({"source_url": "javascript:alert(1)"}, "source_url"),
        ({"title": "x" * 301}, "title"),
        ({"title": "a\0b"}, "title"),
        ({"tags": "x" * 101}, "tags.0"),
        ({"tags": "[1"}, "tags"),
    ],
)
def test_what_is_wrong_with_a_field_is_named(client, collection, picture, fields, wrong):
    body = {"file": picture(), "collection": str(collection.pk), **fields}
    answer = client.post(BASE, body, format="multipart")
    assert answer.status_code == 400, answer.content
    assert wrong in answer.json()["error"]["fields"]


def test_a_file_is_needed(client, collection):
    answer = client.post(BASE, {"collection": str(collection.pk), "file": "text"}, format="multipart")
    assert answer.status_code == 400
    assert "file" in answer.json()["error"]["fields"]


def test_a_collection_one_does_not_see_is_not_there(collection, stranger, encoder, picture, calls):
    assert send(calls(stranger), collection, picture()).status_code == 404


def test_a_viewer_adds_nothing(collection, stranger, encoder, picture, calls):
    collection.visibility = "shared"
    collection.save()
    Membership.objects.create(collection=collection, user=stranger, role="viewer")
    assert send(calls(stranger), collection, picture()).status_code == 403


def test_changing_leaves_alone_what_is_not_named(client, collection):
    image = ImageFactory(
        collection=collection, title="T", caption="C", tags=["a"], group_key="g", metadata={"n": 1},
        source_url="https://example.org/",
    )  # fmt: skip
    before = client.get(f"{BASE}{image.pk}/").json()
    for field, value in {"title": "New", "tags": ["b", "c"], "metadata": {"m": 2}, "caption": ""}.items():
        after = client.patch(f"{BASE}{image.pk}/", {field: value}, format="json").json()
        assert after == {**before, field: value}
        before = after


@pytest.mark.parametrize("field", ["title", "tags", "metadata", "collection"])
def test_null_is_no_value(client, collection, field):
    image = ImageFactory(collection=collection)
    answer = client.patch(f"{BASE}{image.pk}/", {field: None}, format="json")
    assert answer.status_code == 400
    assert field in answer.json()["error"]["fields"]


def test_a_picture_moves_to_a_collection_where_one_may_add(client, collection, owner, stranger):
    image = ImageFactory(collection=collection)
    goal, foreign = CollectionFactory(owner=owner), CollectionFactory(owner=stranger)
    moved = client.patch(f"{BASE}{image.pk}/", {"collection": str(goal.pk), "title": "Moved"}, format="json")
    assert (moved.json()["collection"], moved.json()["title"]) == (str(goal.pk), "Moved")
    assert client.patch(f"{BASE}{image.pk}/", {"collection": str(foreign.pk)}, format="json").status_code == 404
    assert client.patch(f"{BASE}{image.pk}/", {"collection": "x"}, format="json").status_code == 400


def test_a_change_that_is_refused_in_part_changes_nothing(client, collection, owner):
    image, goal = ImageFactory(collection=collection, title="T"), CollectionFactory(owner=owner)
    too_large = {"collection": str(goal.pk), "title": "New", "metadata": {"a": "x" * METADATA_BYTES}}
    assert client.patch(f"{BASE}{image.pk}/", too_large, format="json").status_code == 400
    image.refresh_from_db()
    assert (image.collection, image.title) == (collection, "T")


def test_a_deleted_picture_is_gone_at_once_and_can_be_brought_back(client, collection):
    image = ImageFactory(collection=collection)
    assert client.delete(f"{BASE}{image.pk}/").status_code == 204
    assert client.get(f"{BASE}{image.pk}/").status_code == 404
    assert client.get(BASE).json()["results"] == []
    assert client.post(f"{BASE}{image.pk}/restore/").json()["id"] == str(image.pk)
    assert client.get(f"{BASE}{image.pk}/").status_code == 200


def test_a_failed_picture_says_why_and_is_tried_again(client, collection, encoder):
    from tests.factories import job

    image = ImageFactory(collection=collection)
    job(image, encoder, state="failed", error_code="decoder_crashed", error_text="The decoder crashed.")
    body = client.get(f"{BASE}{image.pk}/").json()
    assert (body["status"], body["error"]["code"]) == ("failed", "decoder_crashed")
    again = client.post(f"{BASE}{image.pk}/retry/")
    assert (again.status_code, again.json()["status"]) == (202, "pending")


def test_the_list_is_filtered_and_ordered(client, collection, owner):
    other = CollectionFactory(owner=owner)
    red = ImageFactory(collection=collection, title="Red bird", tags=["warm"], group_key="g1")
    blue = ImageFactory(collection=other, title="Blue fish", tags=["cold"], group_key="g2")
    middle = (blue.created_at - timedelta(microseconds=1)).isoformat()

    def ids(**query):
        return [row["id"] for row in client.get(BASE, query).json()["results"]]

    assert ids() == [str(blue.pk), str(red.pk)]
    assert ids(ordering="created_at") == [str(red.pk), str(blue.pk)]
    assert ids(ordering="title") == [str(blue.pk), str(red.pk)]
    assert ids(collection=collection.pk) == ids(tag="warm") == ids(group_key="g1") == ids(q="bird") == [str(red.pk)]
    assert ids(created_after=middle) == [str(blue.pk)]
    assert ids(created_before=middle) == [str(red.pk)]
    assert ids(status="ready") == []
    assert ids(collection=uuid.uuid4()) == []


@pytest.mark.parametrize(
    "query",
    [
        {"collection": "x"}, {"status": "done"}, {"ordering": "sha256"}, {"created_after": "yesterday"},
        {"created_before": "9999-12-31T23:59:59-14:00"}, {"tag": "a\0"}, {"q": "x" * 501}, {"page_size": "0"},
        {"cursor": "x"},
    ],
)  # fmt: skip
def test_a_filter_that_makes_no_sense_is_named(client, query):
    answer = client.get(BASE, query)
    assert answer.status_code == 400, answer.content
    assert set(query) == set(answer.json()["error"]["fields"])


@pytest.mark.parametrize("blank", ["", " "])
@pytest.mark.parametrize(
    "name",
    ["collection", "status", "tag", "group_key", "q", "created_after", "created_before", "ordering", "page_size",
     "cursor"],
)  # fmt: skip
def test_a_filter_that_is_left_blank_filters_nothing(client, collection, name, blank):
    ImageFactory(collection=collection, title="B")
    ImageFactory(collection=collection, title="A")
    answer = client.get(BASE, {name: blank})
    assert answer.status_code == 200, answer.content
    assert answer.json()["results"] == client.get(BASE).json()["results"]


@pytest.fixture
def sent(client, collection, picture):
    """A picture with its files."""
    return send(client, collection, picture(size=(1400, 700)), title="../Été\r\n\u202efdp.exe").json()


@pytest.mark.parametrize(
    ("size", "side"), [("", 320), (" ", 320), ("1", 320), ("320", 320), ("321", 1280), ("10000", 1280)]
)
def test_the_smallest_thumbnail_that_is_large_enough_is_sent(client, sent, size, side):
    answer = client.get(sent["thumbnail_url"], {"size": size} if size else {})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, no-store"
    with Pillow.open(io.BytesIO(b"".join(answer.streaming_content))) as small:
        assert max(small.size) == side
        assert not small.getexif()


@pytest.mark.parametrize("size", ["0", "-1", "x", "1e3", "99999999999999999999"])
def test_a_size_that_is_none_is_refused(client, sent, size):
    assert client.get(sent["thumbnail_url"], {"size": size}).status_code == 400


def test_the_original_is_an_attachment_whole_or_in_parts(client, sent):
    whole = client.get(sent["file_url"])
    data = b"".join(whole.streaming_content)
    assert hashlib.sha256(data).hexdigest() == sent["sha256"]
    assert whole.headers["Content-Type"] == "image/png"
    disposition = whole.headers["Content-Disposition"]
    assert disposition.startswith("attachment;")
    assert not set("\r\n/\u202e") & set(disposition)
    part = client.get(sent["file_url"], HTTP_RANGE="bytes=2-5")
    assert (part.status_code, b"".join(part.streaming_content)) == (206, data[2:6])
    behind = client.get(sent["file_url"], HTTP_RANGE="bytes=99999999-")
    assert (behind.status_code, json.loads(behind.content)["error"]["code"]) == (416, "range_not_satisfiable")
    assert behind.headers["Content-Range"] == f"bytes */{len(data)}"
    for version, status in ((whole.headers["ETag"], 206), ('"another"', 200), ("Sun, 29 Nov 2026 12:00:00 GMT", 200)):
        again = client.get(sent["file_url"], HTTP_RANGE="bytes=2-5", HTTP_IF_RANGE=version)
        assert again.status_code == status


def test_behind_nginx_rights_are_checked_and_nginx_sends_the_bytes(client, sent, stranger, calls, settings):
    settings.IMAGESEARCH = replace(conf.get(), x_accel_prefix="/protected/")
    for url in (sent["thumbnail_url"], sent["file_url"]):
        answer = client.get(url)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["X-Accel-Redirect"].startswith("/protected/")
        assert answer.headers["Cache-Control"] == "private, no-store"
        hidden = calls(stranger).get(url)
        assert (hidden.status_code, "X-Accel-Redirect" in hidden.headers) == (404, False)


@pytest.mark.parametrize("method", ["get", "head"])
def test_files_are_checked_on_each_request(sent, stranger, calls, method):
    for url in (sent["thumbnail_url"], sent["file_url"]):
        assert getattr(calls(stranger), method)(url).status_code == 404
        assert getattr(calls(), method)(url).status_code == 401


CALLS = [("", "get"), ("", "patch"), ("", "delete"), ("similar/", "get"), ("retry/", "post"), ("restore/", "post"),
         ("file/", "get"), ("thumbnail/", "get")]  # fmt: skip


@pytest.fixture(params=["kept", "deleted", "deleted with its collection"])
def hidden(request, client, sent, collection):
    """The id of a picture of somebody else's."""
    gone = {"deleted": f"{BASE}{sent['id']}/", "deleted with its collection": f"/api/v1/collections/{collection.pk}/"}
    if request.param in gone:
        assert client.delete(gone[request.param]).status_code == 204
    return sent["id"]


@pytest.mark.parametrize(("tail", "method"), CALLS)
def test_another_persons_picture_answers_as_one_that_is_not_there(hidden, stranger, calls, tail, method):
    ask = getattr(calls(stranger), method)
    body = {} if method == "get" else {"title": "x"}
    there, absent = (ask(f"{BASE}{pk}/{tail}", body) for pk in (hidden, uuid.uuid4()))
    assert there.status_code == absent.status_code == 404
    assert there.content == absent.content


def test_a_viewer_may_know_of_a_deleted_picture_but_not_bring_it_back(client, sent, collection, stranger, calls):
    client.delete(f"{BASE}{sent['id']}/")
    collection.visibility = "shared"
    collection.save()
    Membership.objects.create(collection=collection, user=stranger, role="viewer")
    assert calls(stranger).post(f"{BASE}{sent['id']}/restore/").status_code == 403


@pytest.mark.parametrize(
    "name", ["\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\U0001f468\u200d\U0001f469 family"]
)
def test_joiners_in_the_name_of_a_file_stay(client, collection, picture, name):
    file = picture()
    file.name = f"../{name}.png"
    answer = client.post(BASE, {"file": file, "collection": str(collection.pk)}, format="multipart")
    assert answer.json()["title"] == name


def test_a_form_that_is_cut_off_is_malformed(client):
    kind = "multipart/form-data; boundary=" + "x" * 300
    answer = client.post(BASE, data=b"--", content_type=kind)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "malformed"
