"""/healthz, /readyz and /metrics, and the probes behind them."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone

from retrieval import checks, tasks, telemetry, weight_files
from retrieval.ingest import process
from retrieval.ingest.protection import FLOOR, SETTING, Protection
from retrieval.models import Encoder, Heartbeat, RecallFigure
from retrieval.services.operations.status import services
from retrieval.services.people import accounts, limits
from retrieval.web import health
from tests.powers import as_operator

pytestmark = pytest.mark.django_db


@pytest.fixture
def configure(monkeypatch):
    """Change the app's settings for one test."""
    return lambda **changes: monkeypatch.setattr(settings, "IMAGESEARCH", replace(settings.IMAGESEARCH, **changes))


@pytest.fixture(autouse=True)
def scheduler():
    """Its fresh sign of life."""
    return Heartbeat.objects.create(name="scheduler", kind="scheduler")


@pytest.mark.parametrize("minutes", [-2, 2, 60 * 24 * 365])
def test_readyz_names_a_dead_scheduler_whatever_its_clock_said(client, encoder, minutes):
    assert client.get("/readyz").status_code == 200
    Heartbeat.objects.update(at=timezone.now() + timedelta(minutes=minutes))
    answer = client.get("/readyz")
    assert (answer.status_code, list(answer.json()["broken"])) == (503, ["scheduler"])
    assert services()["scheduler"] is False


def test_a_worker_that_reconciles_is_no_sign_of_a_scheduler(client, encoder):
    Heartbeat.objects.all().delete()
    tasks.reconcile()
    assert list(client.get("/readyz").json()["broken"]) == ["scheduler"]


@pytest.fixture
def inside(configure):
    """Who asks from here may read the figures, and why something is broken."""
    configure(metrics_networks=("127.0.0.0/8",))


@pytest.fixture(autouse=True)
def nothing_believed(monkeypatch):
    """No folder was written before this test."""
    monkeypatch.setattr(checks, "_written", {})


@pytest.fixture
def encoder():
    """An active encoder without a file."""
    return Encoder.objects.create(name="plain", spec={}, dimension=8, state="active")


def test_healthz_needs_nothing(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = client.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok\n")


def test_readyz_when_all_is_well(client, encoder):
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"ready": True, "broken": {}})


def test_readyz_names_a_missing_encoder(client):
    response = client.get("/readyz")
    assert response.status_code == 503
    assert list(response.json()["broken"]) == ["encoder"]
    assert response["Retry-After"] == "5"


def test_readyz_names_a_missing_weights_file(client, encoder, inside):
    Encoder.objects.update(weights_name="gone.safetensors")
    assert "gone.safetensors" in client.get("/readyz").json()["broken"]["encoder"]


@pytest.fixture
def weights(encoder, configure, tmp_path):
    """The file of the active encoder's weights."""
    configure(weights_dir=tmp_path)
    file = tmp_path / "own.safetensors"
    file.write_bytes(bytes(range(256)))
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    Encoder.objects.update(weights_name=file.name, weights_sha256=sha256, trained=True)
    return file


def flip_a_bit(file):
    data = file.read_bytes()
    file.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])


def flip_a_bit_and_keep_the_time(file):
    times = file.stat()
    flip_a_bit(file)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def cut(file):
    os.truncate(file, 128)


@pytest.mark.parametrize("damage", [flip_a_bit, flip_a_bit_and_keep_the_time, cut])
def test_readyz_names_altered_weights_until_they_are_put_back(client, weights, tmp_path, damage):
    good = shutil.copy2(weights, tmp_path / "good")
    assert client.get("/readyz").status_code == 200
    damage(weights)
    answer = client.get("/readyz")
    assert (answer.status_code, list(answer.json()["broken"])) == (503, ["encoder"])
    assert "own.safetensors was altered" in checks.encoder()
    shutil.copy2(good, weights)
    assert client.get("/readyz").status_code == 200


def test_readyz_reads_the_weights_once_while_they_are_the_same(client, weights):
    weight_files._sha256.cache_clear()
    for _ in range(5):
        assert client.get("/readyz").status_code == 200
    assert weight_files._sha256.cache_info().misses == 1


def test_readyz_names_a_broken_broker(client, encoder, configure, inside):
    configure(broker="unix:///nowhere/valkey.sock")
    assert client.get("/readyz").json()["broken"]["broker"].startswith("The broker does not answer")


