"""Drawn pictures of a few kinds, always the same for their number: for a first look, and for screenshots."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
Line = NDArray[np.float64]

SIZES = ((640, 480), (640, 480), (640, 400), (480, 640), (560, 560))
FINE = 2  # drawn so many times larger, for smooth edges
GRAIN = 2.0  # standard deviation of the noise, of 255
# Pairs of colours, above and at the horizon.
SKIES: tuple[tuple[Colour, Colour], ...] = (
    ((72, 132, 204), (206, 228, 242)),
    ((64, 84, 150), (246, 196, 160)),
    ((92, 70, 140), (240, 150, 128)),
    ((116, 178, 222), (244, 240, 220)),
)
NIGHTS: tuple[tuple[Colour, Colour], ...] = (((12, 14, 44), (58, 48, 102)), ((8, 20, 46), (40, 80, 118)))
PETALS: tuple[Colour, ...] = (
    (226, 72, 98),
    (242, 178, 62),
    (160, 104, 208),
    (240, 236, 228),
    (240, 120, 64),
    (96, 120, 220),
)


@dataclass
class Canvas:
    """A picture in the making. Lengths and places are shares of its width and height, from the upper left corner."""

    chance: np.random.Generator
    size: tuple[int, int]
    image: Image.Image = field(init=False)
    pen: ImageDraw.ImageDraw = field(init=False)

    def __post_init__(self) -> None:
        self.paint(Image.new("RGB", (self.size[0] * FINE, self.size[1] * FINE)))

    def paint(self, image: Image.Image) -> None:
        """Go on with this picture."""
        self.image, self.pen = image, ImageDraw.Draw(image)

    def gradient(self, top: Colour, bottom: Colour) -> None:
        """Fill it, running from one colour to the other."""
        share = np.linspace(0, 1, self.image.height)[:, None, None]
        rows = np.array(top) + share * (np.array(bottom) - np.array(top))
        self.paint(Image.fromarray(np.broadcast_to(rows, (*self.image.size[::-1], 3)).astype(np.uint8)))

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """A circle; its radius is a share of the width."""
        x, y, radius = x * self.image.width, y * self.image.height, radius * self.image.width
        self.pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

    def shape(self, points: Line, colour: Colour) -> None:
        """A polygon through points (N, 2)."""
        self.pen.polygon([tuple(point) for point in points * self.image.size], fill=colour)

    def ground(self, heights: Line, colour: Colour) -> None:
        """All below a line, whose heights are given from left to right."""
        line = np.stack([np.linspace(0, 1, len(heights)), heights], axis=1)
        self.shape(np.concatenate([line, [[1, 1], [0, 1]]]), colour)

    def ridge(self, level: float, rise: float, *, rough: float) -> Line:
        """Heights of a line of hills: waves, each finer and lower than the one before; ``rough`` from 0 to 1."""
        x = np.linspace(0, 1, 240)
        waves = [
            rough**n * np.sin(x * self.chance.uniform(2, 5) * 1.9**n + self.chance.uniform(0, 7)) for n in range(8)
        ]
        return np.asarray(level - rise * np.sum(waves, axis=0))

    def done(self) -> Image.Image:
        """The picture in its size, with a little grain."""
        small = np.asarray(self.image.resize(self.size, Image.Resampling.LANCZOS), np.float64)
        grain = self.chance.normal(0, GRAIN, (*small.shape[:2], 1))
        return Image.fromarray(np.clip(small + grain, 0, 255).astype(np.uint8))


Scene = Callable[[Canvas], None]


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """The first colour with a share of the second."""
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(one, other, strict=True))
    return red, green, blue


def sky(canvas: Canvas, pairs: tuple[tuple[Colour, Colour], ...] = SKIES) -> tuple[Colour, Colour]:
    """A sky with a sun or a moon; returns its colours."""
    top, bottom = pairs[canvas.chance.integers(len(pairs))]
    canvas.gradient(top, bottom)
    x, y = canvas.chance.uniform(0.15, 0.85), canvas.chance.uniform(0.12, 0.35)
    canvas.disc(x, y, canvas.chance.uniform(0.03, 0.055), (255, 246, 228))
    return top, bottom


def mountains(canvas: Canvas) -> None:
    """Ridges behind each other, the far ones paler."""
    top, bottom = sky(canvas)
    rock = mixed(top, (44, 52, 64), canvas.chance.uniform(0.6, 0.9))
    for number, level in enumerate(np.linspace(0.48, 0.92, 5)):
        heights = canvas.ridge(level, 0.07, rough=0.62)
        canvas.ground(heights, mixed(bottom, rock, 0.25 + 0.18 * number))


def sea(canvas: Canvas) -> None:
    """Water to the horizon with glitter, and one boat or none."""
    top, _bottom = sky(canvas)
    horizon, water = canvas.chance.uniform(0.5, 0.62), mixed(top, (10, 44, 84), 0.6)
    canvas.ground(np.full(2, horizon), water)
    for _ in range(160):
        x, y = canvas.chance.uniform(0, 1), horizon + (1 - horizon) * canvas.chance.uniform(0.01, 1) ** 1.5
        length, thick = 0.06 * (y - horizon) + 0.01, 0.003
        line = [[x, y], [x + length, y], [x + length, y + thick], [x, y + thick]]
        canvas.shape(np.array(line), mixed(water, (255, 255, 255), canvas.chance.uniform(0.08, 0.35)))
    if canvas.chance.uniform() < 0.6:
        boat(canvas, canvas.chance.uniform(0.2, 0.8), horizon + 0.04)


def boat(canvas: Canvas, x: float, y: float) -> None:
    """A hull and two sails."""
    wide = canvas.chance.uniform(0.06, 0.1)
    canvas.shape(
        np.array([[x - wide, y], [x + wide, y], [x + 0.6 * wide, y + 0.035], [x - 0.6 * wide, y + 0.035]]), (70, 44, 36)
    )
    canvas.shape(np.array([[x, y - 0.005], [x, y - 0.2], [x + 0.9 * wide, y - 0.01]]), (250, 246, 238))
    canvas.shape(np.array([[x - 0.01, y - 0.005], [x - 0.01, y - 0.16], [x - 0.7 * wide, y - 0.01]]), (206, 62, 52))


def dunes(canvas: Canvas) -> None:
    """Sand in long waves, lit from one side."""
    canvas.gradient(*SKIES[canvas.chance.integers(len(SKIES))])
    sand = mixed((226, 172, 110), (198, 112, 72), canvas.chance.uniform())
    for number, level in enumerate(np.linspace(0.5, 0.9, 4)):
        heights = canvas.ridge(level, 0.06, rough=0.25)
        canvas.ground(heights, mixed(sand, (112, 62, 44), 0.12 * number))
        canvas.ground(
            heights + 0.05 + 0.06 * np.linspace(0, 1, len(heights)), mixed(sand, (112, 62, 44), 0.12 * number + 0.22)
        )


def flower(canvas: Canvas) -> None:
    """One blossom before leaves out of focus."""
    leaf = mixed((52, 96, 52), (24, 66, 70), canvas.chance.uniform())
    canvas.gradient(mixed(leaf, (150, 190, 130), 0.4), leaf)
    for _ in range(26):
        x, y, shade = *canvas.chance.uniform(0, 1, 2), canvas.chance.uniform(-0.25, 0.35)
        canvas.disc(
            x,
            y,
            canvas.chance.uniform(0.04, 0.12),
            mixed(leaf, (170, 204, 140) if shade > 0 else (10, 30, 24), abs(shade)),
        )
    canvas.paint(canvas.image.filter(ImageFilter.GaussianBlur(canvas.image.width / 40)))
    x, y = canvas.chance.uniform(0.38, 0.62), canvas.chance.uniform(0.36, 0.52)
    canvas.shape(np.array([[x - 0.008, y], [x + 0.008, y], [x + 0.03, 1], [x + 0.005, 1]]), (70, 122, 60))
    blossom(canvas, x, y)


def blossom(canvas: Canvas, x: float, y: float) -> None:
    """Two rings of petals around a heart."""
    petal = PETALS[canvas.chance.integers(len(PETALS))]
    count, reach = int(canvas.chance.integers(7, 15)), canvas.chance.uniform(0.18, 0.27)
    ratio = canvas.image.width / canvas.image.height
    for turn, size, shade in ((0.0, 1.0, 0.16), (0.5, 0.74, 0.0)):
        for angle in 2 * np.pi * (np.arange(count) + turn) / count:
            along = np.array([np.cos(angle), np.sin(angle)]) * reach * size
            across = np.array([-along[1], along[0]]) * min(1.0, 3.2 / count)
            points = np.array(
                [
                    0 * along,
                    0.55 * along + across * 0.6,
                    0.85 * along + across * 0.45,
                    along,
                    0.85 * along - across * 0.45,
                    0.55 * along - across * 0.6,
                ]
            )
            canvas.shape(np.array([x, y]) + points * [1, ratio], mixed(petal, (60, 20, 50), shade))
    canvas.disc(x, y, reach * 0.24, (244, 202, 74) if petal[2] > 90 else (96, 58, 40))


def night(canvas: Canvas) -> None:
    """Stars and a moon above a wood."""
    sky(canvas, NIGHTS)
    for x, y in canvas.chance.uniform(0, 1, (140, 2)) * [1, 0.75]:
        canvas.disc(x, y, canvas.chance.uniform(0.0008, 0.0022), (226, 230, 250))
    floor = canvas.chance.uniform(0.78, 0.86)
    for x in np.arange(-0.02, 1.03, 0.028):
        high, wide = canvas.chance.uniform(0.05, 0.17), 0.026
        canvas.shape(np.array([[x - wide, floor], [x, floor - high], [x + wide, floor]]), (8, 12, 22))
    canvas.ground(np.full(2, floor - 0.002), (8, 12, 22))


def city(canvas: Canvas) -> None:
    """Towers with lit windows, in two rows."""
    _top, bottom = sky(canvas, (*SKIES[1:3], *NIGHTS))
    for depth, highest in ((0.45, 0.62), (0.8, 0.42)):
        wall = mixed(bottom, (22, 24, 40), depth)
        x = -0.02
        while x < 1:
            wide, roof = canvas.chance.uniform(0.07, 0.14), 1 - canvas.chance.uniform(0.3, 1) * highest
            canvas.shape(np.array([[x, 1], [x, roof], [x + wide, roof], [x + wide, 1]]), wall)
            windows(canvas, (x, roof), wide, wall=wall)
            x += wide + canvas.chance.uniform(0, 0.02)


def windows(canvas: Canvas, corner: tuple[float, float], wide: float, *, wall: Colour) -> None:
    """Rows of windows below an upper left corner, some of them lit."""
    for y in np.arange(corner[1] + 0.03, 0.98, 0.045):
        for x in np.arange(corner[0] + 0.014, corner[0] + wide - 0.02, 0.024):
            lit = canvas.chance.uniform() < 0.45
            pane = np.array([[x, y], [x + 0.012, y], [x + 0.012, y + 0.022], [x, y + 0.022]])
            canvas.shape(pane, (250, 214, 130) if lit else mixed(wall, (10, 10, 24), 0.35))


SCENES: tuple[Scene, ...] = (mountains, sea, dunes, flower, night, city)


def draw(scene: Scene, number: int) -> Image.Image:
    """Return the picture of a kind with this number, always the same."""
    chance = np.random.default_rng([SCENES.index(scene), number])
    canvas = Canvas(chance, SIZES[chance.integers(len(SIZES))])
    scene(canvas)
    return canvas.done()
