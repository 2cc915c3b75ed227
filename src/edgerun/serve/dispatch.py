"""The scheduler, live: threads that run what it decides.

    grabbing threads: offer(frame) -> Scheduler
    a worker per core: Scheduler.decide -> a job -> its stream's work, on a model of the job's shape

A worker that is free asks for a decision; nobody polls: it sleeps until a frame arrives, a job ends, or
the moment that the scheduler named. What is decided is remembered for the dashboard, and what deciding
costs is counted.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from edgerun.serve.costs import CostTable
from edgerun.serve.crew import Crew
from edgerun.serve.scheduler import Dropped, Job, Rule, Scheduler
from edgerun.vision.frame import Frame
from edgerun.vision.model import Model

_REMEMBERED = 64


class Consumer(Protocol):
    """What a stream does with its frames. None of it raises."""

    def begun(self, frame: Frame) -> None:
        """The frame will be worked on; in the order in which frames were offered. Must not wait."""

    def work(self, frame: Frame, model: Model) -> None:
        """From the frame to its result; by any worker, frames of one stream at the same time too."""

    def dropped(self, frame: Frame, reason: str) -> None:
        """The frame has no result. Must not wait."""


@dataclass(frozen=True)
class Decided:
    """A job that ended: when it began (seconds since 1970), its shape, seconds as predicted and as
    it was."""

    began_at: float
    model: str
    streams: tuple[str, ...]
    threads: int
    predicted: float
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        return {
            "began_at": round(self.began_at, 3), "model": self.model, "streams": list(self.streams),
            "threads": self.threads, "predicted_ms": round(self.predicted * 1e3, 3),
            "ms": round(self.seconds * 1e3, 3),
        }  # fmt: skip


class Dispatcher:
    """Workers on `cores` cores, and the scheduler that they ask. Safe from any thread."""

    def __init__(self, cores: int) -> None:
        self.cores = cores
        self._costs = CostTable()
        self._scheduler = Scheduler((), self._costs, cores)
        self._crews: dict[str, Crew] = {}
        self._consumers: dict[str, Consumer] = {}
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._room = threading.Condition(self._lock)
        self._jobs: deque[Job] = deque()
        self._decided: deque[Decided] = deque(maxlen=_REMEMBERED)
        self._frames = 0
        self._own_seconds = 0.0
        self._stopped = False
        self._workers = [
            threading.Thread(target=self._run, name=f"worker-{i}", daemon=True) for i in range(cores)
        ]

    def add(self, rule: Rule, crew: Crew, consumer: Consumer) -> None:
        """Takes a stream in; a model that is new here is measured first, which takes a few of its
        runs."""
        measured = {} if rule.model in self._crews else crew.measure()
        with self._lock:
            for (threads, frames), seconds in measured.items():
                self._costs.measured(rule.model, threads, frames, seconds)
            self._crews.setdefault(rule.model, crew)
            self._consumers[rule.name] = consumer
            self._scheduler.add(rule)

    def start(self) -> None:
        for worker in self._workers:
            worker.start()

    def stop(self, timeout: float = 1.0) -> None:
        """Ends the workers after the runs that they are in; what waits is let go."""
        with self._lock:
            self._stopped = True
            self._work.notify_all()
            self._room.notify_all()
        until = time.monotonic() + timeout
        for worker in self._workers:
            if worker.is_alive():
                worker.join(max(until - time.monotonic(), 0.0))

    def offer(self, stream: str, frame: Frame, given_up: Callable[[], bool] = lambda: False) -> None:
        """A frame arrived; waits while a stream that must lose nothing has no room, until `given_up`."""
        with self._lock:
            while not (self._scheduler.takes(stream) or self._stopped or given_up()):
                self._room.wait()
            if self._stopped or given_up():
                return
            now = time.monotonic()
            self._drop(self._scheduler.offer(stream, frame.captured_ns / 1e9, now, frame))
            self._frames += 1
            self._own_seconds += time.monotonic() - now
            self._work.notify()

    def waits(self, stream: str) -> bool:
        """Whether frames of a stream have not begun."""
        with self._lock:
            return self._scheduler.waiting(stream) > 0

    def wake(self) -> None:
        """Lets those who wait in `offer` look whether they have given up."""
        with self._lock:
            self._room.notify_all()

    def to_dict(self) -> dict[str, Any]:
        """What the scheduler knows, what it decided last (newest first), and its own microseconds a
        frame."""
        with self._lock:
            decided = [one.to_dict() for one in reversed(self._decided)]
            own = self._own_seconds / self._frames if self._frames else 0.0
            return {
                "cores": self.cores,
                **self._scheduler.to_dict(time.monotonic()),
                "costs": self._costs.to_dict(),
                "own_us_per_frame": round(own * 1e6, 1),
                "decided": decided,
            }

    def _run(self) -> None:
        while (job := self._next()) is not None:
            began_at = time.time()
            crew = self._crews[job.model]
            with crew.member(job.threads) as model:
                for waiting in job.frames:
                    self._consumers[waiting.stream].work(waiting.item, model)
            self._ended(job, began_at)

    def _next(self) -> Job | None:
        """The next job, waited for; None once stopped."""
        with self._lock:
            while not self._stopped:
                if self._jobs:
                    return self._jobs.popleft()
                now = time.monotonic()
                decision = self._scheduler.decide(now)
                self._drop(decision.dropped)
                self._jobs.extend(decision.jobs)
                for job in decision.jobs:
                    for waiting in job.frames:
                        self._consumers[waiting.stream].begun(waiting.item)
                if decision.jobs or decision.dropped:
                    self._room.notify_all()
                self._own_seconds += time.monotonic() - now
                if self._jobs:
                    # One job is for this worker; one worker more has to wait for the moment that was named.
                    self._work.notify(len(self._jobs) - 1 + (decision.wake_at is not None))
                else:
                    wait = None if decision.wake_at is None else max(decision.wake_at - time.monotonic(), 0.0)
                    self._work.wait(wait)
            return None

    def _ended(self, job: Job, began_at: float) -> None:
        with self._lock:
            now = time.monotonic()
            self._scheduler.finished(job, now)
            streams = tuple(waiting.stream for waiting in job.frames)
            predicted, took = job.finish - job.started, now - job.started
            self._decided.append(Decided(began_at, job.model, streams, job.threads, predicted, took))
            self._own_seconds += time.monotonic() - now

    def _drop(self, dropped: list[Dropped]) -> None:
        for one in dropped:
            self._consumers[one.frame.stream].dropped(one.frame.item, one.reason)
