"""The demo scene: the same every time, and its truth is what was drawn."""

from __future__ import annotations

import numpy as np
import pytest

from edgerun.vision.frame import Image, TrueObject
from edgerun.vision.scene import HEIGHT, MIN_SIDE, MIN_VISIBLE, SHOT_FRAMES, WIDTH, Scene
from edgerun.vision.sprites import CLASSES, Sprite

Rendered = tuple[Image, tuple[TrueObject, ...]]


@pytest.fixture(scope="module")
def frames() -> list[Rendered]:
    return [Scene(seed).render(number) for seed in range(50, 62) for number in (20, 110, 650)]


def test_a_frame_is_a_function_of_seed_and_number():
    alone = Scene(7).render(133)
    scene = Scene(7)
    for number in (0, 500, 132, 3):
        scene.render(number)
    again = scene.render(133)
    assert np.array_equal(alone[0], again[0])
    assert alone[1] == again[1]
    assert not np.array_equal(alone[0], Scene(8).render(133)[0])


def test_frames_are_pictures(frames: list[Rendered]):
    for image, _ in frames:
        assert image.shape == (HEIGHT, WIDTH, 3)
        assert image.dtype == np.uint8
        assert image.std() > 5


def test_things_move_and_shots_change():
    scene = Scene(1)
    first, later = (dict(enumerate(scene.render(number)[1])) for number in (10, 14))
    assert [item.box for item in first.values()] != [item.box for item in later.values()]
    before, after = (scene.render(number)[0] for number in (SHOT_FRAMES - 1, SHOT_FRAMES))
    near = scene.render(SHOT_FRAMES - 2)[0]
    assert change(before, after) > 2 * change(before, near)


def change(a: Image, b: Image) -> float:
    return float(np.abs(a.astype(int) - b).mean())


def test_truth_is_inside_the_picture(frames: list[Rendered]):
    for _, truth in frames:
        for item in truth:
            left, top, right, bottom = item.box
            assert 0 <= left < right <= WIDTH
            assert 0 <= top < bottom <= HEIGHT
            assert item.label == CLASSES[item.index]
            assert 0 < item.visible <= 1
            small = max(right - left, bottom - top) < MIN_SIDE
            assert item.ignored == (small or item.visible < MIN_VISIBLE)


def test_the_exam_is_what_it_says(frames: list[Rendered]):
    items = [item for _, truth in frames for item in truth if not item.ignored]
    sides = [max(item.box[2] - item.box[0], item.box[3] - item.box[1]) for item in items]
    assert {item.label for item in items} == set(CLASSES)
    assert len(CLASSES) >= 6
    assert len(items) / len(frames) > 5
    # A third of the objects is hidden in part, the smallest are some ten pixels.
    assert sum(item.visible < 0.95 for item in items) / len(items) > 0.33
    assert min(sides) < 15
    assert max(sides) > 60


def test_boxes_are_where_the_objects_are():
    """Leaving out the mover in front changes the picture inside its box, and nowhere else."""
    tried = 0
    for seed in range(300, 330):
        shot = Scene(seed)._shot(0)
        shot._shadow = shot._blur = 0.0
        image, truth = shot.render(60)
        crossing, _ = shot._crossing_at(shot._movers - 1, 60)
        shot._movers -= 1
        without, fewer = shot.render(60)
        if len(fewer) == len(truth) or truth[-1].ignored or crossing.patch is not None:
            continue
        tried += 1
        differs = np.abs(image.astype(int) - without).max(2) > 12
        left, top, right, bottom = (int(side) for side in truth[-1].box)
        assert differs[top:bottom, left:right].mean() > 0.1
        # Smoothed edges and smears of movement reach a little beyond.
        differs[max(top - 4, 0) : bottom + 4, max(left - 4, 0) : right + 4] = False
        assert not differs.any()
    assert tried > 5


@pytest.mark.parametrize("label", CLASSES)
def test_a_class_comes_in_every_hue(label: str):
    """Mean colours of many objects of a class lie on all sides of grey."""
    opponents = []
    for seed in range(60):
        picture = Sprite(label, (seed,)).levels(0)[2]
        blue, green, red, cover = picture.reshape(-1, 4).sum(0, np.float64)
        opponents.append(((red - green) / cover, (blue - (red + green) / 2) / cover))
    quadrants = {(a > 0, b > 0) for a, b in opponents}
    assert len(quadrants) == 4


def test_a_sprite_has_no_colour_beyond_its_cover():
    for label in (*CLASSES, None):
        for picture in Sprite(label, (3, 4)).levels(1):
            assert (picture[..., :3] <= picture[..., 3:]).all()
