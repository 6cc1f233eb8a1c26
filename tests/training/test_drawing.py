"""Drawing: samples by seed, inversion that gets nearer, neighbours by spread, the sheet, the command and its errors."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from django.core.management import call_command
from django.core.management.base import CommandError
from PIL import Image

from retrieval.errors import InvalidInput
from retrieval.training import Places, run
from retrieval.training.drawing import Artist, Inversion, invert, load, neighbours, samples, sheet, sheet_size
from retrieval.training.generator import Generator
from tests.training import make

SIDE = 32


def artist() -> Artist:
    torch.manual_seed(0)
    generator = Generator(8, side=SIDE, width=8)
    generator.layers[-2].weight.data.mul_(100)  # untrained, it would draw everything in about one grey
    return Artist(generator, make.encoder())


def test_samples_follow_their_seed():
    first = samples(artist(), 3, seed=1)
    assert first.shape == (3, 3, SIDE, SIDE)
    assert torch.equal(first, samples(artist(), 3, seed=1))
    assert not torch.equal(first, samples(artist(), 3, seed=2))


def test_inversion_draws_the_picture_better_than_the_best_start():
    drawing, told = artist(), []
    wanted = samples(drawing, 1, seed=5)
    latents = [invert(drawing, wanted, plan=Inversion(steps), watch=lambda *at: told.append(at)) for steps in (1, 25)]
    errors = [(drawing.generator(latent) - wanted).square().mean().item() for latent in latents]
    assert errors[1] < 0.7 * errors[0]
    assert told[-1] == (25, 25)


def test_neighbours_differ_by_their_spread():
    drawing = artist()
    latent, noise = drawing.imagine(1, seed=0), drawing.imagine(8, seed=1)
    itself = drawing.generator(latent)
    none, near, far = (neighbours(drawing, latent, noise=noise, spread=spread) for spread in (0, 0.1, 1.0))
    torch.testing.assert_close(none, itself.expand(8, -1, -1, -1))
    assert (near - itself).square().mean() < (far - itself).square().mean()


def test_a_search_takes_a_step_at_least():
    with pytest.raises(InvalidInput, match="steps"):
        invert(artist(), torch.rand(1, 3, SIDE, SIDE), plan=Inversion(0))


def test_a_sheet_has_a_line_for_each_row():
    found = sheet([torch.zeros(3, 3, 32, 32), torch.full((1, 3, 32, 32), 0.5)])
    assert found.shape == (2 * 66, 3 * 66, 3)
    assert [int(found[at][0]) for at in ((5, 5), (70, 5), (70, 100))] == [0, 128, 255]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of a finished run of a tiny GAN."""
    path = tmp_path_factory.mktemp("run")
    config = make.config("gan", options={"latent": 8, "width": 8, "side": SIDE}, optimiser={"steps": 1, "lr": 1e-3})
    run(config, places=Places(make.pictures(), path.joinpath, path))
    return path


@pytest.fixture
def query(tmp_path):
    path = tmp_path / "query.png"
    Image.fromarray(make.pictures(1).pixels[0]).save(path)
    return path


def drawn(folder, out, **options) -> np.ndarray:
    call_command("draw_pictures", str(folder), str(out), verbosity=0, stdout=StringIO(), **options)
    return np.asarray(Image.open(out))


def test_the_command_draws_what_the_generator_of_the_run_draws(folder, tmp_path):
    found = drawn(folder, tmp_path / "sheet.png", count=20, seed=3)
    assert np.array_equal(found, sheet(samples(load(folder), 20, seed=3).split(16)))
    assert np.array_equal(found, drawn(folder, tmp_path / "sheet.webp", count=20, seed=3))


def test_a_row_begins_with_the_query_and_goes_on_near_it(folder, tmp_path, query):
    found = drawn(folder, tmp_path / "sheet.png", count=4, like=[query, query], steps=2)
    assert found.shape == (2 * 66, 6 * 66, 3)
    assert np.array_equal(found[:64:2, :64:2], make.pictures(1).pixels[0])
    still = drawn(folder, tmp_path / "sheet.png", count=1, like=[query], steps=2, spread=0.0)
    assert np.array_equal(still[:, 66:132], still[:, 132:])


def test_a_sheet_that_no_webp_can_hold_is_refused_before_it_is_drawn(folder, tmp_path, query, monkeypatch):
    def drawing(*_, **__):
        raise AssertionError("it was drawn all the same")

    monkeypatch.setattr("retrieval.training.drawing.invert", drawing)
    with pytest.raises(CommandError, match="--count: A sheet of 16962 x 66 pixels"):
        drawn(folder, tmp_path / "sheet.webp", count=255, like=[query])
    with pytest.raises(CommandError, match="OUT: A sheet of 198 x 16500 pixels"):
        drawn(folder, tmp_path / "sheet.webp", count=1, like=[query] * 250)
    assert not list(tmp_path.glob("sheet*"))


def test_a_sheet_has_the_size_that_was_foretold():
    rows = [torch.zeros(3, 3, 32, 32), torch.zeros(1, 3, 32, 32)]
    assert sheet_size(2, 3, side=32) == sheet(rows).shape[1::-1]


def test_a_file_that_cannot_be_written_is_named(folder, tmp_path):
    (tmp_path / "sheet.png").mkdir()
    with pytest.raises(CommandError, match=r"OUT: .*sheet.png cannot be written: Is a directory"):
        drawn(folder, tmp_path / "sheet.png", count=1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"count": 0}, "--count: Between 1 and 256"),
        ({"spread": 1.5}, "--spread: The spread"),
        ({"steps": 0}, "--steps: There must"),
        ({"seed": -1}, "--seed: The seed"),
        ({"like": [Path("none.png")]}, "--like: none.png cannot be read: No such file"),
    ],
)
def test_mistakes_name_the_option(folder, tmp_path, wrong, message):
    with pytest.raises(CommandError, match=message):
        drawn(folder, tmp_path / "sheet.png", **wrong)


def test_a_wrong_place_is_named(folder, tmp_path):
    with pytest.raises(CommandError, match=r"OUT: .*sheet\.gif must be a \.png or \.webp file"):
        drawn(folder, tmp_path / "sheet.gif")
    with pytest.raises(CommandError, match=r"RUN_FOLDER: .* must hold one finished run of the recipe gan, not 0"):
        drawn(tmp_path, tmp_path / "sheet.png")


def test_a_query_that_is_no_picture_is_refused(folder, tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(CommandError):
        drawn(folder, tmp_path / "sheet.png", like=[tmp_path / "text.png"])


def test_altered_files_are_refused(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    whole = (tmp_path / "tiny-generator.safetensors").read_bytes()
    (tmp_path / "tiny-generator.safetensors").write_bytes(whole[:-1] + b"\x7f")
    with pytest.raises(CommandError, match="was altered"):
        drawn(tmp_path, tmp_path / "sheet.png")
    (tmp_path / "tiny.json").write_text("{}")
    with pytest.raises(CommandError, match=r"RUN_FOLDER: .*tiny\.json is not the record"):
        drawn(tmp_path, tmp_path / "sheet.png")
