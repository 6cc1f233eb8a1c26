"""Readers of environment variables: what they take, and the one sentence when they do not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imagesearch import env

NAME = "IMAGESEARCH_SOMETHING"


@pytest.fixture
def setting(monkeypatch):
    """Set the variable to a text."""
    return lambda value: monkeypatch.setenv(NAME, value)


@pytest.mark.parametrize(("value", "expected"), [("on", True), ("TRUE", True), (" 1 ", True), ("off", False)])
def test_boolean(setting, value, expected):
    setting(value)
    assert env.boolean(NAME, default=not expected) is expected


@pytest.mark.parametrize("default", [True, False])
def test_blank_means_unset(setting, default):
    setting("  ")
    assert env.boolean(NAME, default=default) is default
    assert env.integer(NAME, default=7, low=1, high=9) == 7
    assert env.words(NAME, ("a",)) == ("a",)
    assert env.text(NAME, "x") == "x"
    assert env.url(NAME, schemes=("redis",)) == ""
    assert env.path(NAME, Path("/there")) == Path("/there")


def test_values(setting):
    setting("5")
    assert env.integer(NAME, default=7, low=5, high=9) == 5
    setting("a, b,,c")
    assert env.words(NAME) == ("a", "b", "c")
    setting("10.0.0.0/8,::1")
    assert env.networks(NAME) == ("10.0.0.0/8", "::1")
    setting("~/pictures")
    assert env.path(NAME, Path()) == Path.home() / "pictures"
    setting("/protected/files/")
    assert env.location(NAME) == "/protected/files/"
    setting("pictures.example, .example.org,[::1],10.0.0.7")
    assert env.hosts(NAME) == ("pictures.example", ".example.org", "[::1]", "10.0.0.7")
    setting("b")
    assert env.choice(NAME, default="a", allowed=("a", "b")) == "b"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", "::1"), ("0.0.0.0", "0.0.0.0"), ("localhost", "127.0.0.1"), ("[::]", "::"), ("127.1", "127.0.0.1")],
)
def test_an_address_to_listen_on(setting, value, expected):
    setting(value)
    assert env.address(NAME, "::1") == expected


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("maybe", lambda: env.boolean(NAME)),
        ("five", lambda: env.integer(NAME, default=1, low=1, high=9)),
        ("4", lambda: env.integer(NAME, default=5, low=5, high=9)),
        ("10", lambda: env.integer(NAME, default=5, low=5, high=9)),
        ("10.0.0.1/8", lambda: env.networks(NAME)),
        ("mysql://user:hunter2@host/db", lambda: env.url(NAME, schemes=("postgresql",))),
        ("postgresql://user:hunter2@host:port/db", lambda: env.url(NAME, schemes=("postgresql",))),
        ("postgresql://user:hunter2@[host/db", lambda: env.url(NAME, schemes=("postgresql",))),
        ("protected/", lambda: env.location(NAME)),
        ("/", lambda: env.location(NAME)),
        ("/../etc/", lambda: env.location(NAME)),
        ("/a\nSet-Cookie: b", lambda: env.location(NAME)),
        ("https://pictures.example", lambda: env.hosts(NAME)),
        ("pictures.example:8000", lambda: env.hosts(NAME)),
        ("good.example,*.example", lambda: env.hosts(NAME)),
        ("::1", lambda: env.hosts(NAME)),
        ("..", lambda: env.address(NAME, "::1")),
        ("no such name", lambda: env.address(NAME, "::1")),
        (__file__, lambda: env.folder(NAME, Path())),
        (f"{__file__}/below", lambda: env.folder(NAME, Path())),
        ("c", lambda: env.choice(NAME, default="a", allowed=("a", "b"))),
    ],
)
def test_bad_value_is_one_sentence_that_names_the_variable(setting, value, read):
    setting(value)
    with pytest.raises(env.BadVariable) as caught:
        read()
    sentence = str(caught.value)
    assert sentence.startswith(f"{NAME} must ")
    assert sentence.count(". ") == 0
    assert sentence.endswith(".")
    assert "hunter2" not in sentence


def test_a_secret_may_be_in_a_file(setting, monkeypatch, tmp_path):
    file = tmp_path / "secret"
    file.write_text("  postgresql://me:pass@h/name\n")
    monkeypatch.setenv(f"{NAME}_FILE", str(file))
    assert env.secret(NAME) == "postgresql://me:pass@h/name"
    assert env.url(NAME, schemes=("postgresql",)) == "postgresql://me:pass@h/name"
    setting("postgresql://other/name")
    with pytest.raises(env.BadVariable, match=f"{NAME}_FILE cannot be set together with {NAME}"):
        env.secret(NAME)
    setting(" ")
    assert env.secret(NAME) == "postgresql://me:pass@h/name"


@pytest.mark.parametrize("content", [b"", b" \n\n", b"one\nhunter2", b"hunter2" * 1000, b"hunter2\xff"])
def test_a_file_that_holds_no_secret_is_named_and_not_repeated(monkeypatch, tmp_path, content):
    (tmp_path / "secret").write_bytes(content)
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "secret"))
    with pytest.raises(env.BadVariable, match=f"{NAME}_FILE .*secret") as caught:
        env.secret(NAME)
    assert "hunter2" not in str(caught.value)


def test_what_is_no_file_is_no_secret(monkeypatch, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "absent", "."):
        monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / name))
        with pytest.raises(env.BadVariable, match=f"{NAME}_FILE"):
            env.secret(NAME)
