"""The command: from a folder and a config to a draft encoder, and one sentence for what goes wrong."""

from __future__ import annotations

import json
import signal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from PIL import Image

from retrieval import training
from retrieval.models import Encoder
from tests.factories import EncoderFactory
from tests.training import make


@pytest.fixture(autouse=True)
def _signals():
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def toml(recipe: str) -> str:
    """The tiny config as TOML; JSON's numbers, texts and lists are TOML's as well."""
    tables = make.config(recipe).to_dict()
    plain = [f"{name} = {json.dumps(value)}" for name, value in tables.items() if not isinstance(value, dict)]
    for name, table in tables.items():
        if isinstance(table, dict):
            plain += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    return "\n".join(plain)


@pytest.fixture
def data(tmp_path):
    for number, picture in enumerate(make.pictures(16).pixels):
        path = tmp_path / "data" / f"c{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    return tmp_path / "data"


@pytest.mark.django_db
def test_a_folder_and_a_config_make_a_draft_encoder(tmp_path, data):
    (tmp_path / "tiny.toml").write_text(toml("classify"))
    out = StringIO()
    places = {"data": data, "output": tmp_path / "out"}
    call_command("train_encoder", str(tmp_path / "tiny.toml"), **places, register=True, verbosity=0, stdout=out)
    row = Encoder.objects.get(name="tiny")
    assert (row.state, row.dimension, row.trained) == ("draft", 4, True)
    assert row.weights_sha256 in out.getvalue()
    assert json.loads((tmp_path / "out" / "tiny.json").read_text())["steps"] == 4


def test_the_config_may_say_where_the_pictures_are_and_the_command_line_goes_over_it(tmp_path, data, monkeypatch):
    (tmp_path / "own").mkdir()
    config = tmp_path / "own" / "tiny.toml"
    config.write_text(toml("classify").replace('path = ""', 'path = "../data"'))
    monkeypatch.chdir("/")
    call_command("train_encoder", str(config), output=tmp_path / "out", verbosity=0, stdout=StringIO())
    assert json.loads((tmp_path / "out" / "tiny.json").read_text())["config"]["data"]["path"] == "../data"
    with pytest.raises(CommandError, match="There is no folder /nowhere"):
        call_command("train_encoder", str(config), data=Path("/nowhere"), output=tmp_path, verbosity=0)


def test_without_pictures_the_command_says_how_to_name_them(tmp_path):
    (tmp_path / "tiny.toml").write_text(toml("classify"))
    with pytest.raises(CommandError, match="--data DIR"):
        call_command("train_encoder", str(tmp_path / "tiny.toml"), output=tmp_path, verbosity=0)


def test_mistakes_are_one_sentence(tmp_path, data):
    path = tmp_path / "tiny.toml"
    path.write_text(toml("classify").replace('recipe = "classify"', 'recipe = "alchemy"'))
    with pytest.raises(CommandError, match="There is no recipe 'alchemy'"):
        call_command("train_encoder", str(path), data=data, output=tmp_path, verbosity=0)
    path.write_text(toml("classify"))
    with pytest.raises(CommandError, match="There is no folder"):
        call_command("train_encoder", str(path), data=tmp_path / "none", output=tmp_path, verbosity=0)


@pytest.mark.django_db
def test_what_can_be_refused_is_refused_before_the_work(tmp_path, data, monkeypatch):
    def working(*_, **__):
        raise AssertionError("it was trained all the same")

    monkeypatch.setattr(training, "run", working)
    path = tmp_path / "tiny.toml"
    path.write_text(toml("classify"))
    EncoderFactory(name="tiny")
    with pytest.raises(CommandError, match="an encoder called tiny already"):
        call_command("train_encoder", str(path), data=data, output=tmp_path, register=True, verbosity=0)
    path.write_text(toml("classify").replace("[options]", "[options]\nsmothing = 0.1"))
    with pytest.raises(CommandError, match="smothing"):
        call_command("train_encoder", str(path), data=tmp_path / "none", output=tmp_path, verbosity=0)


@pytest.mark.django_db
def test_a_name_that_was_taken_during_the_work_is_one_sentence(tmp_path, data, monkeypatch):
    real = training.run

    def taken_meanwhile(*words, **options):
        EncoderFactory(name="tiny")
        return real(*words, **options)

    monkeypatch.setattr(training, "run", taken_meanwhile)
    (tmp_path / "tiny.toml").write_text(toml("classify"))
    options = {"data": data, "output": tmp_path / "out", "register": True, "verbosity": 0}
    with pytest.raises(CommandError, match="an encoder called tiny already"):
        call_command("train_encoder", str(tmp_path / "tiny.toml"), **options, stdout=StringIO())
