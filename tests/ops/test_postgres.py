"""The embedded PostgreSQL: data survive a stop and a kill, and what a killed one left is no obstacle."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psycopg
import pytest

from imagesearch import servers
from imagesearch.embedded import postgres as module
from imagesearch.embedded import roles
from imagesearch.embedded.process import StartError, end, launch
from imagesearch.embedded.roles import OPERATOR
from imagesearch.embedded.supervisor import Supervisor
from tests import made


@pytest.fixture
def new(short_folder):
    """A server on a new folder; nothing runs yet."""
    return servers.postgres(short_folder)


@pytest.fixture
def server(short_folder):
    """A server on a folder with a cluster that was made and never started."""
    made.lend_cluster(short_folder)
    return servers.postgres(short_folder)


@pytest.fixture
def supervisor():
    """Stops what a test started."""
    found = Supervisor(print)
    yield found
    found.stop()


def query(server, statement):
    """Run one statement and return its rows, if any."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else None


def test_first_start_makes_a_private_database_with_pgvector(new, supervisor):
    supervisor.start(new.service())
    assert query(new, "SELECT '[1,2]'::vector <-> '[1,4]'") == [(2.0,)]
    assert query(new, "SHOW listen_addresses") == [("",)]
    assert query(new, "SHOW server_encoding") == [("UTF8",)]
    assert new.folder.stat().st_mode & 0o077 == 0


def test_data_survive_a_kill_of_the_server(server, supervisor):
    supervisor.start(server.service())
    query(server, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    running = supervisor.groups[0][0]
    running.process.send_signal(signal.SIGKILL)
    running.process.wait()
    running.due = time.monotonic()
    supervisor.look_after(running)
    while not server.answers():
        time.sleep(0.05)
    assert query(server, "SELECT count(*) FROM kept") == [(1000,)]


def test_an_orphan_is_ended_before_a_new_start(server, supervisor):
    server.prepare()
    orphan = launch(server.service())
    while not server.answers():
        time.sleep(0.05)
    supervisor.start(server.service())
    assert orphan.wait(10) == 0
    assert query(server, "SELECT 1") == [(1,)]


def test_process_file_with_the_number_of_another_program_is_no_obstacle(server, supervisor):
    server.prepare()
    (server.folder / "postmaster.pid").write_text(f"{os.getpid()}\n{server.folder}\n0\n5432\n{server.sockets}\n\n0 0\n")
    supervisor.start(server.service())
    assert query(server, "SELECT 1") == [(1,)]


def test_a_first_start_that_broke_off_is_begun_again(new, supervisor):
    draft = new.folder.with_name("postgres.new")
    draft.mkdir()
    (draft / "PG_VERSION").write_text("18\n")
    supervisor.start(new.service())
    assert query(new, "SELECT 1") == [(1,)]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    server = module.Postgres(tmp_path / "file" / "postgres", tmp_path, tmp_path / "log", tmp_path)
    (tmp_path / OPERATOR).write_text(roles.line(OPERATOR))
    with pytest.raises(StartError, match=r"data folder .* cannot be made"):
        server.prepare()


def test_stop_leaves_no_process(server):
    server.prepare()
    process = launch(server.service())
    while not server.answers():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert end(process, seconds=20)
    assert module._working_in(server.folder) == []
    assert not Path(server.folder / "postmaster.pid").exists()
