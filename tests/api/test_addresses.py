"""Pictures by their web address through the API: fetched, kept, and never from this machine or its neighbours."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from retrieval import conf, live_encoders
from retrieval.models import Encoder, Image, Membership
from retrieval.services.images import addresses
from tests.elsewhere import allow_only_it, serving
from tests.factories import CollectionFactory, EncoderFactory
from tests.web.library import MeanColour, put

BASE, SEARCH = "/api/v1/images/", "/api/v1/search/"


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    """Keep the files of these tests apart."""
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path)


@pytest.fixture
def configure(settings):
    """Change the limits for one test."""

    def change(**limits):
        settings.IMAGESEARCH = replace(conf.get(), limits=replace(conf.get().limits, **limits))

    return change


@pytest.fixture
def client(owner, calls):
    """The owner's client."""
    EncoderFactory()
    return calls(owner)


@pytest.fixture
def web(monkeypatch, picture):
    """The internet: one picture."""
    allow_only_it(monkeypatch)
    with serving() as site:
        site.pages["/robin.png"] = picture().getvalue()
        yield site


@pytest.fixture
def searchable(client, collection, monkeypatch):
    """A picture that every search by look finds."""
    monkeypatch.setattr(live_encoders, "for_row", lambda row: MeanColour())
    Encoder.objects.update(dimension=3)
    return put(collection, "red", encoder=Encoder.objects.get())


def send(client, collection, url, *, form=False, key="", **fields):
    headers = {"HTTP_IDEMPOTENCY_KEY": key} if key else {}
    body = {"url": url, "collection": str(collection.pk), **fields}
    return client.post(BASE, body, format="multipart" if form else "json", **headers)


def error(answer):
    return answer.status_code, answer.json()["error"]["code"], set(answer.json()["error"].get("fields", {}))


@pytest.mark.parametrize("form", [True, False])
def test_a_picture_is_fetched_and_its_address_is_its_source(client, collection, web, picture, form):
    answer = send(client, collection, f"{web.address}/robin.png", form=form, tags=["bird"])
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert (body["title"], body["source_url"]) == ("robin", f"{web.address}/robin.png")
    assert (body["tags"], body["status"], body["width"]) == (["bird"], "pending", 24)
    assert client.post(
        BASE, {"file": picture(), "collection": str(collection.pk)}, format="multipart"
    ).json()["id"] == body["id"]  # fmt: skip


@pytest.mark.parametrize("source", ["https://example.org/page", ""])
def test_a_source_that_is_given_is_kept(client, collection, web, source):
    answer = send(client, collection, f"{web.address}/robin.png?secret=1", source_url=source)
    assert answer.status_code == 400  # that very address has no picture
    answer = send(client, collection, f"{web.address}/robin.png", source_url=source)
    assert answer.json()["source_url"] == source


def test_a_redirect_on_the_open_internet_is_followed(client, collection, web):
    web.pages["/old"] = "/robin.png"
    assert send(client, collection, f"{web.address}/old").status_code == 201


@pytest.mark.parametrize(
    ("fields", "wrong"), [({"url": "https://example.org/a", "file": "x"}, "url"), ({}, "file"), ({"url": ""}, "file")]
)
def test_exactly_one_of_file_and_address(client, collection, picture, fields, wrong):
    if "file" in fields:
        fields = {**fields, "file": picture()}
    answer = client.post(BASE, {"collection": str(collection.pk), **fields}, format="multipart")
    assert error(answer) == (400, "invalid_input", {wrong})


def test_json_needs_the_address(client, collection):
    answer = client.post(BASE, {"collection": str(collection.pk)}, format="json")
    assert error(answer) == (400, "invalid_input", {"url"})


@pytest.mark.parametrize("kind", ["json", "multipart"])
def test_a_search_by_an_address_finds_what_a_search_by_its_file_finds(client, searchable, web, picture, kind):
    by_file = client.post(SEARCH, {"file": picture()}, format="multipart").json()
    answer = client.post(SEARCH, {"url": f"{web.address}/robin.png"}, format=kind)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert body["query"] == by_file["query"] == {"kind": "file", "region": None}
    assert [hit["image"]["id"] for hit in body["results"]] == [str(searchable.pk)]


def test_a_search_by_an_address_is_as_careful_as_an_upload(client, calls, settings, web, picture):
    inside = client.post(SEARCH, {"url": "http://10.0.0.1/"}, format="json")
    assert error(inside) == (400, "url_not_allowed", {"url"})
    both = client.post(SEARCH, {"file": picture(), "url": f"{web.address}/robin.png"}, format="multipart")
    assert error(both) == (400, "invalid_input", {"url"})
    settings.IMAGESEARCH = replace(conf.get(), public_search=True)
    visitor = calls().post(SEARCH, {"url": f"{web.address}/robin.png"}, format="json")
    assert error(visitor)[:2] == (403, "forbidden")
    settings.IMAGESEARCH = replace(conf.get(), fetch=False)
    assert error(client.post(SEARCH, {"url": f"{web.address}/robin.png"}, format="json"))[1] == "fetching_off"


