"""The project's scheduler as a policy of the simulation."""

from __future__ import annotations

from bench.scheduler.scenarios import Scenario
from bench.scheduler.simulate import Frame, Run

from edgerun.serve.costs import CostTable
from edgerun.serve.scheduler import Job, Rule, Scheduler

BATCHES = range(2, 9)


class Ours:
    """Told what it would measure at its start: each shape of a run on the idle machine."""

    def __init__(self, scenario: Scenario) -> None:
        costs = CostTable()
        for name, model in scenario.models.items():
            for threads in {1, scenario.cores}:
                costs.measured(name, threads, 1, model.seconds(threads, 1))
            for frames in BATCHES:
                costs.measured(name, scenario.cores, frames, model.seconds(scenario.cores, frames))
        rules = [Rule(c.name, c.model, c.target, c.priority) for c in scenario.cameras]
        self.scheduler = Scheduler(rules, costs, scenario.cores)
        self.reasons: dict[str, int] = {}

    def arrived(self, frame: Frame, now: float) -> None:
        self._count(self.scheduler.offer(frame.camera, frame.captured, now, frame))

    def next(self, now: float, idle: int) -> tuple[list[Run], float | None]:
        decision = self.scheduler.decide(now)
        self._count(decision.dropped)
        runs = [Run(job.model, [f.item for f in job.frames], job.threads, job) for job in decision.jobs]
        return runs, decision.wake_at

    def finished(self, run: Run, now: float, seconds: float) -> None:
        assert isinstance(run.handle, Job)
        self.scheduler.finished(run.handle, now)

    def _count(self, dropped: list) -> None:  # type: ignore[type-arg]
        for one in dropped:
            self.reasons[one.reason] = self.reasons.get(one.reason, 0) + 1
