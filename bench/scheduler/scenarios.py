"""Scenarios: TOML files of cameras, models and machines, and the arrivals that a seed makes of them."""

from __future__ import annotations

import random
import tomllib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "scenarios"


@dataclass(frozen=True)
class ModelCost:
    """Of a run.

    one: seconds on one core. parallel: how much of n cores' time a frame over all of them uses well.
    extra: what each further frame of a batch takes, relative to the first.
    """

    one: float
    parallel: float
    extra: float

    def seconds(self, threads: int, frames: int) -> float:
        gain = 1.0 if threads == 1 else threads * self.parallel
        return self.one / gain * (1 + self.extra * (frames - 1))


@dataclass(frozen=True)
class Camera:
    name: str
    model: str
    fps: float
    target: float
    priority: float = 1.0
    jitter: float = 0.0  # standard deviation of the arrival, seconds
    burst: int = 1  # so many frames come at once, after a pause of as many


@dataclass(frozen=True)
class Scenario:
    """cores, seconds; noise: of the time of a run, the sigma of its logarithm; slow: (from, to, factor)."""

    name: str
    what: str
    cores: int
    seconds: float
    seed: int
    overloaded: bool
    noise: float
    slow: tuple[tuple[float, float, float], ...]
    models: dict[str, ModelCost]
    cameras: tuple[Camera, ...]

    def factor(self, now: float) -> float:
        """How much slower the machine is."""
        found = 1.0
        for begin, end, factor in self.slow:
            if begin <= now < end:
                found *= factor
        return found

    def arrivals(self) -> list[tuple[float, float, str]]:
        """(arrival, capture, camera), in order of arrival."""
        chance, found = random.Random(self.seed), []
        for camera in self.cameras:
            phase, i = chance.random() / camera.fps, 0
            while (captured := phase + i / camera.fps) < self.seconds:
                held = camera.burst - 1 - i % camera.burst  # a burst comes when its last was captured
                unpacked = 0.001 * (camera.burst - held) if camera.burst > 1 else 0.0  # one after the other
                delay = abs(chance.gauss(0, camera.jitter)) if camera.jitter else 0.0
                found.append((captured + held / camera.fps + unpacked + delay, captured, camera.name))
                i += 1
        return sorted(found)


def load(path: Path) -> Scenario:
    data = tomllib.loads(path.read_text())
    models = {name: ModelCost(**fields) for name, fields in data.pop("models").items()}
    cameras = []
    for entry in data.pop("cameras"):
        count = entry.pop("count", 1)
        name = entry.pop("name")
        cameras += [Camera(f"{name}{i}" if count > 1 else name, **entry) for i in range(count)]
    slow = tuple(tuple(piece) for piece in data.pop("slow", []))
    return Scenario(path.stem, data.pop("what"), slow=slow, models=models, cameras=tuple(cameras), **data)


def all_scenarios() -> list[Scenario]:
    return [load(path) for path in sorted(FOLDER.glob("*.toml"))]
