"""What LiteRT and edgerun make of a probe, and whether they agree."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from cases.base import tolerances
from edgerun.errors import EdgerunError
from edgerun.frontends import load_graph
from edgerun.ir.types import Array
from edgerun.session import Session
from probes.base import Probe


class Verdict(NamedTuple):
    """litert: it "runs", it "refuses", or it "crashes". edgerun: it "agrees", it "refuses", it "runs" where
    LiteRT does not, it "differs", or it "fails" without a sentence of ours; `reason` says why."""

    litert: str
    edgerun: str
    reason: str = ""


def judge(probe: Probe, litert: str = "") -> Verdict:
    """litert: what is known of LiteRT already; it is asked unless that is "crashes"."""
    model, feeds = probe.model(), probe.feeds()
    theirs: dict[str, Array] | None = None
    if litert != "crashes":
        try:
            theirs = _litert(model, feeds)
        except (ValueError, RuntimeError):
            theirs = None
        litert = "refuses" if theirs is None else "runs"
    try:
        mine = Session(model, 1).run(feeds)
    except EdgerunError as error:
        return Verdict(litert, "refuses", _last_line(str(error)))
    except Exception as error:
        return Verdict(litert, "fails", f"{type(error).__name__}: {error}")
    if theirs is None:
        return Verdict(litert, "runs")
    for name, expected in theirs.items():
        different = _difference(mine[name], expected, partial(_tolerance, model, feeds, name))
        if different:
            return Verdict(litert, "differs", different)
    return Verdict(litert, "agrees")


def _litert(model: bytes, feeds: Mapping[str, Array]) -> dict[str, Array]:
    import litert

    return litert.run(model, dict(feeds))


def _last_line(text: str) -> str:
    return text.splitlines()[-1].rpartition("): ")[2].strip()


def _tolerance(model: bytes, feeds: Mapping[str, Array], name: str) -> Any:
    try:
        graph = load_graph(model)
        return tolerances(graph, feeds).get(name, 0.0)
    except EdgerunError:
        return 0.0


def _difference(got: Array, expected: Array, tolerance: Callable[[], Any]) -> str:
    """How the results differ, in a few words; nothing when they agree."""
    if got.shape != expected.shape or got.dtype != expected.dtype:
        return f"{got.dtype}{list(got.shape)}, expected {expected.dtype}{list(expected.shape)}"
    if np.array_equal(got, expected, equal_nan=got.dtype.kind == "f"):
        return ""
    if got.dtype.kind == "c":  # as one sum is near another
        most = float(np.abs(expected).max())
        return "" if np.abs(got - expected).max() <= 1e-5 * most else "complex numbers apart"
    if got.dtype.kind == "f":
        a, b = got.astype(np.float64), expected.astype(np.float64)
        with np.errstate(invalid="ignore"):
            apart = np.abs(a - b)
            close = apart <= np.maximum(2 * tolerance(), 1e-5 * np.abs(b))
        close |= (a == b) | (np.isnan(a) & np.isnan(b))
        if close.all():
            return ""
        worst = np.unravel_index(int(np.argmin(close)), close.shape)
        return f"{a[worst]:.7g}, expected {b[worst]:.7g}"
    pairs = zip(got.ravel().tolist(), expected.ravel().tolist(), strict=True)
    most = max(abs(int(a) - int(b)) for a, b in pairs)
    return "" if most <= (1 if got.dtype.itemsize == 1 and got.dtype.kind != "b" else 0) else f"{most} apart"


def judge_all(probes: Iterable[Probe]) -> Iterator[tuple[Probe, Verdict]]:
    """Each probe in a process that may die of it: LiteRT does of some models."""
    todo = list(probes)
    while todo:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            with os.fdopen(write, "wb") as pipe:
                for probe in todo:
                    pickle.dump(judge(probe), pipe)
                    pipe.flush()
            os._exit(0)
        os.close(write)
        done = 0
        with os.fdopen(read, "rb") as pipe:
            for probe in todo:
                try:
                    verdict = pickle.load(pipe)
                except EOFError:
                    break
                done += 1
                yield probe, verdict
        os.waitpid(child, 0)
        if done < len(todo):
            yield todo[done], judge(todo[done], "crashes")
            done += 1
        todo = todo[done:]
