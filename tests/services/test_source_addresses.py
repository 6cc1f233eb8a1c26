"""Addresses as sources: what a camera's snapshot becomes, whom is asked for it, and who learns its password."""

from __future__ import annotations

import io
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.utils import timezone
from PIL import Image as Pillow

from retrieval import conf
from retrieval.errors import InvalidInput
from retrieval.ingest import fetch
from retrieval.models import AuditEvent, Image, Membership, Source
from retrieval.services.images import addresses
from retrieval.services.sources import reading, sources
from retrieval.services.sources.sources import SourceRequest
from tests.factories import CollectionFactory, UserFactory
from tests.ingest.pictures import sample

pytestmark = pytest.mark.django_db

BASIC = "Basic dmlld2VyOnMzY3JldA=="  # viewer:s3cret


class Camera(BaseHTTPRequestHandler):
    """Shows what it was given by path, and writes down who asked how; a text is where it sends one on to."""

    def do_GET(self):
        proof = self.headers.get("Authorization")
        self.server.asked.append((self.path, proof))
        shown = self.server.shows.get(self.path)
        refused = self.server.wants and not proof
        self.send_response(401 if refused else 404 if shown is None else 302 if isinstance(shown, str) else 200)
        for challenge in self.server.wants if refused else ():
            self.send_header("WWW-Authenticate", challenge)
        if isinstance(shown, str):
            self.send_header("Location", shown)
        self.end_headers()
        self.wfile.write(shown if isinstance(shown, bytes) and not refused else b"")

    def log_message(self, *_):
        pass


@contextmanager
def camera(host):
    server = ThreadingHTTPServer((host, 0), Camera)
    server.asked, server.shows, server.wants, server.at = [], {}, (), f"http://{host}:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def servers():
    """One in a network that the operator opened, one beside it."""
    with ExitStack() as stack:
        yield stack.enter_context(camera("127.0.0.1")), stack.enter_context(camera("127.0.0.2"))


@pytest.fixture
def inside(servers, settings, tmp_path, monkeypatch):
    """The camera, as if it were another machine in an opened network."""
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path, source_networks=("127.0.0.1/32",), own_names=())
    monkeypatch.setattr(fetch, "is_own", lambda address: False)
    for server in servers:
        server.asked.clear()
        server.shows, server.wants = {"/x.jpg": sample("JPEG", seed=1)}, ()
    return servers[0]


@pytest.fixture
def collection(db):
    return CollectionFactory(visibility="shared")


def made(collection, place, **more):
    wanted = SourceRequest("Gate", "address", place, **more)
    return sources.make(collection, user=collection.owner, wanted=wanted)


def ran(source):
    Source.objects.filter(pk=source.pk).update(due_at=timezone.now())
    reading.read(reading.claim())
    source.refresh_from_db()
    return source


def counts(source):
    return source.taken, source.known, source.refused


def test_a_snapshot_bears_its_time_and_its_camera_and_comes_in_once(inside, collection):
    before = timezone.now()
    source = ran(made(collection, f"{inside.at}/x.jpg"))
    image = Image.objects.get()
    assert before < image.taken_at < timezone.now()
    assert (image.camera, image.title[:7], image.uploader) == ("Gate", "Gate 20", collection.owner)
    assert counts(ran(source)) == (1, 1, 0)
    inside.shows["/x.jpg"] = sample("JPEG", seed=2)
    assert counts(ran(source)) == (2, 1, 0)


def test_what_the_file_says_of_its_time_and_camera_stands(inside, collection):
    exif, out = Pillow.Exif(), io.BytesIO()
    exif[0x0132], exif[0x010F], exif[0x0110] = "2024:05:06 07:08:09", "Maker", "Model"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    Pillow.new("RGB", (40, 30), "teal").save(out, "JPEG", exif=exif)
    inside.shows["/x.jpg"] = out.getvalue()
    ran(made(collection, f"{inside.at}/x.jpg"))
    image = Image.objects.get()
    assert image.taken_at == datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert image.camera.endswith("Model")


def test_what_stands_behind_the_question_mark_is_told_to_managers_alone(inside, collection):
    inside.shows["/x.jpg?token=abc"] = sample("JPEG")
    assert counts(ran(made(collection, f"{inside.at}/x.jpg?token=abc"))) == (1, 0, 0)
    assert Image.objects.get().source_url == f"{inside.at}/x.jpg"
    assert "abc" not in str(list(AuditEvent.objects.values()))


