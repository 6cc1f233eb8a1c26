"""Fills a collection with drawn pictures of a few kinds, so that a first look at the site is not empty."""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management import call_command
from django.core.management.base import BaseCommand
from numpy.typing import NDArray
from PIL import Image

SIZE = (480, 640)
Plane = NDArray[np.float64]
Grid = tuple[Plane, Plane]


def stripes(grid: Grid, chance: np.random.Generator) -> Plane:
    """Straight bands at some angle."""
    angle, count = chance.uniform(0, np.pi), chance.uniform(10, 30)
    pattern: Plane = np.sin(count * (grid[0] * np.sin(angle) + grid[1] * np.cos(angle)))
    return pattern


def rings(grid: Grid, chance: np.random.Generator) -> Plane:
    """Circles around one point."""
    y, x = chance.uniform(-0.6, 0.6, 2)
    pattern: Plane = np.sin(chance.uniform(15, 35) * np.hypot(grid[0] - y, grid[1] - x))
    return pattern


def checks(grid: Grid, chance: np.random.Generator) -> Plane:
    """A chessboard."""
    count = chance.uniform(6, 16)
    pattern: Plane = np.sign(np.sin(count * grid[0]) * np.sin(count * grid[1]))
    return pattern


def clouds(grid: Grid, chance: np.random.Generator) -> Plane:
    """Soft shapes: a few slow waves, added."""
    waves = [np.sin(grid[0] * a + grid[1] * b + c) for a, b, c in chance.uniform(-7, 7, (6, 3))]
    pattern: Plane = np.sum(waves, axis=0) / 3
    return pattern


def dots(grid: Grid, chance: np.random.Generator) -> Plane:
    """Round spots in rows."""
    count = chance.uniform(8, 18)
    pattern: Plane = np.tanh(6 * (np.cos(count * grid[0]) + np.cos(count * grid[1]) - chance.uniform(0.2, 1.0)))
    return pattern


def spiral(grid: Grid, chance: np.random.Generator) -> Plane:
    """Arms that wind around the middle."""
    arms, turns = chance.integers(2, 7), chance.uniform(6, 16)
    pattern: Plane = np.sin(arms * np.arctan2(*grid) + turns * np.hypot(*grid))
    return pattern


KINDS: list[Callable[[Grid, np.random.Generator], Plane]] = [stripes, rings, checks, clouds, dots, spiral]


def draw(kind: Callable[[Grid, np.random.Generator], Plane], chance: np.random.Generator) -> Image.Image:
    """One picture, 640 x 480: the kind's pattern (values about -1 to 1) runs from one random colour to another."""
    y, x = np.mgrid[-1 : 1 : SIZE[0] * 1j, -4 / 3 : 4 / 3 : SIZE[1] * 1j]
    share = np.clip(0.5 + kind((y, x), chance) / 2, 0, 1)[..., None]
    dark, light = chance.uniform(0, 120, 3), chance.uniform(120, 255, 3)
    noise = chance.normal(0, 4, (*SIZE, 1))
    return Image.fromarray(np.clip(dark + share * (light - dark) + noise, 0, 255).astype(np.uint8))


class Command(BaseCommand):
    """``manage.py demo``: draws the pictures and imports them like any folder. Repeating it adds none."""

    help = "Put drawn pictures of six kinds into the collection Demo."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--each", type=int, default=20, help="pictures of each kind (default 20)")

    def handle(self, *, each: int, **_options: Any) -> None:
        """Draw into a temporary folder and import it."""
        with tempfile.TemporaryDirectory() as folder:
            for kind in KINDS:
                for number in range(each):
                    picture = draw(kind, np.random.default_rng([KINDS.index(kind), number]))
                    picture.save(Path(folder) / f"{kind.__name__} {number + 1}.jpg", quality=88)
            call_command("import_images", folder, collection="Demo")
