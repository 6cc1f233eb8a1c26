"""One embedded PostgreSQL and Valkey for the whole run, named before Django reads its settings."""

from __future__ import annotations

import gc
import os
import shutil
import string
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import django
import psycopg
import pytest
from django.conf import settings
from django.db import transaction
from django.test import TransactionTestCase

from imagesearch import servers
from imagesearch.embedded import roles
from imagesearch.embedded.supervisor import Supervisor
from tests.powers import FUNCTION, empty

# A crash of the machine may cost the test database: nobody will miss it.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB"}
# What tests write stays in the checkout; only sockets, whose paths must be short, lie in /tmp while they run.
TEMPORARY = Path(__file__).parents[1] / ".pytest_tmp"
STARTED = "IMAGESEARCH_TEST_SERVERS"

_stops: list[Callable[[], None]] = []


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Start the servers (once: parallel workers inherit the name) and point the settings at them.

    The settings module is named here and not in pyproject.toml, because pytest-django would read it too early.
    """
    os.fsync = lambda _: None  # for what FAST says; who asks whether it is called puts a function of his own here
    TEMPORARY.mkdir(exist_ok=True)
    os.environ["PYTEST_DEBUG_TEMPROOT"] = str(TEMPORARY)
    folder = Path(os.environ.get(STARTED) or _start())
    os.environ.update(
        {
            # The run has as many workers as cores: more threads of torch would only wait for each other.
            "OMP_NUM_THREADS": "1",
            STARTED: str(folder),
            "DJANGO_SETTINGS_MODULE": "imagesearch.settings",
            "IMAGESEARCH_DATA_DIR": str(folder),
            "IMAGESEARCH_DATABASE_POOL": "0",
            "IMAGESEARCH_SECRET_KEY": "for tests only " + string.ascii_letters,
            "IMAGESEARCH_STATIC_HASHED": "off",
            "IMAGESEARCH_ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
            "IMAGESEARCH_LOG_LEVEL": "WARNING",
            "REDIS_URL": f"{servers.valkey(folder).url()}?db={_worker_number()}",
        }
    )
    for name in ("DATABASE_URL", "IMAGESEARCH_DEBUG", "IMAGESEARCH_ENCODER", "IMAGESEARCH_WEIGHTS_DIR"):
        os.environ.pop(name, None)
    django.setup()
    # A parallel worker inherits this environment, and pytest-django would read the settings there before this function.
    del os.environ["DJANGO_SETTINGS_MODULE"]
    # Tests that count files, or take all of them away, must not meet those of the workers beside them.
    own = folder / f"worker-{_worker_number()}"
    own.mkdir(mode=0o700, exist_ok=True)
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, data_dir=own)
    # Each test client makes the middleware anew, and that would look at every static file: it was most of a request.
    settings.WHITENOISE_AUTOREFRESH = True
    TransactionTestCase._fixture_teardown = empty  # type: ignore[method-assign]
    # The real hasher takes a fifth of a second by design; hundreds of test people need none of that.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def pytest_collection_finish() -> None:
    """Leave alone what was loaded, a million objects: looking through it again and again was a twentieth of the run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


@pytest.fixture(scope="module")
def once(django_db_setup, django_db_blocker) -> Iterator[None]:  # type: ignore[no-untyped-def]
    """A transaction around a file's tests, never committed: what takes long is made once, and no test changes it.

    What a test does to the rows is undone after it, as ``db`` opens a savepoint within. None may ask for
    ``transaction=True``.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Write down one measured figure for the report of the promises."""
    return lambda text: record_property("figure", text)


def pytest_unconfigure() -> None:
    """Stop what this process started, last first."""
    while _stops:
        _stops.pop()()


# Rooms of tests that start whole sites and browsers, and so take minutes each.
LONGEST = ("browser", "ops", "chaos")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each worker begin with one of the longest rooms: the quick tests are then what is shared out at the end.

    pytest-xdist gives each worker as long a part of this list, in its order.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    rooms: dict[str, list[pytest.Item]] = {name: [] for name in (*LONGEST, "")}
    for item in items:
        name = item.path.relative_to(Path(__file__).parent).parts[0]
        rooms[name if name in LONGEST else ""].append(item)
    rest = rooms.pop("")
    ordered: list[pytest.Item] = []
    for worker in range(workers):
        begun = [item for name in LONGEST[worker::workers] for item in rooms[name]]
        more = max(0, (len(items) - len(ordered)) // (workers - worker) - len(begun))
        ordered += begun + rest[:more]
        del rest[:more]
    items[:] = ordered


def _start() -> str:
    folder = Path(tempfile.mkdtemp(prefix="ist-"))
    _stops.append(lambda: shutil.rmtree(folder, ignore_errors=True))
    (folder / "static").mkdir()
    supervisor = Supervisor(print)
    _stops.append(supervisor.stop)
    database = replace(servers.postgres(folder), settings=FAST)
    supervisor.start(database.service(), replace(servers.valkey(folder), durable=False).service())
    # The site's role may do neither, here or at home: the operator prepares what a test database is made from.
    with psycopg.connect(database.operator_dsn("template1"), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
        connection.execute(f"ALTER ROLE {roles.SITE} CREATEDB")
        connection.execute(FUNCTION)
    return str(folder)


def _worker_number() -> int:
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 16


@pytest.fixture(autouse=True)
def an_archive_is_one_turn(monkeypatch):
    """On a slow machine a turn would be over in the midst of an archive; what tests turns makes its own."""
    monkeypatch.setattr("retrieval.services.images.archives.TURN_SECONDS", 3600.0)
