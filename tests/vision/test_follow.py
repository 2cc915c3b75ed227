"""Motion, best crops, and all of it together on the drawn scene."""

from __future__ import annotations

import numpy as np

from edgerun.vision.best_crop import BestCrops
from edgerun.vision.detections import Detection, Detections
from edgerun.vision.follow import Follower
from edgerun.vision.motion import MotionGate
from edgerun.vision.zones import Zone, ZoneWatch

FPS = 10


def ground(seed: int = 0) -> np.ndarray:
    return np.repeat(
        np.repeat(np.random.default_rng(seed).integers(60, 190, (18, 32, 3), np.uint8), 20, 0), 20, 1
    )


def noisy(picture: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 4, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def with_square(picture: np.ndarray, x: int, y: int, side: int = 24) -> np.ndarray:
    changed = picture.copy()
    changed[y : y + side, x : x + side] = 255 - changed[y : y + side, x : x + side] // 2
    return changed


def test_a_still_scene_is_passed_over_and_motion_is_not() -> None:
    gate, still = MotionGate(hold=1.0), ground()
    seen = [gate.update(noisy(still, f), f / FPS) for f in range(50)]
    assert seen[:11] == [True] * 11 and not any(seen[11:])
    for f in range(50, 60):
        assert gate.update(noisy(with_square(still, 10 * (f - 50), 100), f), f / FPS)
    after = [gate.update(noisy(still, f), f / FPS) for f in range(60, 100)]
    assert after[0] and not after[-1]


def test_light_that_changes_everywhere_is_no_motion() -> None:
    gate, still = MotionGate(hold=0.5), ground()
    for f in range(20):
        gate.update(still, f / FPS)
    assert not any(gate.update(still + np.uint8(2 * f), (20 + f) / FPS) for f in range(20))


def test_a_camera_that_changes_its_size_goes_on() -> None:
    gate = MotionGate(hold=0.5)
    for f in range(20):
        gate.update(ground(), f / FPS)
    assert gate.update(np.zeros((480, 640, 3), np.uint8), 2.0)


def seen(x: float, y: float, size: float, score: float = 0.9, track: int | None = 1) -> Detections:
    return Detections((Detection("thing", 0, score, (x, y, x + size, y + size), track),), 640, 360)


def test_the_best_crop_is_large_sharp_sure_and_whole() -> None:
    sharp = np.random.default_rng(0).integers(0, 256, (360, 640, 3), np.uint8)
    dull = np.full_like(sharp, 90)
    crops = BestCrops()
    crops.update(dull, seen(100, 100, 80), 0.0)
    crops.update(sharp, seen(200, 100, 80), 1.0)
    crops.update(sharp, seen(200, 100, 60), 2.0)
    crops.update(sharp, seen(200, 100, 80, score=0.5), 3.0)
    crops.update(sharp, seen(-30, 100, 80), 4.0)
    crops.update(dull, seen(200, 100, 80), 5.0)
    best = crops.take(1)
    assert best is not None and best.time == 1.0
    assert best.image.shape[:2] == (97, 97)
    np.testing.assert_array_equal(best.image, sharp[92:189, 192:289])
    assert crops.take(1) is None


def test_crops_are_bounded() -> None:
    sharp = np.random.default_rng(0).integers(0, 256, (360, 640, 3), np.uint8)
    crops = BestCrops(most=3)
    for track in range(9):
        crops.update(sharp, seen(0, 0, 360, track=track), 0.0)
    assert len(crops.crops) == 3
    assert all(max(c.image.shape) <= 320 for c in crops.crops.values())
    crops.update(sharp, seen(700, 400, 10, track=1), 1.0)  # outside of the picture


def test_an_object_from_its_first_to_its_last_frame() -> None:
    follower = Follower(watch=ZoneWatch([Zone("left", ((0, 0), (0.5, 0), (0.5, 1), (0, 1)))]))
    picture = np.random.default_rng(0).integers(0, 256, (360, 640, 3), np.uint8)
    told = []
    for f in range(45):
        there = seen(10 + 15 * f, 100, 60, track=None) if f < 30 else Detections((), 640, 360)
        followed = follower.update(there, f / FPS, picture)
        assert [d.track for d in followed.objects.items] == [1] * (f < 30)
        told += followed.happenings()
    assert [(e["event"], e["track"]) for e in told] == [("enter", 1), ("leave", 1), ("ended", 1)]
    assert told[2]["frames"] == 30 and told[2]["best"]["track"] == 1
    assert not follower.crops.crops


def test_at_the_end_of_a_video_all_objects_end() -> None:
    follower = Follower(watch=ZoneWatch([Zone("all", ((0, 0), (1, 0), (1, 1), (0, 1)))]))
    for f in range(10):
        follower.update(seen(100, 100, 60, track=None), f / FPS)
    events, ended = follower.finish()
    assert [(e.kind, e.lost) for e in events] == [("leave", True)]
    assert [(e.track.id, e.track.hits) for e in ended] == [(1, 10)]
