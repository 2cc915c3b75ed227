"""Which frame runs next, and how: a pure object, told the time by who asks.

A stream is a camera looked at by one model. Each keeps few frames (`latest`: one). Whenever a core is
free, the scheduler drops what can no longer be in time, ranks the streams, and chooses between one
frame over all cores, a frame per core, and several frames in one run, by the predicted finish of all
that waits.

Rank: while the machine keeps up, the earliest deadline first, where a stream of priority p has its
deadline at 1/p of its target (Liu & Layland 1973). When it does not, deadlines no longer tell who
deserves the machine: then weighted fair queueing (Demers, Keshav & Shenker 1989) gives each stream its
share, by priority, and among streams about as far the freshest frame goes first, since it will be the
youngest result; one that is old for its camera waits for the next, which is about to come. So overload
degrades by priority, no stream starves, and results are young.

A long job does not take the last core while a short one is expected that could not wait for it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from edgerun.serve.costs import CostTable

Policy = Literal["latest", "queue", "all"]

# Above this share of the machine's time asked for, fair shares replace deadlines; back below the other.
_FULL, _NOT_FULL = 0.95, 0.85
# One frame over all cores costs more time of the machine than on one: only while this share is asked for.
_WIDE_LOAD = 1.04
_RATE = 0.03  # of a new gap between frames, in the moving average
# Of the gap between a stream's frames: an older one had better wait for the next, which will come soon.
_STALE = 0.3
_AHEAD = 0.3  # a run more than its fair share puts a stream as far back as a frame this much of a gap older
_ROOM = 0.35  # of a gap: how long a short job may wait for a long one
_PATIENCE = 0.35  # of a run: how long a core may idle for a fresh frame where only stale ones are there
_BATCH_GAIN = 1.05  # how much more a batch must get done for the cores to wait for each other
_SILENT = 8.0  # gaps: a stream without a frame for so long is not expected to ask for anything
# A frame that arrives more than a gap late has newer ones behind it, which come within these seconds.
_OVERDUE, _SETTLE = 1.5, 0.002


@dataclass(frozen=True)
class Rule:
    """How a stream wants to be treated.

    target: seconds from capture to result. priority: > 0, relative. policy: `latest` keeps the newest
    frame, `queue` the `depth` newest, `all` loses none (its source waits while `depth` frames do).
    """

    name: str
    model: str
    target: float = 0.2
    priority: float = 1.0
    policy: Policy = "latest"
    depth: int = 1


@dataclass(frozen=True, eq=False)
class Waiting:
    """A frame of a stream; captured and arrived in seconds of the scheduler's clock."""

    stream: str
    captured: float
    arrived: float
    item: Any = None


@dataclass(frozen=True, eq=False)
class Dropped:
    """A frame that will have no result: `newer_frame`, `full` or `late`."""

    frame: Waiting
    reason: str


@dataclass(frozen=True, eq=False)
class Job:
    """Frames of one model that run now, together, on so many cores."""

    model: str
    frames: tuple[Waiting, ...]
    threads: int
    started: float
    finish: float  # as predicted


@dataclass
class Decision:
    """Jobs to start, frames that were dropped, and when to ask again if nothing else happens before."""

    jobs: list[Job] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    wake_at: float | None = None


class _Stream:
    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.frames: deque[Waiting] = deque()
        self.used = 0.0  # seconds by priority, moved up after a silence: what fair shares compare
        self.seconds = 0.0  # of one core so far, as predicted
        self.gap: float | None = None  # between frames, on average
        self.delay = 0.0  # from capture to arrival, on average
        self.last = -math.inf  # when the newest frame was captured
        self.running = 0

    def pace(self, now: float) -> float | None:
        """Seconds between frames; None before the second one, and when none came for several gaps."""
        if self.gap is None or now - self.last - self.delay > _SILENT * self.gap:
            return None
        return self.gap


