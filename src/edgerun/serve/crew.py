"""A model in each shape in which the scheduler may run it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from statistics import median

from edgerun.vision.model import Model

_MIN_RUNS, _MAX_RUNS = 3, 15
_MEASURE_SECONDS = 0.2


class Crew:
    """Instances of one model, as many of each shape as can run at the same time on `cores` cores.

    models: by threads of a run, one instance each; the further ones are its twins, which share its
    weights.
    """

    def __init__(self, models: Mapping[int, Model], cores: int) -> None:
        self._models = dict(models)
        # Made now, since a frame should neither wait for a twin nor find that there is no memory for it.
        self._free = {
            threads: [model, *(model.twin() for _ in range(cores // threads - 1))]
            for threads, model in models.items()
        }

    @property
    def shapes(self) -> tuple[int, ...]:
        """The threads of a run that there are instances for."""
        return tuple(self._models)

    @property
    def model(self) -> Model:
        """The instance for one frame over all cores."""
        return self._models[max(self._models)]

    @contextmanager
    def member(self, threads: int) -> Iterator[Model]:
        """An instance that nobody else has meanwhile. IndexError where more run than there are cores
        for."""
        free = self._free[threads]
        model = free.pop()
        try:
            yield model
        finally:
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
