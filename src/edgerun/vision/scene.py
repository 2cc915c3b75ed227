"""The scene of the demo camera: moving objects of seven classes, and the truth about them.

A frame is a pure function of the seed and its number. A *shot* of 200 frames has one background,
one light and one set of movers; the next shot is a cut. A mover crosses the picture from one side
to another, again and again, each time as a new object. Some have a companion of no class that hides
a part of them; with posts and each other, a third of the objects is partly hidden.

What makes it hard: any colour on any class, clutter of the same colours behind and patches of them
in front, rotation, size, light and its colour, cloud shadows, cast shadows, motion blur, noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from edgerun.vision.frame import Image, TrueObject
from edgerun.vision.opencv import opencv
from edgerun.vision.sprites import (
    CLASSES,
    LEAN,
    PHASES,
    SIDE,
    Colour,
    Rng,
    Sprite,
    colour,
    fractal,
)

WIDTH, HEIGHT = 512, 384
SHOT_FRAMES = 200
MIN_SIDE = 10.0  # pixels of an object's longer side; a smaller one is ignored
MIN_VISIBLE = 0.3  # share of an object; less is ignored

_MARGIN = 48  # of the background, for the camera to pan
_NOISE_MARGIN = 32
_SHUTTER = 0.6  # share of a frame's time that the shutter is open
_SIZES = (13.0, 150.0)  # pixels of a sprite's unit square
_PATCH_SHARE = 0.17  # of the movers have a companion that hides a part of them


@dataclass(frozen=True)
class _Pose:
    """Where a sprite is: centre and size in pixels, angle in radians, phase of its movement."""

    x: float
    y: float
    size: float
    angle: float
    phase: int = 0


@dataclass(frozen=True)
class _Crossing:
    """One object on its way from one side of the picture to another, in `frames` frames."""

    index: int
    sprite: Sprite
    patch: Sprite | None
    numbers: npt.NDArray[np.float64]  # 16 random numbers, 0 to 1, that make the way
    frames: int

    def pose(self, time: float) -> _Pose:
        """time: frames since the start."""
        n, t = self.numbers, time / self.frames
        size = _SIZES[0] * (_SIZES[1] / _SIZES[0]) ** ((n[0] + n[1]) / 2) ** 0.8
        size = float(np.clip(size * np.exp(0.8 * (n[2] - 0.5) * (2 * t - 1)), *_SIZES))
        first = int(n[3] * 4)
        start = _on_edge(first, n[4], size / 2)
        end = _on_edge((first + 1 + int(n[5] * 3)) % 4, n[6], size / 2)
        wobble = size * 0.4 * n[7] * np.sin(2 * np.pi * (1 + 3 * n[8]) * t)
        lean = np.radians(LEAN.get(CLASSES[self.index], 180))
        spin = 2.5 if lean > 3 else 0.4 * lean
        angle = lean * (2 * n[9] - 1) * 0.8 + spin * (n[10] - 0.5) * np.sin(4 * t + 6 * n[11])
        # In and out quickly, slower between: few are cut by the edge at a time.
        way = t + 0.1 * np.sin(2 * np.pi * t)
        return _Pose(
            x=float(start[0] + (end[0] - start[0]) * way + wobble * 0.5),
            y=float(start[1] + (end[1] - start[1]) * way + wobble),
            size=size,
            angle=float(angle),
            phase=int(time * (0.15 + 0.2 * n[12])) % PHASES,
        )

    def patch_pose(self, time: float) -> _Pose:
        """The companion circles its object slowly, so that what it hides changes."""
        n, own = self.numbers, self.pose(time)
        turn = 2 * np.pi * (n[13] + 0.5 * time / self.frames)
        away = own.size * (0.2 + 0.2 * n[14])
        return _Pose(
            x=own.x + away * float(np.cos(turn)),
            y=own.y + away * float(np.sin(turn)),
            size=own.size * (0.45 + 0.3 * n[15]),
            angle=float(turn),
        )


class Scene:
    """The demo scene of a seed. `render` may be called with any number, in any order."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._shot = lru_cache(maxsize=2)(self._new_shot)

    def render(self, number: int) -> tuple[Image, tuple[TrueObject, ...]]:
        """Frame `number`: uint8 [HEIGHT, WIDTH, 3], blue first, and what is in it.

        Raises ConfigError without OpenCV.
        """
        return self._shot(number // SHOT_FRAMES).render(number)

    def _new_shot(self, index: int) -> _Shot:
        return _Shot(self.seed, index)


class _Shot:
    """One background, one light, one set of movers."""

    def __init__(self, seed: int, index: int) -> None:
        self._key = (seed, index)
        rng = np.random.default_rng([*self._key, 0])
        self._background = _background(rng)
        self._pan = rng.uniform(0, 2 * np.pi, 2), rng.uniform(0.005, 0.03, 2)
        self._movers = int(rng.integers(6, 12))
        self._posts = [_post(rng) for _ in range(int(rng.integers(0, 3)))]
        self._gains = rng.uniform(0.85, 1.25) * rng.uniform(0.88, 1.12, 3)
        self._gamma = float(np.exp(rng.uniform(-0.3, 0.3)))
        self._flicker = rng.uniform(0.0, 0.12), rng.uniform(0.01, 0.06)
        self._clouds = (fractal(rng, 96, 192, 3) * 95 + 160).astype(np.uint8)
        self._cloudy = bool(rng.random() < 0.6)
        self._shadow = float(rng.choice([0.0, rng.uniform(0.25, 0.5)]))
        self._sun = rng.uniform(-0.25, 0.25, 2)
        self._blur = float(rng.choice([0.0, 0.0, rng.uniform(0.4, 0.9)]))
        shape = HEIGHT + _NOISE_MARGIN, WIDTH + _NOISE_MARGIN, 3
        noise = rng.standard_normal(shape, np.float32) * np.float32(rng.uniform(0.5, 7.0))
        self._noise = np.maximum(noise, 0).astype(np.uint8), np.maximum(-noise, 0).astype(np.uint8)
        self._crossing = lru_cache(maxsize=64)(self._new_crossing)

    def render(self, number: int) -> tuple[Image, tuple[TrueObject, ...]]:
        cv2 = opencv()
        time = number - self._key[1] * SHOT_FRAMES
        rng = np.random.default_rng([*self._key, 1, time])
        image = self._view(time)
        # Who is seen at each pixel: mover + 1, 0 for the background, 255 for what has no class.
        owner: Image = np.zeros((HEIGHT, WIDTH), np.uint8)
        drawn: list[tuple[int, _Crossing, _Placed]] = []
        for mover in range(self._movers):
            crossing, since = self._crossing_at(mover, time)
            pose, later = crossing.pose(since), crossing.pose(since + _SHUTTER)
            blur = (later.x - pose.x, later.y - pose.y)
            placed = _place(crossing.sprite, pose, blur)
            if self._shadow:
                _shade(image, placed, self._sun * pose.size, self._shadow)
            _paint(image, placed)
            _own(owner, placed, mover + 1)
            drawn.append((mover, crossing, placed))
            if crossing.patch is not None:
                patch = _place(crossing.patch, crossing.patch_pose(since), blur)
                _paint(image, patch)
                _own(owner, patch, 255)
        for left, right, shade in self._posts:
            image[:, left:right] = shade
            owner[:, left:right] = 255
        if self._cloudy:
            shift = time % 64
            shadow = cv2.resize(self._clouds[:, shift : shift + 128], (WIDTH, HEIGHT))
            image = cv2.multiply(image, cv2.cvtColor(shadow, cv2.COLOR_GRAY2BGR), scale=1 / 220)
        image = cv2.LUT(image, self._light(time))
        if self._blur:
            image = cv2.GaussianBlur(image, (0, 0), self._blur)
        y, x = rng.integers(0, _NOISE_MARGIN, 2)
        more, less = (part[y : y + HEIGHT, x : x + WIDTH] for part in self._noise)
        image = cv2.subtract(cv2.add(image, more), less)
        truth = (
            _truth(owner, mover + 1, crossing.index, placed) for mover, crossing, placed in drawn
        )
        return cast(Image, image), tuple(item for item in truth if item is not None)

    def _view(self, time: int) -> Image:
        """The part of the background that the panning camera sees."""
        start, speed = self._pan
        x, y = (np.sin(start + speed * time) * 0.5 + 0.5) * _MARGIN
        return self._background[int(y) : int(y) + HEIGHT, int(x) : int(x) + WIDTH].copy()

    def _light(self, time: int) -> Image:
        depth, speed = self._flicker
        ramp = np.linspace(0, 1, 256) ** self._gamma
        gain = self._gains * (1 + depth * np.sin(2 * np.pi * speed * time))
        table: Image = np.clip(255 * ramp[:, None] * gain, 0, 255).astype(np.uint8)
        return table[:, None]

    def _crossing_at(self, mover: int, time: int) -> tuple[_Crossing, float]:
        """What a mover is at a time, and the frames since it set out."""
        rng = np.random.default_rng([*self._key, 2, mover])
        frames = int(rng.integers(70, 180))
        turn, since = divmod(time + int(rng.integers(0, frames)), frames)
        return self._crossing(mover, turn, frames), float(since)

    def _new_crossing(self, mover: int, turn: int, frames: int) -> _Crossing:
        rng = np.random.default_rng([*self._key, 3, mover, turn])
        index = int(rng.integers(len(CLASSES)))
        sprite = Sprite(CLASSES[index], (*self._key, 4, mover, turn))
        hidden = rng.random() < _PATCH_SHARE
        patch = Sprite(None, (*self._key, 5, mover, turn)) if hidden else None
        return _Crossing(index, sprite, patch, rng.random(16), frames)


@dataclass(frozen=True)
class _Placed:
    """A sprite as it is in the picture: uint8 [height, width, 4], its left top corner may be
    outside."""

    left: int
    top: int
    picture: Image

    def inside(self) -> tuple[slice, slice, slice, slice]:
        """Rows and columns of the frame, rows and columns of the picture."""
        height, width = self.picture.shape[:2]
        y0, y1 = max(self.top, 0), max(min(self.top + height, HEIGHT), 0)
        x0, x1 = max(self.left, 0), max(min(self.left + width, WIDTH), 0)
        y1, x1 = max(y0, y1), max(x0, x1)
        return (
            slice(y0, y1),
            slice(x0, x1),
            slice(y0 - self.top, y1 - self.top),
            slice(x0 - self.left, x1 - self.left),
        )


def _place(sprite: Sprite, pose: _Pose, blur: tuple[float, float]) -> _Placed:
    """Scaled, turned and blurred along its way."""
    cv2 = opencv()
    # A sprite's unit square is 7/8 of its side.
    zoom = pose.size / 0.875 / SIDE
    level = max(int(np.floor(np.log2(max(1 / zoom, 1.0)) + 0.25)), 0)
    levels = sprite.levels(pose.phase)
    source = levels[min(level, len(levels) - 1)]
    zoom *= SIDE / source.shape[0]
    reach = abs(np.cos(pose.angle)) + abs(np.sin(pose.angle))
    length = float(np.hypot(*blur))
    half = int(np.ceil(source.shape[0] * zoom * reach / 2 + length / 2 + 1))
    left, top = int(np.floor(pose.x)) - half, int(np.floor(pose.y)) - half
    cos, sin = zoom * np.cos(pose.angle), zoom * np.sin(pose.angle)
    middle = (source.shape[0] - 1) / 2
    matrix = np.array(
        [
            [cos, -sin, pose.x - left - middle * (cos - sin)],
            [sin, cos, pose.y - top - middle * (sin + cos)],
        ]
    )
    picture = cv2.warpAffine(source, matrix, (2 * half + 1, 2 * half + 1), flags=cv2.INTER_LINEAR)
    if length > 1.2:
        picture = cv2.filter2D(picture, -1, _streak(blur))
    return _Placed(left, top, cast(Image, picture))


def _streak(blur: tuple[float, float]) -> npt.NDArray[np.float32]:
    """A kernel that smears along `blur`."""
    radius = int(np.ceil(max(map(abs, blur)) / 2))
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1), np.float32)
    for t in np.linspace(-0.5, 0.5, 4 * radius + 3):
        kernel[round(radius + blur[1] * t), round(radius + blur[0] * t)] += 1
    kernel /= kernel.sum()
    return kernel