def test_readyz_names_a_media_folder_that_cannot_be_written(client, encoder, configure, tmp_path):
    (tmp_path / "media").write_text("a file where a folder should be")
    configure(data_dir=tmp_path)
    assert list(client.get("/readyz").json()["broken"]) == ["media"]


def test_readyz_tells_paths_to_those_alone_who_may_read_the_figures(client, encoder, configure, tmp_path):
    (tmp_path / "media").write_text("a file where a folder should be")
    configure(data_dir=tmp_path, weights_dir=tmp_path)
    Encoder.objects.update(weights_name="gone.safetensors", weights_sha256="0" * 64)
    told = client.get("/readyz")
    assert (told.status_code, sorted(told.json()["broken"])) == (503, ["encoder", "media"])
    assert str(tmp_path) not in told.content.decode()
    assert "gone" not in told.content.decode()
    assert "decoder" not in told.json()
    client.force_login(get_user_model().objects.create_superuser("helper"))
    told = client.get("/readyz").json()
    assert str(tmp_path) in told["broken"]["media"]
    assert told["decoder"]["held"]


def test_readyz_answers_while_the_database_is_away(client, monkeypatch):
    def away(_):
        raise OperationalError("gone")

    monkeypatch.setattr(checks, "PROBES", {"database": lambda: "away"})
    monkeypatch.setattr(health, "_may_read_metrics", away)
    assert client.get("/readyz").json()["broken"]["database"] == health.PUBLICLY.format("database")


def test_readyz_syncs_no_file_each_time(client, encoder, monkeypatch):
    synced = []
    monkeypatch.setattr(checks.os, "fsync", synced.append)
    for _ in range(20):
        assert client.get("/readyz").status_code == 200
    assert len(synced) == 1
    monkeypatch.setattr(checks, "WRITTEN_SECONDS", 0.0)
    client.get("/readyz")
    assert len(synced) == 2


def test_readyz_names_a_decoder_that_reaches_too_much(client, encoder, configure, monkeypatch):
    bare = Protection({name: name != "files" for name in FLOOR}, {"seccomp": False})
    monkeypatch.setattr(process, "measured", lambda: bare)
    assert list(client.get("/readyz").json()["broken"]) == ["decoder"]
    assert "reach files" in checks.decoder()
    assert SETTING in checks.decoder()
    assert "retrieval.W004" in {message.id for message in checks.check_decoder(databases=["default"])}
    configure(unprotected_decoder=True)
    assert client.get("/readyz").status_code == 200


def test_readyz_names_a_decoder_that_does_not_start(client, encoder, monkeypatch):
    def ended():
        raise process.EndedError(0)

    monkeypatch.setattr(process, "measured", ended)
    assert "does not start" in checks.decoder()
    assert client.get("/readyz").status_code == 503


@pytest.mark.parametrize(("version", "word"), [(None, "lacks"), ((0, 7, 4), "too old")])
def test_database_without_a_good_pgvector_is_named(monkeypatch, version, word):
    monkeypatch.setattr(checks, "vector_version", lambda: version)
    assert word in checks.database()


def test_the_version_is_read_from_the_database():
    assert checks.vector_version() >= (0, 8, 0)


@pytest.mark.parametrize(("version", "count"), [((0, 8, 5), 1), ((0, 8, 7), 0), ((0, 9, 0), 0)])
def test_an_old_pgvector_is_a_warning(monkeypatch, version, count):
    monkeypatch.setattr(checks, "vector_version", lambda: version)
    assert [message.id for message in checks.check_database(databases=["default"])] == ["retrieval.W001"] * count


def test_system_checks_find_nothing_serious(encoder):
    call_command("check", databases=["default"])


def test_metrics_are_for_administrators(client):
    assert client.get("/metrics").status_code == 403
    client.force_login(get_user_model().objects.create_user("someone"))
    assert client.get("/metrics").status_code == 403
    client.force_login(get_user_model().objects.create_user("helper", is_staff=True, is_superuser=True))
    assert client.get("/metrics").status_code == 200


