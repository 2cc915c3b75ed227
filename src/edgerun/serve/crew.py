"""A model in each shape in which the scheduler may run it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from statistics import median

from edgerun.vision.model import Model

_MIN_RUNS, _MAX_RUNS = 3, 15
_MEASURE_SECONDS = 0.2


class Crew:
    """Instances of one model: for one frame on one core as many as there are cores, for one frame over all
    cores one. They share packed weights with their like.

    models: by threads of a run, one instance each; further ones are its twins, made when they are needed.
    """

    def __init__(self, models: Mapping[int, Model]) -> None:
        self._models = dict(models)
        self._free = {threads: [model] for threads, model in models.items()}
        self._lock = threading.Lock()

    @property
    def model(self) -> Model:
        """The instance for one frame over all cores."""
        return self._models[max(self._models)]

    @contextmanager
    def member(self, threads: int) -> Iterator[Model]:
        """An instance that nobody else has meanwhile."""
        with self._lock:
            free = self._free[threads]
            model = free.pop() if free else self._models[threads].twin()
        try:
            yield model
        finally:
            with self._lock:
                free.append(model)

    def measure(self) -> dict[tuple[int, int], float]:
        """Seconds of a run by (threads, frames): the median of some, after one to warm up."""
        found = {}
        for threads in self._models:
            with self.member(threads) as model:
                model.warm_up()
                until = time.perf_counter() + _MEASURE_SECONDS
                taken: list[float] = []
                while len(taken) < _MIN_RUNS or (len(taken) < _MAX_RUNS and time.perf_counter() < until):
                    began = time.perf_counter()
                    model.warm_up()
                    taken.append(time.perf_counter() - began)
            found[threads, 1] = max(median(taken), 1e-6)
        return found