@pytest.mark.parametrize("change", ["closed", "own"])
def test_neither_private_addresses_nor_this_machine_are_asked(inside, collection, settings, monkeypatch, change):
    if change == "closed":
        settings.IMAGESEARCH = replace(conf.get(), source_networks=())
    else:
        monkeypatch.setattr(fetch, "is_own", lambda address: True)
    assert ran(made(collection, f"{inside.at}/x.jpg")).error_code == "url_not_allowed"
    assert inside.asked == []


def test_nobody_is_led_on_to_an_address_that_is_not_open(inside, servers, collection):
    inside.shows["/x.jpg"] = f"{servers[1].at}/x.jpg"
    assert ran(made(collection, f"{inside.at}/x.jpg")).error_code == "url_not_allowed"
    assert servers[1].asked == []


def test_a_password_is_told_to_its_server_alone_and_when_it_asks(inside, servers, collection, settings):
    settings.IMAGESEARCH = replace(conf.get(), source_networks=("127.0.0.0/8",))
    inside.shows |= {"/first": "/x.jpg", "/away": f"{servers[1].at}/x.jpg"}
    for server in servers:
        server.wants = ('Basic realm="cameras"',)
    ends = [
        ran(made(collection, inside.at + path, username="viewer", password="s3cret")).error_code
        for path in ("/first", "/away")
    ]
    assert ends == ["", "url_unreachable"]
    assert inside.asked == [(path, proof) for path in ("/first", "/x.jpg", "/away") for proof in (None, BASIC)]
    assert servers[1].asked == [("/x.jpg", None)]


def test_a_password_is_not_sent_in_clear_to_a_camera_that_knows_better(inside, collection):
    inside.wants = ('Basic realm="c"', 'Digest realm="c", nonce="n", qop="auth"')
    assert counts(ran(made(collection, f"{inside.at}/x.jpg", username="viewer", password="s3cret"))) == (1, 0, 0)
    assert inside.asked[1][1].startswith('Digest username="viewer", realm="c", nonce="n", uri="/x.jpg"')


def test_a_password_in_the_address_is_refused(inside, collection):
    with pytest.raises(InvalidInput) as refused:
        made(collection, inside.at.replace("//", "//viewer:s3cret@"))
    assert list(refused.value.fields) == ["place"]
    assert "s3cret" not in refused.value.message


def test_a_password_goes_to_no_other_server_that_somebody_names(inside, collection):
    source = made(collection, f"{inside.at}/x.jpg", username="viewer", password="s3cret")
    person = UserFactory()
    Membership.objects.create(collection=collection, user=person, role="manager")
    change = lambda **given: sources.change(source.pk, given, collection=collection, user=person)  # noqa: E731
    assert change(place=f"{inside.at}/y.jpg").password == "s3cret"
    moved = change(place="https://thief.example/x.jpg")
    assert (moved.username, moved.password, moved.user) == ("", "", person)
    assert "s3cret" not in str(list(AuditEvent.objects.values()))


def test_what_is_no_picture_is_a_refusal_and_a_failure(inside, collection):
    inside.shows["/x.jpg"] = b"<html>Sign in</html>"
    source = ran(made(collection, f"{inside.at}/x.jpg"))
    assert (counts(source), source.failures) == ((0, 0, 1), 1)
    assert source.error_code == source.refusals[0]["code"]
    assert ran(made(collection, f"{inside.at}/nothing")).error_code == "url_unreachable"


def test_what_passes_by_itself_is_no_failure(inside, collection, monkeypatch):
    source = made(collection, f"{inside.at}/x.jpg")
    taken = threading.BoundedSemaphore(1)
    taken.acquire()
    monkeypatch.setattr(addresses, "_places", lambda: taken)
    assert ran(source).error_code == "fetchers_busy"
    assert source.failures == 0
    assert source.due_at < timezone.now() + timedelta(minutes=2)


def test_the_operator_may_switch_it_off(inside, collection, settings):
    source = made(collection, f"{inside.at}/x.jpg")
    settings.IMAGESEARCH = replace(conf.get(), fetch=False)
    assert ran(source).error_code == "fetching_off"
    assert inside.asked == []