def _paint(image: Image, placed: _Placed) -> None:
    cv2 = opencv()
    rows, columns, own_rows, own_columns = placed.inside()
    part = image[rows, columns]
    if part.size:
        sprite = placed.picture[own_rows, own_columns]
        clear = cv2.cvtColor(255 - sprite[..., 3], cv2.COLOR_GRAY2BGR)
        behind = cv2.multiply(part, clear, scale=1 / 255)
        part[:] = cv2.add(behind, np.ascontiguousarray(sprite[..., :3]))


def _shade(image: Image, placed: _Placed, away: npt.NDArray[Any], strength: float) -> None:
    """Darkens where the sprite's shadow falls."""
    cv2 = opencv()
    shadow = _Placed(placed.left + int(away[0]), placed.top + int(away[1]), placed.picture)
    rows, columns, own_rows, own_columns = shadow.inside()
    part = image[rows, columns]
    if part.size:
        light = 255 - (placed.picture[own_rows, own_columns, 3] * strength).astype(np.uint8)
        light = cv2.cvtColor(cv2.blur(light, (3, 3)), cv2.COLOR_GRAY2BGR)
        part[:] = cv2.multiply(part, light, scale=1 / 255)


def _own(owner: Image, placed: _Placed, number: int) -> None:
    rows, columns, own_rows, own_columns = placed.inside()
    owner[rows, columns][placed.picture[own_rows, own_columns, 3] > 127] = number