INSIDE = [
    "http://127.0.0.1/",
    "http://127.0.0.1:8000/api/v1/status/",
    "http://localhost/",
    "http://[::1]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fe80::1]/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://[fc00::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:10.0.0.1]/",
]


@pytest.fixture
def connected(monkeypatch):
    """Where a connection was opened to."""
    opened, real = [], socket.create_connection

    def connect(where, *args, **kwargs):
        opened.append(where[0])
        return real(where, *args, **kwargs)

    monkeypatch.setattr(socket, "create_connection", connect)
    return opened


@pytest.mark.parametrize("url", INSIDE)
def test_this_machine_and_its_neighbours_are_refused(client, collection, connected, url):
    assert error(send(client, collection, url)) == (400, "url_not_allowed", {"url"})
    assert not connected
    assert not Image.objects.exists()


@pytest.mark.parametrize("url", [url for url in INSIDE if "//127.0.0.1" not in url and "localhost" not in url])
def test_a_redirect_to_them_is_refused(client, collection, web, connected, url):
    web.pages["/trap.png"] = url
    answer = send(client, collection, f"{web.address}/trap.png")
    assert error(answer) == (400, "url_not_allowed", {"url"})
    assert connected == ["127.0.0.1"]  # the redirecting server alone


def test_a_name_that_resolves_inside_answers_like_one_that_does_not_exist(client, collection, monkeypatch):
    real = socket.getaddrinfo

    def resolve(host, *args, **kwargs):
        return real("10.0.0.1" if host == "database.internal" else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    answers = [send(client, collection, f"http://{host}/") for host in ("database.internal", "nobody.internal")]
    assert answers[0].status_code == 400
    assert answers[0].content == answers[1].content


def test_what_is_fetched_goes_through_the_same_gate(client, collection, web, configure):
    web.pages |= {"/page": b"<html>secret</html>", "/empty": b"", "/big": b"x" * 5000}
    assert send(client, collection, f"{web.address}/page").status_code == 415
    assert send(client, collection, f"{web.address}/empty").status_code == 415
    assert error(send(client, collection, f"{web.address}/gone")) == (400, "url_unreachable", {"url"})
    configure(image_bytes=1000)
    answer = send(client, collection, f"{web.address}/big")
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "image_too_large")
    assert b"secret" not in answer.content
    assert not Image.objects.exists()


def test_who_may_not_add_makes_the_server_ask_nobody(collection, stranger, web, calls):
    assert send(calls(stranger), collection, f"{web.address}/robin.png").status_code == 404
    collection.visibility = "shared"
    collection.save()
    Membership.objects.create(collection=collection, user=stranger, role="viewer")
    assert send(calls(stranger), collection, f"{web.address}/robin.png").status_code == 403
    assert web.asked == []


def test_the_operator_may_switch_it_off(client, collection, web, settings, picture):
    settings.IMAGESEARCH = replace(conf.get(), fetch=False)
    assert error(send(client, collection, f"{web.address}/robin.png")) == (403, "fetching_off", set())
    assert web.asked == []
    body = {"file": picture(), "collection": str(collection.pk)}
    assert client.post(BASE, body, format="multipart").status_code == 201


def test_a_person_may_fetch_so_often(client, collection, web, configure):
    configure(user_fetches=2)
    answers = [send(client, collection, f"{web.address}/robin.png") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 200, 429]
    assert int(answers[2].headers["Retry-After"]) > 0
    assert len(web.asked) == 2


def test_persons_are_counted_apart(collection, stranger, web, configure, calls):
    configure(user_fetches=1)
    theirs = CollectionFactory(owner=stranger)
    for person, home in ((collection.owner, collection), (stranger, theirs)):
        assert send(calls(person), home, f"{web.address}/robin.png").status_code == 201


def test_slow_servers_hold_only_a_few_places(client, collection, web, configure):
    configure(fetches_at_once=1)
    addresses._places.cache_clear()
    try:
        with addresses._place():
            answer = send(client, collection, f"{web.address}/robin.png")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "fetchers_busy")
        assert web.asked == []
        assert send(client, collection, f"{web.address}/robin.png").status_code == 201
    finally:
        addresses._places.cache_clear()


def test_a_place_is_given_back_after_a_refusal(client, collection, configure):
    configure(fetches_at_once=1)
    addresses._places.cache_clear()
    try:
        answers = [send(client, collection, "http://10.0.0.1/") for _ in range(3)]
        assert {error(answer)[1] for answer in answers} == {"url_not_allowed"}
    finally:
        addresses._places.cache_clear()


def test_a_key_sent_twice_fetches_once(client, collection, web):
    first = send(client, collection, f"{web.address}/robin.png", key="k")
    again = send(client, collection, f"{web.address}/robin.png", key="k")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert len(web.asked) == 1
    other = send(client, collection, f"{web.address}/other.png", key="k")
    assert error(other)[:2] == (409, "idempotency_key_reused")