def test_metrics_are_read_by_an_administrators_token(client):
    people = get_user_model().objects
    boss = people.create_user("boss", is_staff=True, is_superuser=True)
    helper, someone = people.create_user("helper", is_staff=True), people.create_user("someone")
    for person, status in ((boss, 200), (helper, 403), (someone, 403)):
        secret, _ = accounts.issue_token(person, scope="read")
        assert client.get("/metrics", headers={"Authorization": f"Token {secret}"}).status_code == status
    assert client.get("/metrics", headers={"Authorization": "Token wrong"}).status_code == 403


def test_metrics_are_for_configured_networks_whatever_a_header_says(client, configure):
    configure(metrics_networks=("10.1.0.0/16",))
    assert client.get("/metrics", REMOTE_ADDR="10.1.2.3").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="10.2.2.3").status_code == 403
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1", headers={"X-Forwarded-For": "10.1.2.3"}).status_code == 403


OUTSIDE, INSIDE = "203.0.113.9", "10.1.2.3"
PROXY = "10.1.0.1"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "status"),
    [(1, OUTSIDE, 403), (1, INSIDE, 200), (1, f"{INSIDE}, {OUTSIDE}", 403), (2, f"{INSIDE}, {OUTSIDE}, {PROXY}", 403),
     (0, OUTSIDE, 403), (0, INSIDE, 403), (1, "nonsense", 403), (1, None, 200), (0, None, 200)],
)  # fmt: skip
def test_metrics_are_closed_to_those_who_come_through_a_proxy(client, configure, proxies, forwarded, status):
    configure(metrics_networks=("10.1.0.0/16",), proxies=proxies)
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    assert client.get("/metrics", REMOTE_ADDR=PROXY, headers=headers).status_code == status


def test_without_the_word_of_the_proxy_metrics_are_open_to_all(client, configure, monkeypatch):
    configure(metrics_networks=("10.1.0.0/16",), proxies=1)
    monkeypatch.setattr(limits, "address_of", lambda remote, *, forwarded: remote)
    assert client.get("/metrics", REMOTE_ADDR=PROXY, headers={"X-Forwarded-For": OUTSIDE}).status_code == 200


def test_metrics_count_what_happens(client, configure):
    configure(metrics_networks=("127.0.0.0/8",))
    client.get("/healthz")
    telemetry.searched("file", seconds=0.02)
    text = client.get("/metrics").content.decode()
    assert 'imagesearch_http_requests_total{method="GET",route="/healthz",status="200"}' in text
    assert 'imagesearch_search_seconds_count{kind="file"}' in text
    for state in ("pending", "ready", "failed"):
        assert f'imagesearch_jobs{{state="{state}"}} 0.0' in text
    assert "imagesearch_oldest_pending_seconds 0.0" in text


def test_the_age_of_the_oldest_waiting_job_is_read_from_the_ledger():
    as_operator("SET LOCAL session_replication_role = replica")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO retrieval_embeddingjob (image_id, encoder_id, owner_id, state, priority, round, attempts,"
            " next_attempt_at, error_code, error_text, created_at, worker) VALUES (gen_random_uuid(),"
            " gen_random_uuid(), 1, 'pending', 0, 1, 0, now(), '', '', now() - interval '90 s', '')"
        )
    found = {metric.name: metric for metric in telemetry.Ledger().collect()}
    assert found["imagesearch_oldest_pending_seconds"].samples[0].value == pytest.approx(90, abs=30)
    assert {s.labels["state"]: s.value for s in found["imagesearch_jobs"].samples}["pending"] == 1


def test_recall_has_a_sample_once_it_was_measured(client, encoder, configure):
    configure(metrics_networks=("127.0.0.0/8",))
    assert "imagesearch_recall{" not in client.get("/metrics").content.decode()
    figure = RecallFigure.objects.create(encoder=encoder, recall=0.9875, queries=100, k=10)
    other = Encoder.objects.create(name="other", spec={}, dimension=8, state="retired")
    RecallFigure.objects.create(encoder=other, recall=0.5, queries=100, k=10)
    text = client.get("/metrics").content.decode()
    assert 'imagesearch_recall{encoder="plain"} 0.9875' in text
    found = {metric.name: metric for metric in telemetry.Ledger().collect()}
    at = found["imagesearch_recall_measured_at_seconds"].samples[0]
    assert (at.labels, at.value) == ({"encoder": "plain"}, pytest.approx(figure.at.timestamp()))
