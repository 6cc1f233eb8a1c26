"""Measuring encoders by name on folders and collections, scorecards on their rows, and the command."""

from __future__ import annotations

import json
import shutil
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image as Pillow

from retrieval import live_encoders
from retrieval.errors import InvalidInput, NotFound
from retrieval.evaluation.protocol import Plan
from retrieval.services.encoders import encoders as life
from retrieval.services.evaluation import evaluation
from retrieval.services.evaluation.evaluation import Folder
from tests.factories import EncoderFactory

pytestmark = pytest.mark.django_db


class MeanColour:
    """Tells colours apart."""

    def encode(self, images):
        return np.stack([image.reshape(-1, 3).mean(axis=0) for image in images]).astype(np.float32) + 1


class Blind:
    """Sees nothing but noise."""

    def encode(self, images):
        return np.random.default_rng(len(images)).normal(size=(len(images), 4)).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    generator = np.random.default_rng(0)
    for number in range(24):
        name = ("red", "green", "blue")[number % 3]
        colour = np.zeros(3, int)
        colour[number % 3] = 200
        path = tmp_path / "colours" / name / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Pillow.new("RGB", (8, 8), tuple((colour + generator.integers(0, 30, 3)).tolist())).save(path)
    return tmp_path / "colours"


@pytest.fixture
def rows(monkeypatch):
    seeing, blind = EncoderFactory(name="seeing", state="building"), EncoderFactory(name="blind")
    live = {seeing.pk: MeanColour(), blind.pk: Blind()}
    monkeypatch.setattr(live_encoders, "for_row", lambda row: live[row.pk])
    return seeing, blind


def test_one_class_alone_is_refused_before_anything_is_read(folder, rows):
    for name in ("green", "blue"):
        shutil.rmtree(folder / name)
    with pytest.raises(InvalidInput, match="whatever is found is right: red"):
        evaluation.run(rows, source=Folder(folder), progress=lambda *_: pytest.fail("it was read"))


def test_encoders_are_measured_side_by_side(folder, rows):
    steps = set()
    result = evaluation.run(rows, source=Folder(folder), progress=lambda what, *_: steps.add(what))
    seeing, blind = result.reports
    assert (seeing.subject.encoder, blind.subject.encoder) == ("seeing", "blind")
    assert seeing.overall["mAP"].mean == 1
    assert blind.overall["mAP"].mean < 0.7
    assert seeing.subject.digest == blind.subject.digest
    gain = result.differences["blind"]["mAP"]
    assert gain.mean == pytest.approx(1 - blind.overall["mAP"].mean)
    assert gain.low > 0
    assert steps == {"encoding", "ranking"}


def test_scorecards_say_what_was_measured_and_stay_apart_by_plan(folder, rows):
    for plan in (Plan(), Plan(measure="euclidean", group_rule="count")):
        evaluation.save_scorecards(rows, result=evaluation.run(rows, source=Folder(folder), plan=plan))
    seeing = evaluation.named("seeing")
    assert set(seeing.scores) == {"colours", "colours (euclidean, groups count)"}
    card = seeing.scores["colours"]
    assert card["map"] == card["figures"]["mAP"][0] == 1
    assert (card["measure"], card["protocol"], card["queries"], card["gallery"]) == ("cosine", "leave-one-out", 24, 24)
    assert len(card["digest"]) == 64


def test_the_switch_refuses_an_encoder_with_a_worse_scorecard(folder, rows):
    evaluation.save_scorecards(rows, result=evaluation.run(rows, source=Folder(folder)))
    seeing, blind = evaluation.named("seeing"), evaluation.named("blind")
    assert set(life.worse_sets(blind, seeing)) == {"colours"}
    assert not life.worse_sets(seeing, blind)
    next(folder.rglob("*.png")).unlink()
    evaluation.save_scorecards([seeing], result=evaluation.run([seeing], source=Folder(folder)))
    assert not life.worse_sets(blind, evaluation.named("seeing"))


def test_no_encoder_and_the_same_twice_are_refused(folder, rows):
    for wrong in ([], [rows[0], rows[0]]):
        with pytest.raises(InvalidInput, match="at least one encoder"):
            evaluation.run(wrong, source=Folder(folder))
    with pytest.raises(NotFound):
        evaluation.named("nobody")


def test_the_command_shows_writes_and_keeps(folder, rows, tmp_path):
    out, files = StringIO(), {name: tmp_path / f"report.{name}" for name in ("json", "markdown")}
    call_command(
        "evaluate_encoder", "seeing", str(folder), "--against", "blind", "--json", str(files["json"]),
        "--markdown", str(files["markdown"]), "--plots", str(tmp_path / "plots"), stdout=out, verbosity=0,
    )  # fmt: skip
    assert "| mAP | 100.0 [100.0, 100.0] |" in out.getvalue()
    assert files["markdown"].read_text() == out.getvalue()
    assert [built["subject"]["encoder"] for built in json.loads(files["json"].read_text())] == ["seeing", "blind"]
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == ["classes.svg", "cmc.svg", "overall.svg"]
    assert evaluation.named("seeing").scores["colours"]["map"] == 1


def test_the_command_names_files_it_left_out(folder, rows):
    (folder / "red" / "broken.png").write_bytes(b"?")
    errors = StringIO()
    call_command("evaluate_encoder", "seeing", str(folder), stdout=StringIO(), stderr=errors, verbosity=0)
    assert "1 files (red/broken.png)" in errors.getvalue()


@pytest.mark.parametrize("wrong", [("nobody", "."), ("seeing", "/no/such/folder")])
def test_expected_failures_are_one_sentence(rows, wrong):
    with pytest.raises(CommandError, match="There is no"):
        call_command("evaluate_encoder", *wrong, verbosity=0)
