"""Objects keep their number: drawn scenes whose truth is known, and what each part of the tracker is for."""

from __future__ import annotations

import numpy as np
import pytest

from edgerun.vision.detections import Detection, Detections
from edgerun.vision.kalman import BoxFilter
from edgerun.vision.track_metrics import TrackQuality, track_quality
from edgerun.vision.tracking import Tracker

FPS = 25
Scene = list[dict[int, tuple[float, float, float, float]]]


def box(x: float, y: float, size: float = 40) -> tuple[float, float, float, float]:
    return (x - size / 2, y - size / 2, x + size / 2, y + size / 2)


def seen(*found: tuple[float, ...], score: float = 0.9, index: int = 0) -> Detections:
    items = (Detection("thing", index, score, tuple(map(float, b))) for b in found)  # type: ignore[arg-type]
    return Detections(tuple(items), 640, 480)


def crossing(count: int = 6, frames: int = 100) -> Scene:
    """Objects that go through one another's ways at different speeds."""
    rng = np.random.default_rng(5)
    starts = rng.uniform([40, 60], [600, 420], (count, 2))
    speeds = rng.uniform(-120, 120, (count, 2))
    scene: Scene = []
    for f in range(frames):
        at = starts + speeds * f / FPS
        at %= [1280, 960]  # out of one side, back in at the other
        inside = (at[:, 0] < 640) & (at[:, 1] < 480)
        scene.append({k: box(*at[k], size=36 + 6 * k) for k in range(count) if inside[k]})
    return scene


def track(
    scene: Scene,
    *,
    noise: float = 1.0,
    misses: float = 0.0,
    extras: float = 0.0,
    unsure: float = 0.0,
    every: int = 1,
) -> TrackQuality:
    """Runs a tracker over what an imperfect detector sees; `every`: frames that are looked at."""
    rng = np.random.default_rng(1)
    tracker, frames = Tracker(), []
    for f in range(0, len(scene), every):
        items = []
        for b in scene[f].values():
            if rng.random() >= misses:
                score = 0.3 if rng.random() < unsure else 0.85
                items.append(Detection("thing", 0, score, tuple(np.add(b, rng.normal(0, noise, 4)))))
        if rng.random() < extras:
            items.append(Detection("thing", 0, 0.6, box(rng.uniform(0, 640), rng.uniform(0, 480), 30)))
        shown = tracker.update(Detections(tuple(items), 640, 480), f / FPS)
        frames.append((scene[f], {d.track: d.box for d in shown.items if d.track is not None}))
    return track_quality(frames)


def test_of_a_perfect_detector() -> None:
    quality = track(crossing(), noise=0.0)
    assert quality.switches == 0 and quality.idf1 > 0.97 and quality.mota > 0.97


@pytest.mark.parametrize(
    ("given", "idf1"),
    [
        ({"noise": 2.0}, 0.95),
        ({"misses": 0.15}, 0.85),
        ({"unsure": 0.4}, 0.95),
        ({"extras": 0.5}, 0.95),
        ({"every": 3}, 0.9),
        ({"noise": 2.0, "misses": 0.1, "unsure": 0.2, "extras": 0.3}, 0.85),
    ],
)
def test_of_an_imperfect_one(given: dict, idf1: float) -> None:
    quality = track(crossing(), **given)
    assert quality.idf1 > idf1, quality
    assert quality.switches <= 2, quality


def test_two_that_meet_keep_their_numbers() -> None:
    """They overlap in the middle, where only the direction tells them apart."""
    scene = [{0: box(100 + 8 * f, 200), 1: box(500 - 8 * f, 212)} for f in range(50)]
    assert track(scene, noise=0.5).switches == 0


def test_an_object_behind_a_tree_comes_back_as_itself() -> None:
    tracker, ids = Tracker(), set()
    for f in range(60):
        hidden = 25 <= f < 40  # 0.6 seconds
        shown = tracker.update(seen() if hidden else seen(box(50 + 6 * f, 100)), f / FPS)
        ids |= {d.track for d in shown.items}
        assert len(shown.items) == (not hidden)
    assert ids == {1}


def test_one_that_stays_away_ends() -> None:
    tracker = Tracker(memory=0.5)
    for f in range(5):
        tracker.update(seen(box(100, 100)), f / FPS)
    ended = []
    for f in range(5, 25):
        tracker.update(seen(), f / FPS)
        ended += tracker.ended
    assert [(t.id, t.hits, t.began, t.seen) for t in ended] == [(1, 5, 0.0, 4 / FPS)]
    assert not tracker.tracks


