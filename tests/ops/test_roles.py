"""The embedded database: the site is no superuser, nobody comes in without a password, and old folders follow."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg
import pytest
from psycopg import errors
from psycopg.conninfo import make_conninfo

from imagesearch import servers
from imagesearch.embedded import postgres as module
from imagesearch.embedded import roles
from imagesearch.embedded.process import StartError, end, launch
from imagesearch.embedded.roles import OPERATOR, SITE
from imagesearch.embedded.supervisor import Supervisor
from retrieval import whole_files
from tests import made

OLD_ACCESS = "local all all trust\n"
OBJECTS = """
CREATE TABLE pictures (id serial PRIMARY KEY, n bigint GENERATED ALWAYS AS IDENTITY, vector vector(2));
INSERT INTO pictures (vector) SELECT '[1,2]' FROM generate_series(1, 100);
CREATE VIEW seen AS SELECT id FROM pictures;
CREATE MATERIALIZED VIEW kept AS SELECT id FROM pictures;
CREATE SEQUENCE alone;
CREATE TYPE mood AS ENUM ('good');
CREATE TYPE pair AS (a int, b int);
CREATE DOMAIN percent AS int CHECK (VALUE < 101);
CREATE SCHEMA "of ours";
CREATE TABLE "of ours"."a Table" (parts int) PARTITION BY RANGE (parts);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE PROCEDURE act() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE adding(int) (sfunc = int4pl, stype = int);
CREATE TRIGGER touched BEFORE UPDATE ON pictures FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TEXT SEARCH CONFIGURATION words (COPY = simple);
CREATE COLLATION sorted FROM "C";
CREATE INDEX near ON pictures USING hnsw (vector vector_cosine_ops);
"""
MUST_WORK = """
REINDEX INDEX CONCURRENTLY near; DROP INDEX CONCURRENTLY near; ANALYZE pictures;
CREATE INDEX CONCURRENTLY again ON pictures USING hnsw (vector vector_cosine_ops);
ALTER TABLE pictures ADD COLUMN more int DEFAULT nextval('alone'); UPDATE pictures SET more = 1;
DROP TRIGGER touched ON pictures; DROP FUNCTION touch; CREATE OR REPLACE VIEW seen AS SELECT id FROM pictures;
REFRESH MATERIALIZED VIEW kept; ALTER TYPE mood ADD VALUE 'bad'; CREATE TABLE new (id int);
DROP SCHEMA "of ours" CASCADE; TRUNCATE pictures RESTART IDENTITY; VACUUM pictures
"""
# What only a superuser may: each leads out of the database, or to every row and password in it.
POWERS = [
    "COPY (SELECT 1) TO PROGRAM 'cat'",
    "CREATE TEMP TABLE out (line text); COPY out FROM PROGRAM 'echo reached'",
    "COPY (SELECT 1) TO '/tmp/imagesearch-reached'",
    "SELECT pg_read_file('PG_VERSION')",
    "SELECT pg_ls_dir('.')",
    "SELECT lo_import('/etc/hostname')",
    "SELECT rolpassword FROM pg_authid",
    "ALTER SYSTEM SET listen_addresses = '*'",
    "CREATE ROLE another SUPERUSER",
    f"ALTER ROLE {SITE} SUPERUSER",
    f"ALTER ROLE {OPERATOR} PASSWORD 'mine'",
    f"SET ROLE {OPERATOR}",
    "CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'libc', 'getpid'",
    "LOAD 'auto_explain'",
]


@pytest.fixture
def server(short_folder):
    """A server on a folder with a cluster that was made and never started."""
    made.lend_cluster(short_folder)
    return servers.postgres(short_folder)


def copied(data, folder):
    """The server of a copy of a data folder."""
    for name in ("postgres", "secrets"):
        shutil.copytree(data / name, folder / name)
    return servers.postgres(folder)


@pytest.fixture
def supervisor():
    """Stops what a test started."""
    found = Supervisor(print)
    yield found
    found.stop()


def run(dsn, *statements):
    """Run statements one by one; the rows of the last."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def bare(server, role, database="postgres"):
    """The way of a program that knows the socket and no password."""
    return make_conninfo(host=str(server.sockets), user=role, dbname=database, passfile="/nowhere", connect_timeout=2)


def superuser(server, role):
    """Is whoever comes without a password as this role a superuser? None when they are not let in."""
    try:
        return run(bare(server, role), "SELECT rolsuper FROM pg_roles WHERE rolname = current_user")[0][0]
    except psycopg.OperationalError as error:
        return None if "password" in str(error) else error


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """A data folder as earlier versions left it: one role, a superuser, whom everybody at the socket may be."""
    folder = tmp_path_factory.mktemp("before")
    server = servers.postgres(folder)
    words = ["initdb", "-D", str(server.folder), "-U", OPERATOR, "-A", "trust", "--locale=C.UTF-8", "--encoding=UTF8"]
    subprocess.run(module._as_plain_user(words), capture_output=True, check=True)
    with_old_door(server, lambda: fill(server))
    return folder


@pytest.fixture
def old(short_folder, before):
    """A copy of it, to which no password was given yet."""
    return copied(before, short_folder)


def fill(server):
    """Make a database with something of every kind."""
    run(bare(server, OPERATOR), "CREATE DATABASE imagesearch")
    run(bare(server, OPERATOR, "imagesearch"), "CREATE EXTENSION vector", OBJECTS)


def with_old_door(server, act):
    """Run the server as it lies, in this test's hands alone, and act."""
    process = launch(server.service())
    while not server.answers():
        time.sleep(0.05)
    try:
        return act()
    finally:
        process.send_signal(signal.SIGINT)
        assert end(process, seconds=60)


