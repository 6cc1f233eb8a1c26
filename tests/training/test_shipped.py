"""The recipes in the form in which they ship, on a newcomer's folder: 15 drawn pictures in 3 classes."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from retrieval import weight_files
from retrieval.embedding import checkpoint
from retrieval.errors import WeightsError
from retrieval.training import Hooks, PictureSet, Places, RunConfig, from_arrays, loop, require_weights, run
from retrieval.training.recipes import RECIPES

FOLDER = Path(__file__).resolve().parents[2] / "recipes"
NAMES = sorted(path.stem for path in FOLDER.glob("*.toml") if re.search("^recipe = ", path.read_text(), re.M))
# How the shipped encoders were made; they begin with files that only their maker has.
RECORDS = {"compact-v1", "compact-v2"}
# Recipes that ship with the same weights and frozen stages share the graph of them.
pytestmark = pytest.mark.usefixtures("converted_once")


@cache
def drawn(side: int) -> PictureSet:
    """Five discs, squares and stripes each, of any colour, size and place."""
    draw = np.random.default_rng(0)
    return from_arrays([shape(n % 3, draw) for n in range(15)], [f"c{n % 3}" for n in range(15)], side=side)


def shape(kind: int, draw: np.random.Generator, side: int = 64) -> np.ndarray:
    down, across = np.mgrid[:side, :side]
    y, x, size = [*draw.integers(20, 44, 2).tolist(), int(draw.integers(8, 20))]
    disc = (down - y) ** 2 + (across - x) ** 2 < size**2
    square = (abs(down - y) < size) & (abs(across - x) < size)
    inside = (disc, square, (down + x) % size < size / 2)[kind]
    return np.where(inside[..., None], *draw.integers(0, 256, (2, 3), dtype=np.uint8))


@pytest.fixture(autouse=True)
def _measured_elsewhere(monkeypatch):
    """Steps enough as it is; `test_precision.py` tells what is measured."""
    monkeypatch.setattr(loop, "measured", lambda *_: {"float32": 1.0})


def shipped(name: str, *, steps: int = 1) -> RunConfig:
    config = RunConfig.from_toml(FOLDER / f"{name}.toml")
    return replace(config, optimiser=replace(config.optimiser, steps=steps))


def test_every_kind_has_a_recipe_that_is_no_record():
    assert {shipped(name).recipe for name in set(NAMES) - RECORDS} == set(RECIPES)


@pytest.mark.parametrize("name", sorted(set(NAMES) - RECORDS))
def test_a_recipe_runs_as_it_ships_on_any_folder(tmp_path, name):
    config, told = shipped(name), []
    places = Places(drawn(config.data.stored_size), weight_files.BUNDLED.joinpath, tmp_path)
    result = run(config, places=places, hooks=Hooks(tell=told.append))
    assert result.record.steps == 1
    assert checkpoint.load(result.weights).spec == config.encoder
    assert told[-1].startswith("Computing in float32")


@pytest.mark.parametrize("name", sorted(set(NAMES) & RECORDS))
def test_a_record_says_before_the_work_what_it_lacks(name):
    def find(file: str) -> Path:
        raise WeightsError(f"There is no {file}.")

    with pytest.raises(WeightsError, match=r"There is no \w+_imagenet\.pth"):
        require_weights(shipped(name), find)


@pytest.mark.parametrize("name", NAMES)
def test_no_recipe_asks_for_a_precision_or_for_somebodys_folders(name):
    text = (FOLDER / f"{name}.toml").read_text()
    assert not re.search(r"^(precision|only)\b", text, re.M)