def test_a_single_false_alarm_is_never_shown() -> None:
    tracker = Tracker()
    tracker.update(seen(), 0.0)
    assert not tracker.update(seen(box(100, 100)), 1 / FPS).items
    assert not tracker.update(seen(), 2 / FPS).items
    assert not tracker.tracks and not tracker.ended


def test_an_unsure_detection_continues_a_track_and_begins_none() -> None:
    tracker = Tracker()
    for f in range(9):
        assert not tracker.update(seen(box(100, 100), score=0.3), f / FPS).items
    tracker = Tracker()
    tracker.update(seen(box(100, 100)), 0.0)
    for f in range(1, 9):
        (item,) = tracker.update(seen(box(100, 100), score=0.3), f / FPS).items
        assert (item.track, item.score) == (1, 0.3)


def test_classes_are_not_mixed_up() -> None:
    tracker = Tracker()
    tracker.update(seen(box(100, 100), index=0), 0.0)
    tracker.update(seen(box(100, 100), index=1), 1 / FPS)
    (item,) = tracker.update(seen(box(100, 100), index=1), 2 / FPS).items
    assert item.track == 2


def test_a_video_that_begins_again_has_new_objects() -> None:
    tracker = Tracker()
    for f in range(5):
        tracker.update(seen(box(100, 100)), f / FPS)
    (item,) = tracker.update(seen(box(100, 100)), 0.0).items
    assert item.track == 2
    assert [t.id for t in tracker.ended] == [1]


def test_memory_is_bounded() -> None:
    rng = np.random.default_rng(0)
    tracker = Tracker(memory=1e9)
    for f in range(8):
        tracker.update(seen(*(box(*rng.uniform(0, 1e6, 2)) for _ in range(300))), f / FPS)
    assert len(tracker.tracks) <= 1000


# -- the filter --


def test_the_filter_is_the_textbook_one() -> None:
    """One coordinate, with matrices."""
    rng = np.random.default_rng(2)
    mine = BoxFilter()
    mine.add([(90, 80, 110, 120)])
    size = 20.0
    x, p = np.array([100.0, 0.0]), np.diag([(size / 10) ** 2, (size / 16) ** 2])
    for _ in range(20):
        dt = rng.uniform(0.2, 3)
        f = np.array([[1, dt], [0, 1]])
        width = float(np.diff(mine.boxes()[0, [0, 2]])[0])
        q = dt * np.diag([(width / 20) ** 2, (width / 160) ** 2])
        x, p = f @ x, f @ p @ f.T + q
        predicted = mine.predict(dt)
        assert (predicted[0, 0] + predicted[0, 2]) / 2 == pytest.approx(x[0])
        centre, wide = rng.uniform(90, 130), rng.uniform(15, 25)
        r = (float(np.diff(predicted[0, [0, 2]])[0]) / 20) ** 2
        gain = p[:, 0] / (p[0, 0] + r)
        x, p = x + gain * (centre - x[0]), p - np.outer(gain, p[0])
        mine.update([0], [(centre - wide / 2, 80, centre + wide / 2, 120)])
        got = mine.boxes()[0]
        assert (got[0] + got[2]) / 2 == pytest.approx(x[0])


def test_rows_are_kept_in_the_order_that_is_asked_for() -> None:
    mine = BoxFilter()
    mine.add([box(10, 10), box(20, 20), box(30, 30)])
    mine.keep([2, 0])
    np.testing.assert_allclose(mine.boxes(), [box(30, 30), box(10, 10)])
    assert len(mine) == 2


# -- the measures --


def test_the_measures_of_a_case_by_hand() -> None:
    a, b, c = box(100, 100), box(300, 100), box(500, 100)
    frames = [
        ({1: a, 2: b}, {10: a, 20: b}),
        ({1: a, 2: b}, {10: a}),  # a miss
        ({1: a, 2: b}, {10: a, 30: b}),  # a switch
        ({1: a, 2: b}, {10: a, 30: b, 40: c}),  # an extra
    ]
    quality = track_quality(frames)
    assert (quality.objects, quality.misses, quality.extras, quality.switches) == (8, 1, 1, 1)
    assert quality.mota == pytest.approx(1 - 3 / 8)
    assert quality.idf1 == pytest.approx(2 * (4 + 2) / (8 + 8))
    assert track_quality([]) == TrackQuality(0, 0, 0, 0, 1.0)
