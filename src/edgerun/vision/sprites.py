"""The moving things of the demo scene, drawn from shapes: cars, people, balls, boats, planes,
kites, fish, and the nameless patches that hide them.

A class is told by its shape alone: every class comes in every hue, with stripes, dots, checks or
none, with or without an outline. Coordinates of shapes are -1 to 1, x right and y down.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from edgerun.vision.frame import Image
from edgerun.vision.opencv import opencv

PHASES = 4  # pictures of a movement: steps of a person, beats of a fin
SIDE = 128  # pixels of a sprite; the shapes' square of -1 to 1 is 112 of them

_DRAWN = 2 * SIDE  # drawn at twice the size and reduced, which smooths the edges
_UNIT = 0.4375 * _DRAWN
_SHIFT = 4  # sub-pixel bits of OpenCV's drawing

Rng = np.random.Generator
Points = Sequence[tuple[float, float]]
Colour = tuple[float, float, float]


class Pen:
    """Draws shapes in colours, and keeps which pixels they cover."""

    def __init__(self) -> None:
        self._cv2 = opencv()
        self.colour: Image = np.zeros((_DRAWN, _DRAWN, 3), np.uint8)
        self.cover: Image = np.zeros((_DRAWN, _DRAWN), np.uint8)

    def polygon(self, points: Points, colour: Colour) -> None:
        places = np.round((np.array(points) * _UNIT + _DRAWN / 2) * (1 << _SHIFT)).astype(np.int32)
        for canvas, value in ((self.colour, colour), (self.cover, (255.0,))):
            self._cv2.fillPoly(canvas, [places], value, self._cv2.LINE_8, _SHIFT)

    def ellipse(
        self, x: float, y: float, rx: float, ry: float, colour: Colour, degrees: float = 0.0
    ) -> None:
        turn = np.radians(degrees)
        t = np.linspace(0.0, 2 * np.pi, 40, endpoint=False)
        u, v = rx * np.cos(t), ry * np.sin(t)
        px, py = x + u * np.cos(turn) - v * np.sin(turn), y + u * np.sin(turn) + v * np.cos(turn)
        self.polygon(list(zip(px.tolist(), py.tolist(), strict=True)), colour)

    def limb(
        self, x0: float, y0: float, x1: float, y1: float, width: float, colour: Colour
    ) -> None:
        """A thick line with flat ends."""
        length = max(float(np.hypot(x1 - x0, y1 - y0)), 1e-6)
        nx, ny = -(y1 - y0) / length * width / 2, (x1 - x0) / length * width / 2
        corners = [(x0 + nx, y0 + ny), (x1 + nx, y1 + ny), (x1 - nx, y1 - ny), (x0 - nx, y0 - ny)]
        self.polygon(corners, colour)


def colour(rng: Rng) -> Colour:
    """Any hue; from pale to strong, from dark to bright."""
    hue, saturation, value = rng.uniform(0, 6), rng.uniform(0.15, 1.0), rng.uniform(0.2, 1.0)
    ramp = np.clip(np.abs((hue + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1, 0, 1)
    blue, green, red = (255 * value * (1 - saturation * (1 - ramp))).tolist()
    return blue, green, red


def _car(pen: Pen, rng: Rng, phase: float, body: Colour, other: Colour, third: Colour) -> None:
    roof, nose, tall = rng.uniform(-0.62, -0.42), rng.uniform(0.3, 0.5), rng.uniform(-0.1, 0.0)
    pen.polygon([(-0.62, tall), (-0.38, roof), (0.22, roof), (nose, tall)], body)
    pen.polygon([(-0.5, tall), (-0.33, roof + 0.08), (-0.08, roof + 0.08), (-0.08, tall)], third)
    pen.polygon([(0.0, tall), (0.0, roof + 0.08), (0.18, roof + 0.08), (nose - 0.1, tall)], third)
    side = [(-0.97, tall), (0.8, tall), (1.0, tall + 0.12), (1.0, 0.34), (-1.0, 0.34)]
    pen.polygon(side, body)
    for x in (-0.55, 0.55):
        pen.ellipse(x, 0.34, 0.24, 0.24, other)
        pen.ellipse(x, 0.34, 0.1, 0.1, third)


def _person(pen: Pen, rng: Rng, phase: float, body: Colour, other: Colour, third: Colour) -> None:
    swing = 0.3 * np.sin(phase)
    wide = rng.uniform(0.17, 0.26)
    for side in (-1, 1):
        pen.limb(0.08 * side, 0.1, side * swing + 0.08 * side, 0.98, 0.17, other)
        pen.limb(wide * side, -0.48, -side * swing * 1.1 + 0.34 * side, 0.15, 0.12, third)
    pen.polygon([(-wide, -0.55), (wide, -0.55), (wide * 0.8, 0.22), (-wide * 0.8, 0.22)], body)
    pen.ellipse(0, -0.79, 0.19, 0.21, third)


def _ball(pen: Pen, rng: Rng, phase: float, body: Colour, other: Colour, third: Colour) -> None:
    pen.ellipse(0, 0, 0.95, 0.95, body)
    if rng.random() < 0.5:
        parts = int(rng.integers(3, 6))
        for part in range(parts):
            t = np.linspace(0, np.pi / parts, 8) + 2 * np.pi * part / parts
            rim = list(zip((0.95 * np.cos(t)).tolist(), (0.95 * np.sin(t)).tolist(), strict=True))
            pen.polygon([(0, 0), *rim], other)
        pen.ellipse(0, 0, 0.2, 0.2, third)
    else:
        for k in range(5):
            turn = 2 * np.pi * k / 5
            pen.ellipse(0.62 * np.cos(turn), 0.62 * np.sin(turn), 0.2, 0.2, other)
        pen.ellipse(0, 0, 0.24, 0.24, other)


def _boat(pen: Pen, rng: Rng, phase: float, body: Colour, other: Colour, third: Colour) -> None:
    top, aft = rng.uniform(-1.0, -0.85), rng.uniform(-0.75, -0.5)
    pen.limb(0, -1.0, 0, 0.5, 0.06, third)
    pen.polygon([(0.05, top), (0.05, 0.35), (0.8, 0.35)], other)
    pen.polygon([(-0.05, top + 0.15), (-0.05, 0.35), (aft, 0.35)], third)
    pen.polygon([(-0.95, 0.45), (0.98, 0.45), (0.62, 0.9), (-0.66, 0.9)], body)
    pen.limb(-0.9, 0.52, 0.92, 0.52, 0.07, other)


def _plane(pen: Pen, rng: Rng, phase: float, body: Colour, other: Colour, third: Colour) -> None:
    sweep = rng.uniform(0.15, 0.45)
    for side in (-1, 1):
        wing = [(0, -0.2), (0.97 * side, -0.15 + sweep), (0.97 * side, 0.03 + sweep), (0, 0.2)]
        pen.polygon(wing, other)
        pen.polygon([(0, 0.66), (0.4 * side, 0.84), (0.4 * side, 0.96), (0, 0.88)], other)
        pen.ellipse(0.45 * side, sweep / 2 - 0.16, 0.07, 0.17, third)
    pen.ellipse(0, 0, 0.14, 0.98, body)
    pen.ellipse(0, -0.72, 0.07, 0.1, third)


def _kite(pen: Pen, rng: Rng, phase: float, body: Colour, other: Colour, third: Colour) -> None:
    wide, waist = rng.uniform(0.5, 0.66), rng.uniform(-0.5, -0.35)
    for k in range(3):
        x, y = 0.13 * np.sin(phase + 1.9 * k), 0.5 + 0.21 * k
        pen.polygon([(x - 0.17, y - 0.08), (x + 0.17, y + 0.08), (x + 0.17, y - 0.08),
                     (x - 0.17, y + 0.08)], third)  # fmt: skip
        pen.limb(x, y, 0.13 * np.sin(phase + 1.9 * (k - 1)), y - 0.22, 0.05, other)
    pen.polygon([(0, -1), (wide, waist), (0, waist), (0, -1)], body)
    pen.polygon([(0, -1), (-wide, waist), (0, waist), (0, -1)], other)
    pen.polygon([(wide, waist), (0, 0.42), (0, waist)], other)
    pen.polygon([(-wide, waist), (0, 0.42), (0, waist)], body)
    pen.limb(-wide, waist, wide, waist, 0.05, third)
    pen.limb(0, -1, 0, 0.42, 0.05, third)


def _fish(pen: Pen, rng: Rng, phase: float, body: Colour, other: Colour, third: Colour) -> None:
    wag, tall = 0.16 * np.sin(phase), rng.uniform(0.34, 0.5)
    pen.polygon([(-0.35, 0), (-0.98, wag - 0.45), (-0.78, wag), (-0.98, wag + 0.45)], other)
    pen.polygon([(-0.25, -tall * 0.7), (0.0, -tall - 0.25), (0.4, -tall * 0.7)], other)
    pen.polygon([(-0.1, tall * 0.7), (-0.2, tall + 0.2), (0.2, tall * 0.8)], other)
    pen.ellipse(0.2, 0, 0.78, tall, body)
    pen.limb(0.5, -tall * 0.8, 0.5, tall * 0.8, 0.07, other)
    pen.ellipse(0.7, -0.1, 0.1, 0.1, (245.0, 245.0, 245.0))
    pen.ellipse(0.72, -0.1, 0.05, 0.05, (10.0, 10.0, 10.0))


_SHAPES: dict[str, Callable[[Pen, Rng, float, Colour, Colour, Colour], None]] = {
    "car": _car,
    "person": _person,
    "ball": _ball,
    "boat": _boat,
    "plane": _plane,
    "kite": _kite,
    "fish": _fish,
}
CLASSES = tuple(_SHAPES)
# How far each class leans from upright, in degrees; a plane or a ball turns all around.
LEAN = {"car": 20, "person": 20, "boat": 20, "kite": 45, "fish": 60}


class Sprite:
    """One object, or one patch, in each phase of its movement; drawn when first asked for."""

    def __init__(self, label: str | None, seed: Sequence[int]) -> None:
        """label: a class, or None for a thing of no class."""
        self._label = label
        self._seed = seed
        self._pictures: dict[int, list[Image]] = {}

    def levels(self, phase: int) -> list[Image]:
        """uint8 [side, side, 4], colours multiplied by their cover; level k has SIDE >> k pixels a
        side."""
        phase = phase if self._label else 0
        if phase not in self._pictures:
            self._pictures[phase] = self._draw(phase)
        return self._pictures[phase]

    def _draw(self, phase: int) -> list[Image]:
        # The same object in each phase: the same random numbers.
        rng = np.random.default_rng(self._seed)
        pen = Pen()
        if self._label is None:
            _patch(pen, rng)
        else:
            colours = [colour(rng) for _ in range(3)]
            _SHAPES[self._label](pen, rng, 2 * np.pi * phase / PHASES, *colours)
        picture = opencv().resize(
            np.dstack([pen.colour, pen.cover]), (SIDE, SIDE), interpolation=opencv().INTER_AREA
        )
        levels = [_dress(cast(Image, picture), rng)]
        while levels[-1].shape[0] > 8:
            half = (levels[-1].shape[0] // 2,) * 2
            levels.append(opencv().resize(levels[-1], half, interpolation=opencv().INTER_AREA))
        return levels


def _patch(pen: Pen, rng: Rng) -> None:
    """Leaves, a board or a ragged rag."""
    kind = rng.integers(3)
    first, second = colour(rng), colour(rng)
    if kind == 0:
        for _ in range(int(rng.integers(6, 14))):
            x, y = rng.uniform(-0.65, 0.65, 2)
            turn = rng.uniform(0, 180)
            shade = first if rng.random() < 0.6 else second
            pen.ellipse(x, y, rng.uniform(0.2, 0.34), rng.uniform(0.1, 0.16), shade, turn)
    elif kind == 1:
        w, h = rng.uniform(0.25, 0.9), rng.uniform(0.25, 0.9)
        pen.polygon([(-w, -h), (w, -h), (w, h), (-w, h)], first)
    else:
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(5, 10))))
        radii = rng.uniform(0.4, 0.98, angles.size)
        points = [(r * np.cos(a), r * np.sin(a)) for r, a in zip(radii, angles, strict=True)]
        pen.polygon(points, first)


def _dress(picture: Image, rng: Rng) -> Image:
    """A pattern on the whole, light from one side, and perhaps an outline.

    picture: uint8 [SIDE, SIDE, 4]; its colours are already multiplied by its cover.
    """
    x = np.linspace(0, 1, SIDE, dtype=np.float32)[None]
    y = x.T
    turn, period = rng.uniform(0, np.pi), rng.uniform(5, 14)
    along = 2 * np.pi * period * (x * np.cos(turn) + y * np.sin(turn))
    across = 2 * np.pi * period * (y * np.cos(turn) - x * np.sin(turn))
    kind = rng.integers(8)
    wave: Any = 0.0
    if kind == 0:
        wave = np.sign(np.sin(along))
    elif kind == 1:
        wave = np.sign(np.sin(along) * np.sin(across))
    elif kind == 2:
        wave = (np.cos(along) + np.cos(across) > 1.0).astype(np.float32)
    light = 1 + rng.uniform(0.1, 0.35) * (0.8 - 2 * y) + rng.uniform(-0.2, 0.2) * (1 - 2 * x)
    gain = np.clip(light * (1 + rng.uniform(0.1, 0.25) * wave), 0, 3).astype(np.float32)
    cover = picture[..., 3]
    # No colour above its cover: that is what multiplied means.
    colours = np.minimum(picture[..., :3] * gain[..., None], cover[..., None])
    if rng.random() < 0.5:
        rim = cover - opencv().erode(cover, np.ones((3, 3), np.uint8))
        edge = rim[..., None] / np.float32(255)
        colours = colours * (1 - edge) + edge * np.array(colour(rng), np.float32)
        colours = np.minimum(colours, cover[..., None])
    return np.dstack([colours.astype(np.uint8), cover])


def fractal(rng: Rng, height: int, width: int, octaves: int = 5) -> npt.NDArray[np.float32]:
    """Cloud-like noise, float32 [height, width], 0 to 1."""
    cv2 = opencv()
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        cells = 3 << octave
        grid = rng.random((cells + 1, cells * width // height + 2), dtype=np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) / 2**octave
    low, high = float(total.min()), float(total.max())
    return (total - low) / max(high - low, 1e-6)
