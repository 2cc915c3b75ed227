"""The five policies on this machine: recorded videos as 1, 2, 4 and 8 cameras, a real model, real time.

    python -m bench.scheduler.live MODEL VIDEO... [--cameras 1 2 4 8] [--fps 25] [--target 0.1] [--seconds 5]

Each video is decoded before; cameras begin one after the other within a frame's time and give a frame
each 1 / fps seconds. All policies get the same arrivals, one after the other in each round, in another
order each round. A run is preprocessing, inference and decoding of its frames, on a model of its
threads; a batch is its frames one after the other (the model has a fixed batch of one). Per policy: p99
of the frame age in ms (geometric mean over the cameras) and the share of frames with a result within
the target.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from bench.scheduler.baselines import BASELINES
from bench.scheduler.ours import Ours
from bench.scheduler.scenarios import Camera, ModelCost, Scenario
from bench.scheduler.simulate import Frame, Outcome, Policy, Run

import edgerun
from edgerun.serve.crew import Crew
from edgerun.session import default_threads
from edgerun.vision.media import VideoReader

_MOST_FRAMES = 100  # of a video that are kept


@dataclass
class Machine:
    """The model in each shape, pictures, and what a run takes."""

    crew: Crew
    cores: int
    pictures: list[list[np.ndarray]]
    cost: ModelCost

    @staticmethod
    def of(model: Path, videos: list[Path]) -> Machine:
        cores = default_threads()
        models = {threads: edgerun.load(model, threads=threads) for threads in {1, cores}}
        crew = Crew(models, cores)
        pictures = []
        for path in videos:
            with VideoReader(path) as video:
                pictures.append(list(islice(video, _MOST_FRAMES)))
        taken: dict[int, list[float]] = {threads: [] for threads in models}
        for _ in range(30):
            for threads, times in taken.items():
                with crew.member(threads) as one:
                    begin = time.perf_counter()
                    one(pictures[0][0])
                    times.append(time.perf_counter() - begin)
        one, all_ = (statistics.median(taken[threads]) for threads in (1, cores))
        return Machine(crew, cores, pictures, ModelCost(one, one / all_ / cores, 1.0))


def play(machine: Machine, scenario: Scenario, policy: Policy) -> Outcome:
    """As simulate.play, in real time."""
    targets = {camera.name: camera.target for camera in scenario.cameras}
    outcome = Outcome(scenario.seconds, ages={name: [] for name in targets})
    arrivals = sorted(scenario.arrivals())
    changed, ended = threading.Condition(), []  # runs that ended, with their seconds
    idle, own, at, running = machine.cores, 0.0, 0, 0
    counts = dict.fromkeys(targets, 0)
    picture_of: dict[int, np.ndarray] = {}

    def work(run: Run) -> None:
        begin = time.perf_counter()
        with machine.crew.member(run.threads) as model:
            for frame in run.frames:
                model(picture_of[id(frame)])
                with changed:
                    age = time.perf_counter() - start - frame.captured
                    outcome.ages[frame.camera].append(age)
                    outcome.on_time += age <= targets[frame.camera]
        with changed:
            ended.append((run, time.perf_counter() - begin))
            changed.notify()

    with ThreadPoolExecutor(machine.cores) as workers, changed:
        start, wake_at = time.perf_counter(), None
        while at < len(arrivals) or running:
            due = [arrivals[at][0]] if at < len(arrivals) else []
            if wake_at is not None:
                due.append(wake_at)
            now = time.perf_counter() - start
            if not ended and not (due and min(due) <= now):
                changed.wait(min(due) - now if due else None)
            now = time.perf_counter() - start
            begin = time.perf_counter()
            while ended:
                run, seconds = ended.pop()
                idle, running = idle + run.threads, running - 1
                policy.finished(run, now, seconds)
            while at < len(arrivals) and arrivals[at][0] <= now:
                _, captured, camera = arrivals[at]
                frame = Frame(camera, "model", captured)
                number = list(targets).index(camera)
                film = machine.pictures[number % len(machine.pictures)]
                picture_of[id(frame)] = film[counts[camera] % len(film)]
                keep.append(frame)
                counts[camera] += 1
                outcome.frames += 1
                at += 1
                policy.arrived(frame, now)
            runs, wake_at = policy.next(now, idle)
            if wake_at is not None and wake_at <= now:
                wake_at = now + 0.001
            own += time.perf_counter() - begin
            for run in runs:
                idle, running = idle - run.threads, running + 1
                workers.submit(work, run)
    outcome.own_us = own * 1e6 / max(outcome.frames, 1)
    keep.clear()
    return outcome


keep: list[Frame] = []  # so that no frame has the id of another


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("model", type=Path)
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--cameras", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--fps", type=float, default=25)
    parser.add_argument("--target", type=float, default=0.1)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    machine = Machine.of(given.model, given.videos)
    print(f"{machine.cores} cores; a frame takes {machine.cost.one * 1e3:.1f} ms on one core,", end=" ")
    print(f"{machine.cost.seconds(machine.cores, 1) * 1e3:.1f} ms on all")
    names = [*BASELINES, "edgerun"]
    print(f"{'cameras':<9}{'load':>6}" + "".join(f"{name:>18}" for name in names) + f"{'us':>7}")
    for count in given.cameras:
        cameras = tuple(Camera(f"camera{i}", "model", given.fps, given.target) for i in range(count))
        costs = {"model": machine.cost}
        scenario = Scenario("live", "", machine.cores, given.seconds, 7, False, 0.0, (), costs, cameras)
        found: dict[str, list[Outcome]] = {name: [] for name in names}
        for turn in range(given.rounds):
            for name in names[turn % 5 :] + names[: turn % 5]:
                policy = Ours(scenario) if name == "edgerun" else BASELINES[name](scenario, False)
                found[name].append(play(machine, scenario, policy))
        load = count * given.fps * machine.cost.one / machine.cores
        print(f"{count:<9}{load:>6.2f}" + "".join(_cell(outcomes) for outcomes in found.values()), end="")
        print(f"{statistics.median(o.own_us for o in found['edgerun']):>7.0f}")


def _cell(outcomes: list[Outcome]) -> str:
    p99 = statistics.median(o.p99 for o in outcomes) * 1e3
    share = statistics.median(o.on_time_share for o in outcomes) * 100
    return f"{p99:>11.1f}{share:>7.1f}"


if __name__ == "__main__":
    main()