def _truth(owner: Image, number: int, index: int, placed: _Placed) -> TrueObject | None:
    """None where nothing of the object is seen."""
    cv2 = opencv()
    solid = (placed.picture[..., 3] > 127).astype(np.uint8)
    x, y, width, height = cv2.boundingRect(solid)
    rows, columns, _, _ = placed.inside()
    seen = int(np.count_nonzero(owner[rows, columns] == number))
    if not seen:
        return None
    left, top = float(placed.left + x), float(placed.top + y)
    box = (
        max(left, 0.0),
        max(top, 0.0),
        min(left + width, float(WIDTH)),
        min(top + height, float(HEIGHT)),
    )
    visible = seen / int(np.count_nonzero(solid))
    small = max(box[2] - box[0], box[3] - box[1]) < MIN_SIDE
    return TrueObject(CLASSES[index], index, box, visible, small or visible < MIN_VISIBLE)


def _on_edge(edge: int, along: float, beyond: float) -> tuple[float, float]:
    """A point outside the picture: edge 0 left, 1 top, 2 right, 3 bottom."""
    x, y = along * WIDTH, along * HEIGHT
    if edge == 0:
        return -beyond, y
    if edge == 1:
        return x, -beyond
    return (WIDTH + beyond, y) if edge == 2 else (x, HEIGHT + beyond)


