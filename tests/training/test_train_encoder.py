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
from retrieval.embedding import checkpoint
from retrieval.models import Encoder
from retrieval.services.evaluation.labelled import Folder
from retrieval.training import loop
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
def test_where_an_encoder_comes_from_is_kept(tmp_path, data):
    (tmp_path / "tiny.toml").write_text(toml("classify"))
    places = {"data": data, "output": tmp_path / "out"}
    call_command("train_encoder", str(tmp_path / "tiny.toml"), **places, register=True, verbosity=0, stdout=StringIO())
    record = json.loads((tmp_path / "out" / "tiny.json").read_text())
    assert Encoder.objects.get(name="tiny").origin == {
        "recipe": "classify", "data": record["data_digest"],
        "learned_from": sorted([record["data_digest"], Folder(data).digest()]),
    }  # fmt: skip


@pytest.mark.django_db
def test_a_broken_picture_is_left_out_and_counted(tmp_path, data, capsys):
    (data / "c0" / "broken.png").write_bytes(b"not a picture")
    (tmp_path / "tiny.toml").write_text(toml("classify"))
    call_command("train_encoder", str(tmp_path / "tiny.toml"), data=data, output=tmp_path / "out", stdout=StringIO())
    told = capsys.readouterr().err.splitlines()
    assert sum(line.startswith("1 of 17 pictures are left out.") and "broken.png" in line for line in told) == 1
    assert "17 of 17: reading pictures" in told
    assert any(line.startswith("4 of 4: training, loss") for line in told)
    assert len(json.loads((tmp_path / "out" / "tiny.json").read_text())["left_out"]) == 1


@pytest.mark.django_db
def test_a_file_of_notes_is_no_encoder(tmp_path):
    """It ended in `KeyError: 101` of an unpickler, later in a sentence that said 101."""
    (tmp_path / "notes.txt").write_text("hello these are notes")
    with pytest.raises(CommandError, match=r"^notes\.txt is not a weights file: it is neither safetensors nor"):
        call_command("register_encoder", "foo", str(tmp_path / "notes.txt"))


def interrupt(number: int = signal.SIGINT) -> None:
    signal.raise_signal(number)


@pytest.mark.django_db
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_says_where_and_how_to_go_on(tmp_path, data, monkeypatch, number, status):
    """No encoder is made of it, also where a run may stop early by itself."""
    (tmp_path / "tiny.toml").write_text(toml("classify").replace("patience = 0", "patience = 9\nevaluate_every = 1", 1))
    text = (tmp_path / "tiny.toml").read_text().replace("evaluate_every = 0\n", "", 1)
    (tmp_path / "tiny.toml").write_text(text)
    real = loop.train_step
    monkeypatch.setattr(loop, "train_step", lambda *args: (interrupt(number), real(*args))[1])
    err, places = StringIO(), {"data": data, "output": tmp_path / "out", "register": True, "verbosity": 0}
    with pytest.raises(SystemExit) as ended:
        call_command("train_encoder", str(tmp_path / "tiny.toml"), **places, stdout=StringIO(), stderr=err)
    assert ended.value.code == status
    assert "Stopped at 1 of 4 steps" in err.getvalue()
    assert "The same command goes on from there" in err.getvalue()
    assert not Encoder.objects.exists()
    monkeypatch.setattr(loop, "train_step", real)
    call_command("train_encoder", str(tmp_path / "tiny.toml"), **places, stdout=StringIO())
    assert Encoder.objects.get().name == "tiny"


def test_before_the_first_step_a_run_ends_at_once(tmp_path, data, monkeypatch):
    (tmp_path / "tiny.toml").write_text(toml("classify"))
    monkeypatch.setattr(training, "run", lambda *_, **__: interrupt())
    err = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("train_encoder", str(tmp_path / "tiny.toml"), data=data, output=tmp_path, stderr=err, verbosity=0)
    assert (ended.value.code, err.getvalue().strip()) == (
        130,
        "Stopped before the first step. The same command begins again.",
    )


def test_the_bundled_weights_are_found_beside_a_folder_of_ones_own(tmp_path, data):
    """And what is nowhere is said before the pictures are looked at."""
    own = tmp_path / "own"
    own.mkdir()
    checkpoint.save(make.encoder(seed=9), own / "first.safetensors")
    text = toml("regression").replace(
        "[options]", '[options]\nteachers = ["compact-v1.safetensors"]\nteacher_sizes = [32]'
    )
    (tmp_path / "tiny.toml").write_text(text.replace('weights = ""', 'weights = "first.safetensors"'))
    options = {"output": tmp_path / "out", "verbosity": 0, "stdout": StringIO()}
    call_command("train_encoder", str(tmp_path / "tiny.toml"), data=data, weights=own, **options)
    (tmp_path / "tiny.toml").write_text(text.replace("compact-v1", "compact-v0"))
    with pytest.raises(CommandError, match=r"compact-v0\.safetensors is neither bundled .* --weights DIR"):
        call_command("train_encoder", str(tmp_path / "tiny.toml"), data=tmp_path / "none", weights=own, **options)


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
