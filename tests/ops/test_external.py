"""A PostgreSQL of one's own: what its user may not do is said in one sentence, and the site then starts on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from imagesearch import external, servers
from imagesearch.embedded.supervisor import Supervisor
from imagesearch.env import BadVariable
from tests import made
from tests.ops.test_up import free_port

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "plain-and-simple"


@pytest.fixture
def server(short_folder):
    """A server with a user who owns nothing but is let in, and the database ``theirs``."""
    made.lend_cluster(short_folder / "server")
    found, supervisor = servers.postgres(short_folder / "server"), Supervisor(print)
    supervisor.start(found.service())
    said(found, "postgres", f"CREATE ROLE plain LOGIN PASSWORD '{PASSWORD}'", "CREATE DATABASE theirs")
    yield found
    supervisor.stop()


def test_a_user_without_rights_is_told_in_one_sentence(server, short_folder):
    made.lend(short_folder / "data")
    code, words = prepared(server, short_folder)
    assert (code, len(words)) == (1, 1)
    assert words[0].startswith("The database user lacks a right. Unable to create the django_migrations table")
    said(server, "postgres", "ALTER DATABASE theirs OWNER TO plain")
    assert prepared(server, short_folder) == (
        1, ['The database user lacks a right: permission denied to create extension "vector"; see docs/install.md.']
    )  # fmt: skip
    said(server, "theirs", "CREATE EXTENSION vector SCHEMA public")
    prepared(server, short_folder)
    made.keep(short_folder / "data")
    with psycopg.connect(server.operator_dsn("theirs")) as connection:
        assert connection.execute("SELECT state FROM public.retrieval_encoder").fetchall() == [("active",)]


WRONG = [
    ("up", {"DATABASE_URL": "postgresql://user:hunter2@127.0.0.1:1/x"}),
    ("audit", {"DATABASE_URL": "postgresql://user:hunter2@127.0.0.1:1/x"}),
    ("up", {"DATABASE_URL": "postgresql://user:hun%zzter2@127.0.0.1:1/x?colour=red"}),
    ("up", {"REDIS_URL": "redis://:hunter2@127.0.0.1:1/0"}),
    ("up", {"REDIS_URL": "redis://:hunter2@127.0.0.1:1/0?colour=red"}),
]


@pytest.mark.parametrize(("command", "variable"), WRONG)
def test_a_server_that_does_not_answer_is_named_by_its_variable(short_folder, command, variable):
    done = managed(short_folder, command, **variable, IMAGESEARCH_PORT=str(free_port()))
    (name,) = variable
    assert done.returncode == 1
    assert done.stderr.startswith(f"{name} names a ")
    assert done.stderr.count("\n") == done.stderr.count(". ") + 1 == 1
    assert "hunter2" not in done.stderr + done.stdout
    assert "Ready" not in done.stdout


def test_an_encoder_that_is_none_is_named_by_its_variable(short_folder):
    made.lend_cluster(short_folder / "data")
    made.lend(short_folder / "data")
    done = managed(short_folder, "up", IMAGESEARCH_ENCODER="nonsense", IMAGESEARCH_PORT=str(free_port()))
    assert done.returncode == 1
    assert "IMAGESEARCH_ENCODER cannot be used" in done.stderr


def test_a_server_that_comes_a_moment_later_is_waited_for(monkeypatch):
    answers = iter(["not yet", "not yet", None])
    monkeypatch.setattr(external, "database_problem", lambda: next(answers))
    external.require_database()
    assert list(answers) == []
    monkeypatch.setattr(external, "database_problem", lambda: "never.")
    with pytest.raises(BadVariable, match="DATABASE_URL never"):
        external.require_database(patience=0)


def managed(folder, *command, **variables):
    """Run a management command with these variables, and none of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment = kept | {"IMAGESEARCH_DATA_DIR": str(folder / "data")} | variables
    words = [sys.executable, "manage.py", *command]
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def prepared(server, folder):
    """The status of ``manage.py prepare`` as the plain user, and what it says to the operator, line by line."""
    address = {
        "DATABASE_URL": f"postgresql://plain:{PASSWORD}@/theirs?host={server.sockets}",
        "REDIS_URL": f"unix://{folder}/none.sock",
    }
    done = managed(folder, "prepare", "--verbosity", "0", **address)
    return done.returncode, done.stderr.strip().splitlines()


def said(server, database, *statements):
    """Run statements as the superuser."""
    with psycopg.connect(server.operator_dsn(database), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)
