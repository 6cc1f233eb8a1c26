"""A PostgreSQL of one's own: what its user may not do is said in one sentence, and the site then starts on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from imagesearch import servers
from imagesearch.embedded.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def server(short_folder):
    """A server with a user who owns nothing but is let in, and the database ``theirs``."""
    (short_folder / "server").mkdir()
    found, supervisor = servers.postgres(short_folder / "server"), Supervisor(print)
    supervisor.start(found.service())
    said(found, "postgres", "CREATE ROLE plain LOGIN", "CREATE DATABASE theirs")
    yield found
    supervisor.stop()


def test_a_user_without_rights_is_told_in_one_sentence(server, short_folder):
    code, words = prepared(server, short_folder)
    assert (code, len(words)) == (1, 1)
    assert words[0].startswith("The database user lacks a right. Unable to create the django_migrations table")
    said(server, "postgres", "ALTER DATABASE theirs OWNER TO plain")
    assert prepared(server, short_folder) == (
        1, ['The database user lacks a right: permission denied to create extension "vector"; see docs/install.md.']
    )  # fmt: skip
    said(server, "theirs", "CREATE EXTENSION vector")
    prepared(server, short_folder)
    with psycopg.connect(server.dsn("theirs")) as connection:
        assert connection.execute("SELECT state FROM retrieval_encoder").fetchall() == [("active",)]


def prepared(server, folder):
    """The status of ``manage.py prepare`` as the plain user, and what it says to the operator, line by line."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    address = {
        "IMAGESEARCH_DATA_DIR": str(folder / "data"),
        "DATABASE_URL": f"postgresql://plain@/theirs?host={server.sockets}",
        "REDIS_URL": f"unix://{folder}/none.sock",
    }
    command = [sys.executable, "manage.py", "prepare", "--verbosity", "0"]
    done = subprocess.run(command, cwd=ROOT, env=kept | address, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.strip().splitlines()


def said(server, database, *statements):
    """Run statements as the superuser."""
    with psycopg.connect(server.dsn(database), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)
