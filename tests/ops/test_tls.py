"""Servers reached by TLS: named by a URL, known by their certificate and refused with another."""

from __future__ import annotations

import select
import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
import redis
from celery import Celery
from django.conf import settings
from django.db import OperationalError
from django.db.utils import ConnectionHandler
from kombu.exceptions import OperationalError as BrokerError

from imagesearch import servers
from imagesearch.embedded import roles

ASKS_FOR_TLS = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")  # PostgreSQL's SSLRequest

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl to make certificates with"),
]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A folder with the certificate of this machine, its key, and the certificate of somebody else."""
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("own", "other"):
        words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
        words += ["-addext", "subjectAltName=DNS:localhost", "-keyout", f"{name}.key", "-out", f"{name}.pem"]
        subprocess.run(words, cwd=folder, check=True, capture_output=True)
    return folder


class Front(threading.Thread):
    """Takes TLS on a port of its own and passes on what comes to a server's Unix socket; counts who came in how."""

    def __init__(self, target: Path, certificates: Path, *, asked: bool) -> None:
        super().__init__(daemon=True)
        self.target, self.asked, self.closed, self.clear = target, asked, 0, 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificates / "own.pem", certificates / "own.key")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self) -> None:
        """Serve until the listener is closed."""
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=[client], daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        """One connection, until either side ends it."""
        if self.asked and client.recv(8) == ASKS_FOR_TLS:
            client.sendall(b"S")
        try:
            closed = self.context.wrap_socket(client, server_side=True)
        except OSError:
            self.clear += 1
            return
        self.closed += 1
        with closed, socket.socket(socket.AF_UNIX) as server:
            server.connect(str(self.target))
            passed_on(closed, server)


def passed_on(closed, server):
    """Carry bytes both ways."""
    others = {closed: server, server: closed}
    while True:
        for one in [closed] if closed.pending() else select.select(list(others), [], [])[0]:
            try:
                data = one.recv(65536)
            except OSError:
                return
            if not data:
                return
            others[one].sendall(data)


@pytest.fixture
def fronts(certificates):
    """The test servers behind TLS: database, broker."""
    sockets = servers.postgres(settings.DATA_DIR).sockets
    found = (
        Front(sockets / ".s.PGSQL.5432", certificates, asked=True),
        Front(sockets / "valkey.sock", certificates, asked=False),
    )
    for front in found:
        front.start()
    yield found
    for front in found:
        front.listener.close()


def addresses(fronts, certificate):
    """The URLs of both, trusting this certificate."""
    word = roles.password(servers.postgres(settings.DATA_DIR).passfile(roles.SITE))
    database = f"postgresql://site:{word}@localhost:{fronts[0].port}/imagesearch"
    database += f"?sslmode=verify-full&sslrootcert={certificate}"
    word = servers.valkey(settings.DATA_DIR).password
    return database, f"rediss://:{word}@localhost:{fronts[1].port}/0?ssl_ca_certs={certificate}"


def rows(url):
    """Ask the database, as Django does with our settings."""
    connection = ConnectionHandler({"default": servers.database(url)})["default"]
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return cursor.fetchall()
    finally:
        connection.close()


def sent(url):
    """Open a connection to the broker, as Celery does with our settings."""
    with Celery(broker=url, set_as_current=False) as app, app.connection() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=10)
        return connection.default_channel.client.ping()


def test_a_server_with_the_right_certificate_is_used(fronts, certificates):
    database, broker = addresses(fronts, certificates / "own.pem")
    assert rows(database) == [(1,)]
    assert redis.Redis.from_url(servers.client(broker)).ping()
    assert sent(servers.broker(broker))
    assert [front.closed > 0 for front in fronts] == [True, True]
    assert [front.clear for front in fronts] == [0, 0]


def test_a_server_with_another_certificate_is_refused(fronts, certificates):
    database, broker = addresses(fronts, certificates / "other.pem")
    with pytest.raises(OperationalError, match="certificate"):
        rows(database)
    with pytest.raises(redis.ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
        redis.Redis.from_url(servers.client(broker)).ping()
    with pytest.raises((BrokerError, redis.ConnectionError), match="CERTIFICATE_VERIFY_FAILED"):
        sent(servers.broker(broker))


def test_a_broker_whose_url_says_no_more_is_not_believed_either(fronts, certificates):
    """Nobody vouches for its certificate; kombu by itself would not ask."""
    bare = addresses(fronts, certificates / "own.pem")[1].partition("?")[0]
    with pytest.raises((BrokerError, redis.ConnectionError), match="CERTIFICATE_VERIFY_FAILED"):
        sent(servers.broker(bare))
    assert sent(bare)
