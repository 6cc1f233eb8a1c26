"""Starts that are refused: exit status 1 and one sentence that names the variable."""

from __future__ import annotations

import os
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings

from imagesearch import env

GOOD_KEY = "kJ8vQ2" * 10

REFUSED = [
    ({"IMAGESEARCH_ALLOWED_HOSTS": "*"}, "IMAGESEARCH_ALLOWED_HOSTS"),
    ({"IMAGESEARCH_ALLOWED_HOSTS": "good.example,."}, "IMAGESEARCH_ALLOWED_HOSTS"),
    ({"IMAGESEARCH_DEBUG": "on", "IMAGESEARCH_ALLOWED_HOSTS": "pictures.example"}, "IMAGESEARCH_DEBUG"),
    ({"IMAGESEARCH_DEBUG": "on", "IMAGESEARCH_HOST": "0.0.0.0"}, "IMAGESEARCH_DEBUG"),
    ({"IMAGESEARCH_DEBUG": "on", "IMAGESEARCH_HTTPS": "on"}, "IMAGESEARCH_DEBUG"),
    ({"IMAGESEARCH_DEBUG": "perhaps"}, "IMAGESEARCH_DEBUG"),
    ({"IMAGESEARCH_SECRET_KEY": "short"}, "IMAGESEARCH_SECRET_KEY"),
    ({"IMAGESEARCH_SECRET_KEY": "django-insecure-" + GOOD_KEY}, "IMAGESEARCH_SECRET_KEY"),
    ({"IMAGESEARCH_SECRET_KEY": "x" * 80}, "IMAGESEARCH_SECRET_KEY"),
    ({"IMAGESEARCH_PORT": "eighty"}, "IMAGESEARCH_PORT"),
    ({"IMAGESEARCH_PORT": "70000"}, "IMAGESEARCH_PORT"),
    ({"DATABASE_URL": "sqlite:///x"}, "DATABASE_URL"),
    ({"DATABASE_URL": "postgresql://"}, "DATABASE_URL"),
    ({"DATABASE_URL": "postgresql://user:hunter2@host:5432/"}, "DATABASE_URL"),
    ({"DATABASE_URL": "postgresql://user:hunter2@host/" + "x" * 64}, "DATABASE_URL"),
    ({"REDIS_URL": "amqp://x"}, "REDIS_URL"),
    ({"REDIS_URL": "redis://:hunter2@host/abc"}, "REDIS_URL"),
    ({"REDIS_URL": "redis://host/-1"}, "REDIS_URL"),
    ({"REDIS_URL": "unix:///run/a.sock?db=abc"}, "REDIS_URL"),
    ({"REDIS_URL": "unix://"}, "REDIS_URL"),
    ({"IMAGESEARCH_ALLOWED_HOSTS": "https://pictures.example"}, "IMAGESEARCH_ALLOWED_HOSTS"),
    ({"IMAGESEARCH_ORIGINS": "pictures.example:8443"}, "IMAGESEARCH_ORIGINS"),
    ({"IMAGESEARCH_ORIGINS": "https://pictures.example/path"}, "IMAGESEARCH_ORIGINS"),
    ({"IMAGESEARCH_ORIGINS": "https://pictures.example:8443"}, "IMAGESEARCH_ORIGINS"),
    ({"IMAGESEARCH_HOST": ".."}, "IMAGESEARCH_HOST"),
    ({"IMAGESEARCH_WEIGHTS_DIR": "/dev/null"}, "IMAGESEARCH_WEIGHTS_DIR"),
    ({"IMAGESEARCH_STATIC_DIR": "/dev/null/there"}, "IMAGESEARCH_STATIC_DIR"),
    ({"IMAGESEARCH_METRICS_NETWORKS": "all"}, "IMAGESEARCH_METRICS_NETWORKS"),
    ({"IMAGESEARCH_X_ACCEL_PREFIX": "protected"}, "IMAGESEARCH_X_ACCEL_PREFIX"),
    ({"IMAGESEARCH_MAIL_URL": "https://user:hunter2@mail.example"}, "IMAGESEARCH_MAIL_URL"),
    ({"IMAGESEARCH_MAIL_URL": "smtp://"}, "IMAGESEARCH_MAIL_URL"),
    ({"IMAGESEARCH_PASSWORDS": "off"}, "IMAGESEARCH_PASSWORDS"),
    ({"IMAGESEARCH_OIDC_ISSUER": "http://id.example", "IMAGESEARCH_OIDC_CLIENT_ID": "x"}, "IMAGESEARCH_OIDC_ISSUER"),
    ({"IMAGESEARCH_MAIL_URL": "smtp://mail.example?form=a@example.org"}, "IMAGESEARCH_MAIL_URL"),
    ({"IMAGESEARCH_MAIL_URL": "smtp://mail.example?from=me"}, "IMAGESEARCH_MAIL_URL"),
    ({"IMAGESEARCH_DATA_DIR": "/dev/null/there"}, "IMAGESEARCH_DATA_DIR"),
]


