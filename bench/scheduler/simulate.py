"""Plays a scenario to a policy: arrivals in, jobs out, each taking what the scenario says and some noise."""

from __future__ import annotations

import heapq
import math
import random
import time
from dataclasses import dataclass, field
from typing import Protocol

from bench.scheduler.scenarios import Scenario


@dataclass(frozen=True, eq=False)
class Frame:
    camera: str
    model: str
    captured: float


@dataclass(eq=False)
class Run:
    """Frames that run together on so many cores."""

    model: str
    frames: list[Frame]
    threads: int
    handle: object = None


class Policy(Protocol):
    """What is compared. Each is told the time; `next` gives the runs to start, and when to ask again."""

    def arrived(self, frame: Frame, now: float) -> None: ...
    def next(self, now: float, idle: int) -> tuple[list[Run], float | None]: ...
    def finished(self, run: Run, now: float, seconds: float) -> None: ...


@dataclass
class Outcome:
    """Of one policy in one scenario: ages of results in seconds, by camera; and its own time per frame."""

    seconds: float
    frames: int = 0
    ages: dict[str, list[float]] = field(default_factory=dict)
    on_time: int = 0
    own_us: float = 0.0

    @property
    def p99(self) -> float:
        """Geometric mean over the cameras of each one's 99th percentile: how many results a camera has does
        not weigh. Without results it is as old as the scenario is long."""
        each = [percentile(ages, 0.99) if ages else self.seconds for ages in self.ages.values()]
        return math.exp(sum(map(math.log, each)) / len(each))

    @property
    def on_time_share(self) -> float:
        return self.on_time / self.frames

    @property
    def missed(self) -> int:
        return self.frames - self.on_time

    @property
    def least_served(self) -> int:
        """Results of the camera that has fewest."""
        return min(len(ages) for ages in self.ages.values())


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else math.inf


def play(scenario: Scenario, policy: Policy) -> Outcome:
    cameras = {camera.name: camera for camera in scenario.cameras}
    outcome = Outcome(scenario.seconds, ages={name: [] for name in cameras})
    chance = random.Random(scenario.seed + 1)
    order = iter(range(10**9))
    # (time, order, kind, what): arrivals, ends of runs, alarms
    events: list[tuple[float, int, str, object]] = [
        (arrival, next(order), "arrival", Frame(camera, cameras[camera].model, captured))
        for arrival, captured, camera in scenario.arrivals()
    ]
    heapq.heapify(events)
    idle, own, alarm = scenario.cores, 0.0, -1.0
    while events:
        now, _, kind, what = heapq.heappop(events)
        begin = time.perf_counter()
        if kind == "arrival":
            assert isinstance(what, Frame)
            outcome.frames += 1
            policy.arrived(what, now)
        elif kind == "end":
            run, seconds = what  # type: ignore[misc]
            idle += run.threads
            policy.finished(run, now, seconds)
            for frame in run.frames:
                age = now - frame.captured
                outcome.ages[frame.camera].append(age)
                outcome.on_time += age <= cameras[frame.camera].target
        runs, wake_at = policy.next(now, idle)
        own += time.perf_counter() - begin
        for run in runs:
            idle -= run.threads
            assert idle >= 0
            assert run.frames
            cost = scenario.models[run.model].seconds(run.threads, len(run.frames))
            seconds = cost * scenario.factor(now) * math.exp(chance.gauss(0, scenario.noise))
            heapq.heappush(events, (now + seconds, next(order), "end", (run, seconds)))
        if wake_at is not None and wake_at > now and wake_at != alarm:
            alarm = wake_at
            heapq.heappush(events, (wake_at, next(order), "alarm", None))
    outcome.own_us = own * 1e6 / max(outcome.frames, 1)
    return outcome
