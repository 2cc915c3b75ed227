"""Renders training frames: `python training/generate.py FOLDER --frames 6000`.

Writes images.npy, uint8 [frames, 384, 512, 3] (blue first), and truth.npy, float32 [frames, 24, 6]:
class (-1 for no object), left, top, right, bottom, ignored (0 or 1). Each shot of each training
seed gives five frames far from each other.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from edgerun.vision.frame import Image, TrueObject
from edgerun.vision.scene import HEIGHT, SHOT_FRAMES, WIDTH, Scene

# Never the same scene twice: the demo camera and the tests use none of the seeds trained on.
TRAINING_SEED = 1_000_000
HELD_OUT_SEED = 2_000_000
MOST_OBJECTS = 24
FRAMES_PER_SEED = 5


def frame_of(first_seed: int, index: int) -> tuple[int, int]:
    """Seed and frame number of a set's frame `index`."""
    seed, part = divmod(index, FRAMES_PER_SEED)
    return first_seed + seed, part * (SHOT_FRAMES // FRAMES_PER_SEED) + index % 31


def frames(first_seed: int, count: int) -> Iterator[tuple[Image, tuple[TrueObject, ...]]]:
    """A set of `count` frames with their truth."""
    scene = Scene(first_seed)
    for index in range(count):
        seed, number = frame_of(first_seed, index)
        scene = scene if scene.seed == seed else Scene(seed)
        yield scene.render(number)


def rows(truth: tuple[TrueObject, ...]) -> np.ndarray:
    """float32 [MOST_OBJECTS, 6] of a frame's truth."""
    table = np.full((MOST_OBJECTS, 6), -1, np.float32)
    for row, item in zip(table, truth, strict=False):
        row[:] = (item.index, *item.box, item.ignored)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frames", type=int, default=6000)
    parser.add_argument("--first", type=int, default=0, help="begin here (a multiple of 5)")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    shape = options.frames, HEIGHT, WIDTH, 3
    images = np.lib.format.open_memmap(options.folder / "images.npy", "w+", np.uint8, shape)
    truths = np.empty((options.frames, MOST_OBJECTS, 6), np.float32)
    first_seed = TRAINING_SEED + options.first // FRAMES_PER_SEED
    for index, (image, truth) in enumerate(frames(first_seed, options.frames)):
        images[index] = image
        truths[index] = rows(truth)
    images.flush()
    np.save(options.folder / "truth.npy", truths)


if __name__ == "__main__":
    main()