def test_nobody_comes_in_without_a_password(server, supervisor):
    supervisor.start(server.service())
    for role in (OPERATOR, SITE):
        assert superuser(server, role) is None
    lines = (server.folder / module.ACCESS).read_text().splitlines()
    assert [line.split()[-1] for line in lines if not line.startswith("#")] == ["scram-sha-256"]


def test_with_the_old_door_anybody_at_the_socket_is_superuser_and_runs_programs(server, supervisor, monkeypatch):
    monkeypatch.setattr(module, "ENTRIES", OLD_ACCESS)
    supervisor.start(server.service())
    assert superuser(server, OPERATOR) is True
    reached = run(bare(server, OPERATOR), "CREATE TEMP TABLE out (line text)", "COPY out FROM PROGRAM 'echo reached'",
                  "SELECT line FROM out")  # fmt: skip
    assert reached == [("reached",)]


def test_the_site_has_no_power_over_the_server(server, supervisor):
    supervisor.start(server.service())
    for statement in POWERS:
        with pytest.raises((errors.InsufficientPrivilege, errors.UndefinedFile)):
            run(server.dsn(), *statement.split("; "))
    assert not Path("/tmp/imagesearch-reached").exists()


def test_the_operator_finds_nothing_that_the_site_put_in_the_way(server, supervisor):
    supervisor.start(server.service())
    trap = "CREATE FUNCTION {}.version() RETURNS text LANGUAGE sql AS 'SELECT ''mine'''"
    run(server.dsn(), trap.format("public"), "ALTER ROLE site SET search_path = public, pg_catalog")
    assert run(server.dsn(), "SELECT version()") == [("mine",)]
    assert run(server.operator_dsn("imagesearch"), "SELECT version()") != [("mine",)]


def test_no_password_is_seen(server, supervisor):
    """Not among the processes, in no log, in no address; only in files for their owner."""
    supervisor.start(server.service())
    run(server.dsn(), "SELECT 1")
    words = [roles.password(server.passfile(role)) for role in (OPERATOR, SITE)]
    lines = [entry.joinpath("cmdline") for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    seen = "".join(line.read_text(errors="replace") for line in lines if line.exists())
    seen += server.log.read_text() + server.dsn() + server.operator_dsn() + server.url() + repr(server)
    assert len(set(words)) == 2
    assert [word for word in words if word in seen] == []
    assert {path.stat().st_mode & 0o777 for path in (server.passfile(OPERATOR), server.passfile(SITE))} == {0o600}


def test_a_folder_of_earlier_versions_is_handed_over_whole(old, supervisor):
    assert with_old_door(old, lambda: superuser(old, OPERATOR)) is True
    supervisor.start(old.service())
    assert superuser(old, OPERATOR) is None
    with psycopg.connect(old.operator_dsn("imagesearch")) as connection:
        assert connection.execute(roles.FOREIGN).fetchall() == []
    assert run(old.dsn(), "SELECT count(*), min(vector <-> '[1,4]') FROM pictures") == [(100, 2.0)]
    run(old.dsn(), *(word.strip() for word in MUST_WORK.split(";")))


def test_without_handing_over_the_site_may_not_read_its_own_rows(old, supervisor, monkeypatch):
    monkeypatch.setattr(roles, "hand_over", lambda connection: 0)
    supervisor.start(old.service())
    with pytest.raises(errors.InsufficientPrivilege):
        run(old.dsn(), "SELECT * FROM pictures")


@pytest.mark.parametrize("broken", ["write", "_have_database", "hand_over"])
def test_an_upgrade_that_breaks_off_is_finished_by_the_next_start(old, broken, monkeypatch):
    """After the password is set, after the door is closed, and with half of the things handed over."""
    first = Supervisor(print)
    with monkeypatch.context() as patch:
        whole = roles.FOREIGN
        patch.setattr(roles, "FOREIGN", whole + "UNION ALL SELECT 'table', 'absent'")
        if broken != "hand_over":
            patch.setattr(whole_files if broken == "write" else module, broken, refuse)
        with pytest.raises((StartError, errors.UndefinedTable)):
            first.start(old.service())
    first.stop()
    second = Supervisor(print)
    second.start(old.service())
    try:
        assert superuser(old, OPERATOR) is None
        run(old.dsn(), *(word.strip() for word in MUST_WORK.split(";")))
    finally:
        second.stop()


def refuse(*_, **__):
    """Break off."""
    raise StartError("broken off")


def test_lost_passwords_are_set_anew(server):
    for lost in (None, OPERATOR, SITE):
        if lost:
            server.passfile(lost).unlink()
        server = servers.postgres(server.folder.parent)
        supervisor = Supervisor(print)
        supervisor.start(server.service())
        try:
            assert run(server.dsn(), "SELECT current_user") == [(SITE,)]
        finally:
            supervisor.stop()


def test_a_borrower_waits_until_the_site_is_let_in(server):
    server.prepare()
    process = launch(server.service())
    try:
        while not server.answers():
            time.sleep(0.05)
        assert not server.ready()
        server.settle()
        assert server.service().ready()
    finally:
        process.send_signal(signal.SIGINT)
        assert end(process, seconds=60)


def test_what_postgresql_keeps_of_a_password_is_not_the_password():
    kept = roles.verifier("a word")
    assert kept.startswith("SCRAM-SHA-256$4096:")
    assert "a word" not in kept
    assert kept != roles.verifier("a word")