def _post(rng: Rng) -> tuple[int, int, Colour]:
    """Left and right of something upright in front of everything, and its colour."""
    left = int(rng.integers(0, WIDTH))
    return left, left + int(rng.integers(5, 22)), colour(rng)


def _background(rng: Rng) -> Image:
    """uint8 [HEIGHT + margin, WIDTH + margin, 3]: clouds, waves, a town or mere colours, and
    clutter in all the colours that objects have."""
    cv2 = opencv()
    height, width = HEIGHT + _MARGIN, WIDTH + _MARGIN
    tones = np.array([colour(rng) for _ in range(3)], np.float32)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    kind = rng.integers(4)
    mix = fractal(rng, height, width)
    if kind == 0:
        mix = 0.5 * mix + 0.5 * y / height
    elif kind == 1:
        turn, period = rng.uniform(0, np.pi), rng.uniform(8, 40)
        along = x * np.cos(turn) + y * np.sin(turn)
        mix = 0.5 + 0.5 * np.sin(2 * np.pi * along / period + 9 * mix)
    elif kind == 2:
        mix = np.floor(mix * rng.integers(3, 8)) / 8
    image = tones[0] + (tones[1] - tones[0]) * mix[..., None]
    grain = fractal(rng, height, width, 7)[..., None]
    image = np.clip(image + (tones[2] - image) * 0.35 * grain, 0, 255).astype(np.uint8)
    if kind == 3:
        _town(image, rng)
    for _ in range(int(rng.integers(10, 60))):
        _clutter(image, rng)
    return cast(Image, cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.2)))


def _town(image: Image, rng: Rng) -> None:
    """Houses with windows."""
    cv2 = opencv()
    height, width = image.shape[:2]
    for _ in range(int(rng.integers(5, 12))):
        left, top = int(rng.integers(-20, width)), int(rng.integers(height // 4, height))
        wide, wall, window = int(rng.integers(30, 110)), colour(rng), colour(rng)
        cv2.rectangle(image, (left, top), (left + wide, height), wall, -1)
        step = int(rng.integers(8, 20))
        for wy in range(top + step // 2, height, step):
            for wx in range(left + step // 2, left + wide - step // 2, step):
                cv2.rectangle(image, (wx, wy), (wx + step // 2, wy + step // 2), window, -1)


def _clutter(image: Image, rng: Rng) -> None:
    """One flat thing: a triangle, a board, a long ellipse, a stroke or a ragged shape."""
    cv2 = opencv()
    height, width = image.shape[:2]
    at = np.array([rng.integers(0, width), rng.integers(0, height)])
    size, turn, shade = float(np.exp(rng.uniform(1.2, 4.2))), rng.uniform(0, 2 * np.pi), colour(rng)
    kind = rng.integers(5)
    if kind == 0:
        axes = int(size) + 1, int(size * rng.uniform(0.2, 0.5)) + 1
        cv2.ellipse(image, at.tolist(), axes, float(np.degrees(turn)), 0, 360, shade, -1)
    elif kind == 1:
        end = at + size * np.array([np.cos(turn), np.sin(turn)])
        cv2.line(image, at.tolist(), end.astype(int).tolist(), shade, int(rng.integers(1, 6)))
    else:
        corners = (3, 4, int(rng.integers(5, 9)))[kind - 2]
        angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
        reach = size * rng.uniform(0.4, 1.0, corners)
        points = at + np.stack([np.cos(angles), np.sin(angles)], 1) * reach[:, None]
        cv2.fillPoly(image, [points.astype(np.int32)], shade)