# What the settings load is loaded once: a fresh interpreter takes a second for it.
PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload(["celery.schedules", "django.conf", "imagesearch.servers", "retrieval.conf"])


def read(environment, said):
    """Read the settings in this process, which has no other variables; errors go to the file ``said``."""
    os.environ.clear()
    os.environ.update(environment)
    sys.stderr = Path(said).open("w")  # noqa: SIM115  (it ends with the process)
    assert settings.DEBUG in {True, False}
    assert "imagesearch.settings" in sys.modules


def start(folder, **variables):
    """Read the settings in a process of its own; returns its status and what it said."""
    kept = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "imagesearch.settings", "TMPDIR": str(folder)}
    environment = {**kept, "IMAGESEARCH_DATA_DIR": str(folder / "data"), **variables}
    process = PROCESSES.Process(target=read, args=(environment, folder / "said"))
    process.start()
    process.join()
    return SimpleNamespace(returncode=process.exitcode, stderr=(folder / "said").read_text())


@pytest.mark.parametrize(("variables", "name"), REFUSED)
def test_refused(tmp_path, variables, name):
    done = start(tmp_path, **variables)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{name} ")
    assert done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"IMAGESEARCH_DEBUG": "on"},
        {"IMAGESEARCH_DEBUG": "on", "IMAGESEARCH_HOST": "localhost"},
        {"IMAGESEARCH_ALLOWED_HOSTS": "pictures.example", "IMAGESEARCH_HTTPS": "on"},
        {"IMAGESEARCH_ALLOWED_HOSTS": ".example", "IMAGESEARCH_ORIGINS": "https://a.example:8443, http://[::1]:81"},
        {"IMAGESEARCH_SECRET_KEY": GOOD_KEY},
        {"DATABASE_URL": "postgresql://user@/?dbname=theirs&host=/run"},
        {"REDIS_URL": "rediss://user:hunter2@host:6380/12"},
        {"REDIS_URL": "unix:///run/a.sock?db=3"},
    ],
)
def test_accepted(tmp_path, variables):
    done = start(tmp_path, **variables)
    assert (done.returncode, done.stderr) == (0, "")


NAMES = ("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "LANGUAGE_COOKIE_NAME", "THEME_COOKIE_NAME")
SAFE = ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "LANGUAGE_COOKIE_SECURE")


@pytest.mark.parametrize(("https", "begins"), [("on", "__Host-"), ("off", "")])
def test_cookies_are_bound_to_the_host_where_there_is_https(tmp_path, https, begins):
    told = "; ".join(f"print(settings.{name})" for name in (*NAMES, *SAFE))
    kept = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "imagesearch.settings", "TMPDIR": str(tmp_path)}
    names = {"IMAGESEARCH_DATA_DIR": str(tmp_path / "data"), "IMAGESEARCH_HTTPS": https,
             "IMAGESEARCH_ALLOWED_HOSTS": "pictures.example"}  # fmt: skip
    words = [sys.executable, "-c", f"from django.conf import settings; {told}"]
    done = subprocess.run(words, env=kept | names, capture_output=True, text=True, check=True).stdout.split()
    assert done == [*(f"{begins}{name}" for name in ("sessionid", "csrftoken", "django_language", "theme")),
                    *[str(https == "on")] * 3]  # fmt: skip


def test_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    done = start(tmp_path, IMAGESEARCH_DATA_DIR=str(tmp_path / "file" / "data"))
    assert done.returncode == 1
    assert done.stderr.startswith("IMAGESEARCH_DATA_DIR names")


def test_secret_key_is_made_once_and_private(tmp_path):
    assert start(tmp_path).returncode == 0
    kept = tmp_path / "data" / "secret_key"
    first = kept.read_text()
    assert start(tmp_path).returncode == 0
    assert kept.read_text() == first
    assert len(first) >= 50
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700


def test_off_in_the_file_for_the_mail_server_is_none(tmp_path, monkeypatch):
    file = tmp_path / "mail_url"
    monkeypatch.setenv("IMAGESEARCH_MAIL_URL_FILE", str(file))
    for line, url in (("off", ""), ("smtp://mail.example", "smtp://mail.example")):
        file.write_text(f"{line}\n")
        assert env.url("IMAGESEARCH_MAIL_URL", schemes=("smtp",), none="off") == url
