"""edgerun bench: how fast a model runs, beside other engines in the same moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from edgerun.cli.common import (
    existing,
    json_option,
    model_argument,
    print_json,
    print_table,
    shape_option,
    threads_option,
)
from edgerun.errors import InputError

_PEERS = ("litert", "onnxruntime", "openvino")
_SLICE_SECONDS = 0.05
_WARM_UP_RUNS = 3


@dataclass(frozen=True)
class Timing:
    """Times of one engine in milliseconds; ratio: its median over edgerun's."""

    engine: str
    runs: int
    median_ms: float
    p95_ms: float
    min_ms: float
    ratio: float


@click.command("bench")
@model_argument
@click.option(
    "--against", default="", help="The engine to compare with: litert, or onnxruntime for .onnx."
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.1),
    default=2.0,
    show_default=True,
    help="How long each engine is timed.",
)
@threads_option
@shape_option
@json_option
def command(
    model: Path,
    against: str,
    seconds: float,
    threads: int | None,
    shapes: dict[str, tuple[int, ...]],
    as_json: bool,
) -> None:
    """Time inferences on pseudo-random input: median, 95th percentile, minimum.

    With --against the engines take turns in short slices, so that heat and other programs slow all
    of them alike; a ratio above 1 means that edgerun is that much faster.
    """
    from edgerun.backends.trial import refuse_crash
    from edgerun.session import Session, fixed_inputs

    peers = _peers(against, model)
    own = Session(existing(model), threads=threads, shapes=shapes or None)
    feeds = fixed_inputs(own.inputs)
    runs: dict[str, Callable[[], Any]] = {"edgerun": lambda: own.run(feeds)}
    for name in peers:
        if name == "litert":
            refuse_crash(model)
        # The other side gets the threads that this one has, also where that was left to us.
        runs[name] = _runner(
            Session(model, own.threads, shapes=shapes or None, backend=name), feeds
        )
    timings = summarise(interleave(runs, seconds))
    if as_json:
        figures = [asdict(timing) for timing in timings]
        print_json({"model": str(model), "threads": own.threads, "engines": figures})
        return
    rows = [["engine", "runs", "median ms", "p95 ms", "min ms", "ratio"]]
    for timing in timings:
        times = (timing.median_ms, timing.p95_ms, timing.min_ms)
        figures_text = [f"{value:.3f}" for value in times]
        rows.append([timing.engine, str(timing.runs), *figures_text, f"{timing.ratio:.2f}"])
    click.echo(f"{model.name}, threads: {own.threads}")
    print_table(rows, right="12345")


def interleave(runs: dict[str, Callable[[], Any]], seconds: float) -> dict[str, list[float]]:
    """Seconds of every run of each engine; slices alternate, and so does who begins."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        for _ in range(_WARM_UP_RUNS):
            run()
    order = list(runs)
    spent = 0.0
    while spent < seconds:
        for name in order:
            run, samples = runs[name], times[name]
            until = time.perf_counter() + _SLICE_SECONDS
            now = 0.0
            while now < until:
                start = time.perf_counter()
                run()
                now = time.perf_counter()
                samples.append(now - start)
        spent = min(sum(samples) for samples in times.values())
        order.reverse()
    return times


def summarise(times: dict[str, list[float]]) -> list[Timing]:
    """Figures by engine; the first engine is the one that ratios refer to."""
    timings: list[Timing] = []
    for name, samples in times.items():
        ordered = sorted(samples)
        median = ordered[len(ordered) // 2]
        own = timings[0].median_ms / 1e3 if timings else median
        timings.append(
            Timing(
                name,
                len(ordered),
                median * 1e3,
                ordered[min(int(len(ordered) * 0.95), len(ordered) - 1)] * 1e3,
                ordered[0] * 1e3,
                median / own,
            )
        )
    return timings


def _runner(session: Any, feeds: dict[str, Any]) -> Callable[[], Any]:
    return lambda: session.run(feeds)


def _peers(against: str, model: Path) -> list[str]:
    names: list[str] = []
    for name in filter(None, (part.strip() for part in against.split(","))):
        if name not in _PEERS:
            raise InputError(f"--against knows litert and onnxruntime, got {name!r}.")
        peer = "onnxruntime" if model.suffix.lower() == ".onnx" else "litert"
        if name != peer:
            raise InputError(
                f"{name} does not run here: bench compares {model.suffix} files with {peer}."
            )
        if name not in names:
            names.append(name)
    return names
