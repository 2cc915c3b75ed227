"""What others do, each with the same mailboxes of one frame per camera, the newest.

Each runs one job at a time. `threads`: over all cores, which is what their servers do on a CPU by default, or
with an instance for each core.
"""

from __future__ import annotations

from bench.scheduler.scenarios import Scenario
from bench.scheduler.simulate import Frame, Run


class Mailboxes:
    """One slot per camera. A newer frame takes its place in the slot, and the slot its place in the queue."""

    def __init__(self, scenario: Scenario, per_core: bool) -> None:
        self.threads = 1 if per_core else scenario.cores
        self.slots: dict[str, Frame] = {}  # in the order in which they were filled
        self.since: dict[str, float] = {}

    def arrived(self, frame: Frame, now: float) -> None:
        if frame.camera not in self.slots:
            self.since[frame.camera] = now
        self.slots[frame.camera] = frame

    def take(self, cameras: list[str]) -> Run:
        frames = [self.slots.pop(camera) for camera in cameras]
        return Run(frames[0].model, frames, self.threads)

    def finished(self, run: Run, now: float, seconds: float) -> None:
        pass

    def same_model(self, most: int) -> list[str]:
        """Cameras of the model of the oldest slot."""
        model = next(iter(self.slots.values())).model
        return [camera for camera, frame in self.slots.items() if frame.model == model][:most]


class Fifo(Mailboxes):
    """First in, first out."""

    def next(self, now: float, idle: int) -> tuple[list[Run], float | None]:
        runs = []
        while idle >= self.threads and self.slots:
            runs.append(self.take([next(iter(self.slots))]))
            idle -= self.threads
        return runs, None


class Window(Mailboxes):
    """Waits for `most` frames or until the first waited `delay` seconds, as Triton's dynamic batcher."""

    most, delay = 4, 0.005

    def next(self, now: float, idle: int) -> tuple[list[Run], float | None]:
        runs: list[Run] = []
        while idle >= self.threads and self.slots:
            cameras = self.same_model(self.most)
            due = self.since[cameras[0]] + self.delay
            if len(cameras) < self.most and now < due:
                return runs, due
            runs.append(self.take(cameras))
            idle -= self.threads
        return runs, None


class Aimd(Mailboxes):
    """Batches up to a size that grows by one after a run within the target and shrinks by a tenth after one
    beyond it, as Clipper's adaptive batching."""

    def __init__(self, scenario: Scenario, per_core: bool) -> None:
        super().__init__(scenario, per_core)
        self.size = dict.fromkeys(scenario.models, 1.0)
        self.target = {
            model: min(c.target for c in scenario.cameras if c.model == model) for model in scenario.models
        }

    def next(self, now: float, idle: int) -> tuple[list[Run], float | None]:
        runs = []
        while idle >= self.threads and self.slots:
            model = next(iter(self.slots.values())).model
            runs.append(self.take(self.same_model(int(self.size[model]))))
            idle -= self.threads
        return runs, None

    def finished(self, run: Run, now: float, seconds: float) -> None:
        size = self.size[run.model]
        good = seconds <= self.target[run.model]
        self.size[run.model] = min(size + 1, 16) if good else max(size * 0.9, 1)


class RoundRobin(Mailboxes):
    """The newest frame of each camera in turn."""

    def __init__(self, scenario: Scenario, per_core: bool) -> None:
        super().__init__(scenario, per_core)
        self.order = [camera.name for camera in scenario.cameras]

    def next(self, now: float, idle: int) -> tuple[list[Run], float | None]:
        runs = []
        while idle >= self.threads and self.slots:
            camera = next(name for name in self.order if name in self.slots)
            self.order.remove(camera)
            self.order.append(camera)
            runs.append(self.take([camera]))
            idle -= self.threads
        return runs, None


BASELINES = {"fifo": Fifo, "window": Window, "aimd": Aimd, "round robin": RoundRobin}