class Scheduler:
    """Decides for some streams on some cores. Not safe from several threads: its owner has a lock."""

    def __init__(self, rules: Sequence[Rule], costs: CostTable, cores: int) -> None:
        self._streams: dict[str, _Stream] = {}
        self._costs = costs
        self._cores = cores
        self._running: list[Job] = []
        self._full = False
        for rule in rules:
            self.add(rule)

    def add(self, rule: Rule) -> None:
        """Takes a stream in, whose model the costs know. Raises ValueError for a name that is taken."""
        if rule.name in self._streams:
            raise ValueError(f"There is a stream {rule.name!r} already.")
        self._streams[rule.name] = _Stream(rule)

    # -- what happens --

    def offer(self, stream: str, captured: float, now: float, item: Any = None) -> list[Dropped]:
        """A frame arrived. Of the policy `all` only while `takes(stream)`."""
        s = self._streams[stream]
        frame = Waiting(stream, captured, now, item)
        gap = captured - s.last
        s.last = max(s.last, captured)
        if math.isfinite(gap) and gap > 0:
            bounded = min(gap, 1.0)
            s.gap = bounded if s.gap is None else s.gap + _RATE * (bounded - s.gap)
        s.delay += _RATE * (now - captured - s.delay)
        dropped = []
        if s.rule.policy == "latest":
            dropped = [Dropped(old, "newer_frame") for old in s.frames]
            s.frames.clear()
        elif s.rule.policy == "queue" and len(s.frames) >= s.rule.depth:
            dropped = [Dropped(s.frames.popleft(), "full")]
        if not s.frames and not s.running:
            # Who asked for nothing saves nothing up.
            busy = [t.used for t in self._streams.values() if t is not s and (t.frames or t.running)]
            s.used = max(s.used, min(busy, default=s.used))
        s.frames.append(frame)
        return dropped

    def takes(self, stream: str) -> bool:
        """Whether there is room for a frame that must not be lost."""
        s = self._streams[stream]
        return s.rule.policy != "all" or len(s.frames) < s.rule.depth

    def waiting(self, stream: str) -> int:
        """How many of its frames have not begun."""
        return len(self._streams[stream].frames)

    def finished(self, job: Job, now: float) -> None:
        """A job ended."""
        self._running.remove(job)
        for frame in job.frames:
            self._streams[frame.stream].running -= 1
        self._costs.finished(job.model, job.threads, len(job.frames), max(now - job.started, 1e-9))

    def to_dict(self, now: float) -> dict[str, Any]:
        """Load, and by stream what it wants, how much waits, and its share of the time used so far."""
        seconds = sum(s.seconds for s in self._streams.values())
        streams = [
            {
                "name": s.rule.name, "model": s.rule.model, "target_ms": s.rule.target * 1e3,
                "priority": s.rule.priority, "policy": s.rule.policy, "waiting": len(s.frames),
                "running": s.running, "share": round(s.seconds / seconds, 3) if seconds else 0.0,
                "gap_ms": None if s.gap is None else round(s.gap * 1e3, 2),
            }
            for s in self._streams.values()
        ]  # fmt: skip
        return {"load": round(self._load(now), 3), "full": self._full, "streams": streams}

    # -- what to do --

    def decide(self, now: float) -> Decision:
        """What to start now."""
        decision = Decision()
        self._drop_late(now, decision)
        self._full = self._load(now) > (_NOT_FULL if self._full else _FULL)
        while True:
            idle = self._cores - sum(job.threads for job in self._running)
            ranked = self._ranked(now, decision) if idle > 0 else []
            if not ranked:
                return decision
            job = self._best(ranked, idle, now)
            if job is None:
                return decision  # the end of a run will ask again
            self._start(job)
            decision.jobs.append(job)

    def _drop_late(self, now: float, decision: Decision) -> None:
        """What cannot be in time makes room for what can; not where no frame ever could."""
        for s in self._streams.values():
            if s.rule.policy == "all" or not s.frames:
                continue
            fastest = self._fastest(s.rule.model)
            if fastest > s.rule.target:
                continue
            while s.frames and now + fastest > s.frames[0].captured + s.rule.target:
                decision.dropped.append(Dropped(s.frames.popleft(), "late"))

    def _fastest(self, model: str) -> float:
        return min(self._costs.seconds(model, threads) for threads, n in self._shapes(model) if n == 1)

    def _shapes(self, model: str) -> list[tuple[int, int]]:
        return [(t, b) for t, b in self._costs.shapes(model) if t <= self._cores]

    def _load(self, now: float) -> float:
        """The share of all cores' time that the streams ask for, a frame per core."""
        paces = [(s.rule.model, s.pace(now)) for s in self._streams.values()]
        asked = sum(self._costs.seconds(model, 1) / pace for model, pace in paces if pace is not None)
        return asked / self._cores

    def _ranked(self, now: float, decision: Decision) -> list[_Stream]:
        """The streams with frames, the one to serve first in front."""
        ready = []
        for s in self._streams.values():
            if not s.frames:
                continue
            newest = s.frames[-1]
            settled = newest.arrived + _SETTLE
            overdue = s.gap is not None and newest.arrived - newest.captured > _OVERDUE * s.gap
            if s.rule.policy == "latest" and overdue and now < settled:
                decision.wake_at = min(decision.wake_at or settled, settled)
                continue
            ready.append(s)
        if not self._full:
            return sorted(ready, key=lambda s: s.frames[0].captured + s.rule.target / s.rule.priority)
        least = min((s.used for s in ready), default=0.0)

        def rank(s: _Stream) -> tuple[bool, float]:
            runs_ahead = (s.used - least) * s.rule.priority / self._costs.seconds(s.rule.model, 1)
            gap, captured = s.gap or 0.0, s.frames[0].captured
            stale = s.rule.policy == "latest" and now - captured > s.delay + _STALE * gap
            return stale, runs_ahead * _AHEAD * gap - captured

        ready.sort(key=rank)
        if ready and rank(ready[0])[0]:
            fresh = [max(s.last + s.gap + s.delay, now) for s in self._streams.values() if s.gap is not None]
            soon = min((t for t in fresh if t > now), default=math.inf)
            if soon - now < _PATIENCE * self._costs.seconds(ready[0].rule.model, 1):
                decision.wake_at = min(decision.wake_at or soon, soon)
                return []
        return ready

    def _best(self, ranked: list[_Stream], idle: int, now: float) -> Job | None:
        """The job to start; None to wait for more cores."""
        first = ranked[0]
        model = first.rule.model
        single = self._job([first], 1, now)
        if self._cores == 1 and len(ranked) == 1:
            return single
        waiting = ranked[: 4 * self._cores]
        free = sorted([now] * idle + [job.finish for job in self._running for _ in range(job.threads)])
        options = [(self._outlook(waiting[1:], free, single), single)]
        shapes = self._shapes(model)
        together = self._full and self._batches_pay(model) and all(j.model == model for j in self._running)
        if idle == self._cores:
            if together:
                options.clear()  # the next run will want all cores, so that this one may have them
            if (self._cores, 1) in shapes and (together or self._wide_pays(model, now)):
                wide = self._job([first], self._cores, now)
                options.append((self._outlook(waiting[1:], free, wide), wide))
            same = [s for s in waiting if s.rule.model == model]
            for threads, frames in shapes:
                if 1 < frames <= len(same):
                    batch = self._job(same[:frames], threads, now)
                    rest = [s for s in waiting if s not in same[:frames]]
                    options.append((self._outlook(rest, free, batch), batch))
        elif together or (
            len(ranked) == 1
            and (self._cores, 1) in shapes
            and self._wide_pays(model, now)
            and free[-1] + self._costs.seconds(model, self._cores) < single.finish
        ):
            return None
        if idle == 1 and self._cores > 1 and not self._leaves_room(first, single, now):
            for other in ranked[1:]:
                job = self._job([other], 1, now)
                if self._leaves_room(other, job, now):
                    return job
            return None
        return min(options, key=lambda option: option[0])[1]

    def _wide_pays(self, model: str, now: float) -> bool:
        """Whether the machine has the time that one frame over all cores wastes."""
        one, wide = self._costs.seconds(model, 1), self._costs.seconds(model, self._cores)
        return wide < one and self._load(now) * wide * self._cores / one < _WIDE_LOAD

    def _batches_pay(self, model: str) -> bool:
        """Whether runs of several frames get more done than a frame per core."""
        singly = self._cores / self._costs.seconds(model, 1)
        batched = [b / self._costs.seconds(model, t, b) for t, b in self._shapes(model) if b > 1]
        return max(batched, default=0.0) > singly * _BATCH_GAIN

    def _leaves_room(self, stream: _Stream, job: Job, now: float) -> bool:
        """Whether taking the last core lets the others be in time, whose next frames are expected.

        A long job on the last core is what a short one behind it cannot make up for.
        """
        soonest = min(job.finish, min((j.finish for j in self._running), default=job.finish))
        for s in self._streams.values():
            gap = s.pace(now)
            if s is stream or s.rule.model == stream.rule.model or gap is None:
                continue
            cost = self._costs.seconds(s.rule.model, 1)
            if cost * 4 > job.finish - now:
                continue  # about as long: they wait for each other
            expected = max(s.last + gap, now)
            if expected < soonest and soonest + cost > expected + min(s.rule.target, _ROOM * gap):
                return False
        return True

    def _job(self, streams: list[_Stream], threads: int, now: float) -> Job:
        model = streams[0].rule.model
        frames = tuple(s.frames[0] for s in streams)
        return Job(model, frames, threads, now, now + self._costs.seconds(model, threads, len(frames)))

    def _outlook(self, rest: list[_Stream], free: list[float], job: Job) -> tuple[float, float]:
        """What to keep small: the sum of all finishes of what waits now, or when the machine is full
        the last of them, if `job` starts and the rest follows on the cores as they become free."""
        cores = sorted([job.finish] * job.threads + free[job.threads :])
        last, total = job.finish, job.finish * len(job.frames)
        for s in rest:
            finish = cores[0] + self._costs.seconds(s.rule.model, 1)
            if cores[-1] == cores[0] and s is rest[-1] and (self._cores, 1) in self._shapes(s.rule.model):
                finish = min(finish, cores[0] + self._costs.seconds(s.rule.model, self._cores))
            cores = sorted([finish, *cores[1:]])
            last, total = max(last, finish), total + finish
        return (last, total) if self._full else (total, last)

    def _start(self, job: Job) -> None:
        self._running.append(job)
        seconds = (job.finish - job.started) * job.threads / len(job.frames)
        for frame in job.frames:
            s = self._streams[frame.stream]
            s.frames.popleft()
            s.running += 1
            s.used += seconds / s.rule.priority
            s.seconds += seconds
