"""Who enters, leaves, stays and crosses, and that trembling boxes do not."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from edgerun.errors import ConfigError
from edgerun.vision.detections import Detection, Detections
from edgerun.vision.zones import Event, Line, Zone, ZoneWatch
from edgerun.vision.zones_toml import read_zones

FPS = 10
DOOR = Zone("door", ((0.4, 0.4), (0.6, 0.4), (0.6, 0.9), (0.4, 0.9)))
GATE = Line("gate", (0.5, 0.0), (0.5, 1.0))


def at(*points: tuple[float, float], label: str = "person") -> Detections:
    """Objects that stand at these points, numbered from 1, in a picture of 1000 x 500."""
    items = [
        Detection(label, 0, 0.9, (1000 * x - 20, 500 * y - 80, 1000 * x + 20, 500 * y), track=i)
        for i, (x, y) in enumerate(points, 1)
    ]
    return Detections(tuple(items), 1000, 500)


def walk(watch: ZoneWatch, path: list[tuple[float, float]], ended: bool = False) -> list[Event]:
    events = []
    for f, point in enumerate(path):
        events += watch.update(at(point), f / FPS)
    if ended:
        events += watch.update(at(), len(path) / FPS, [1])
    return events


def told(events: list[Event]) -> list[tuple]:
    return [(e.kind, e.place, e.track, round(e.time, 3), e.count) for e in events]


def test_through_a_zone() -> None:
    path = [(0.05 * f, 0.5) for f in range(21)]  # inside from frame 8 to 12
    events = walk(ZoneWatch([DOOR]), path)
    assert told(events) == [("enter", "door", 1, 0.8, 1), ("leave", "door", 1, 1.2, 0)]
    assert events[1].seconds == pytest.approx(0.4)


def test_who_stays_is_told_once_and_who_is_lost_leaves() -> None:
    watch = ZoneWatch([Zone("door", DOOR.points, dwell=2.0)])
    events = walk(watch, [(0.1, 0.5)] * 5 + [(0.5, 0.5)] * 60, ended=True)
    assert told(events) == [
        ("enter", "door", 1, 0.5, 1),
        ("dwell", "door", 1, 2.5, 1),
        ("leave", "door", 1, 6.5, 0),
    ]
    assert events[2].lost and events[2].seconds == pytest.approx(6.0)
    assert watch.counts() == {"door": 0}


def test_trembling_at_the_border_makes_no_events() -> None:
    watch = ZoneWatch([DOOR], [GATE])
    rng = np.random.default_rng(1)
    border = [(0.4 + rng.choice([-0.01, 0.01]) * (f % 2 == 0), 0.5) for f in range(100)]
    events = walk(watch, [(0.1, 0.5)] * 5 + border)
    assert len(events) <= 1  # it may be inside or not, but once
    on_line = [(0.5 + rng.normal(0, 0.003), 0.5) for _ in range(200)]
    assert not walk(ZoneWatch([], [GATE]), [(0.3, 0.5), *on_line])


@pytest.mark.parametrize(("step", "direction"), [(-0.02, "in"), (0.02, "out")])
def test_the_right_of_a_lines_way_is_in(step: float, direction: str) -> None:
    """Down the picture, right is left of who looks at it."""
    watch = ZoneWatch([], [GATE])
    events = walk(watch, [(0.5 - 10 * step + step * f, 0.5) for f in range(20)])
    assert [(e.kind, e.direction, e.count) for e in events] == [("cross", direction, 1)]
    assert watch.crossed == {"gate": {"in": int(direction == "in"), "out": int(direction == "out")}}


def test_past_the_end_of_a_line_is_not_across() -> None:
    short = Line("short", (0.5, 0.0), (0.5, 0.4))
    path = [(0.3 + 0.02 * f, 0.6) for f in range(20)]
    assert not walk(ZoneWatch([], [short]), path)
    assert len(walk(ZoneWatch([], [short]), [(x, 0.3) for x, _ in path])) == 1


def test_there_and_back_counts_both_ways() -> None:
    watch = ZoneWatch([], [GATE])
    there = [(0.3 + 0.02 * f, 0.5) for f in range(20)]
    walk(watch, there + there[::-1] + there)
    assert watch.crossed == {"gate": {"in": 1, "out": 2}}


def test_labels_choose_who_counts() -> None:
    watch = ZoneWatch([Zone("door", DOOR.points, ("dog",))], [Line("gate", GATE.start, GATE.end, ("dog",))])
    assert not walk(watch, [(0.02 * f, 0.5) for f in range(50)])


def test_counts_of_several() -> None:
    watch = ZoneWatch([DOOR])
    for f in range(10):
        watch.update(at((0.5, 0.5), (0.45, 0.6), (0.9, 0.5)), f / FPS)
    assert watch.counts() == {"door": 2}


def test_a_polygon_holds_what_is_inside() -> None:
    """A star with a notch, against the winding of the angles."""
    rng = np.random.default_rng(3)
    for _ in range(30):
        angles = np.sort(rng.uniform(0, 2 * math.pi, 9))
        reach = rng.uniform(0.1, 0.5, 9)
        points = tuple(
            (0.5 + r * math.cos(a), 0.5 + r * math.sin(a)) for r, a in zip(reach, angles, strict=True)
        )
        zone = Zone("z", points)
        for x, y in rng.random((50, 2)):
            turns = [math.atan2(b - y, a - x) for a, b in points]
            steps = np.diff([*turns, turns[0]])
            winding = round(float(np.sum((steps + math.pi) % (2 * math.pi) - math.pi)) / (2 * math.pi))
            assert zone.holds((x, y)) == (winding % 2 == 1)


GOOD = """
[[zone]]
name = "door"
points = [[0.1, 0.2], [0.4, 0.2], [0.4, 1]]
labels = ["person"]
dwell = 5
[[line]]
name = "gate"
start = [0.5, 0]
end = [0.5, 1.0]
"""


def test_the_file(tmp_path: Path) -> None:
    path = tmp_path / "zones.toml"
    path.write_text(GOOD)
    watch = read_zones(path)
    assert watch.zones == [Zone("door", ((0.1, 0.2), (0.4, 0.2), (0.4, 1.0)), ("person",), 5)]
    assert watch.lines == [Line("gate", (0.5, 0.0), (0.5, 1.0))]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[[zone]]", "[[zones]]", "zones is not known; expected zone, line"),
        ("[[zone]]", "[zone]", r"zone must be tables: \[\[zone\]\]"),
        ('name = "door"\n', "", "zone 1: name is missing"),
        ('"door"', "3", "zone 1: name must be a text of 1 to 64 letters, got 3"),
        ('"door"', '"gate"', "Two zones or lines have the name 'gate'"),
        (", [0.4, 1]", "", "The zone 'door' has 2 points, expected 3 to 64"),
        ("[0.4, 1]", "[0.4, 1.5]", r"has the point \[0.4, 1.5\], expected parts of width and height"),
        ("[0.4, 1]", "[0.4]", r"zone 1: points: expected \[x, y\], got \[0.4\]"),
        ("[0.4, 1]", "[nan, 1]", r"zone 1: points: expected \[x, y\]"),
        ("dwell = 5", "dwell = -5", "has dwell = -5, expected seconds above 0"),
        ("dwell = 5", 'dwell = "5"', "zone 1: dwell must be a number of seconds, got '5'"),
        ('["person"]', '"person"', "zone 1: labels must be a list of texts, got 'person'"),
        ("dwell", "dwel", "zone 1: dwel is not known; expected one of name, points, labels, dwell"),
        ("end = [0.5, 1.0]", "end = [0.5, 0.0]", "The line 'gate' begins where it ends"),
        (GOOD, "", r"there is no \[\[zone\]\] and no \[\[line\]\]"),
        (GOOD, "[[zone", "this is no TOML"),
    ],
)
def test_files_that_say_something_else(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "zones.toml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(ConfigError, match=message) as info:
        read_zones(path)
    assert str(info.value).startswith(str(path))
