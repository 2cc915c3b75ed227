"""One mutated model: loaded and run; what is not an EdgerunError comes out."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np

from edgerun import Session
from edgerun.errors import EdgerunError
from edgerun.ir.types import Array, TensorInfo
from edgerun.staged import StagedRunner

LIMITS = {"EDGERUN_MAX_ARENA_MB": "16", "EDGERUN_MAX_FOLD_MB": "4", "EDGERUN_MAX_PROGRAMS": "3"}
_MAX_INPUT = 1 << 22  # bytes
_MAX_MACS = 1 << 28
_MAX_CALLS = 200  # of subgraphs in one run: a file may well say that a loop never ends


class _EnoughCalls(EdgerunError):
    """A loop was run for long enough."""


@contextmanager
def limits() -> Iterator[None]:
    """Small limits on memory, warnings as errors, loops that end."""
    original = StagedRunner._subgraph

    def counted(self: StagedRunner, *arguments: object) -> object:
        self.__dict__["calls"] = self.__dict__.get("calls", 0) + 1
        if self.__dict__["calls"] > _MAX_CALLS:
            raise _EnoughCalls
        return original(self, *arguments)  # type: ignore[arg-type]

    with (
        mock.patch.dict(os.environ, LIMITS),
        mock.patch.object(StagedRunner, "_subgraph", counted),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", module="onnx")  # says so where it ignores something
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)  # a complex scale is a strange one
        yield


def attempt(source: bytes | Path, seed: int, verify: bool = False) -> str:
    """How far the model came: "refused", "large" (loaded, too large to be run here), "stopped" (a run
    raised), "ran". Within `limits`."""
    rng = np.random.default_rng(seed)
    try:
        session = Session(source, threads=1 + seed % 2)
        inputs, outputs = _ends(session, "inputs"), _ends(session, "outputs")
    except EdgerunError:
        return "refused"
    verify = verify and _ordinary(session)
    session._verify = verify and not session.in_stages
    if sum(_bytes(info) for info in (*inputs, *outputs)) > _MAX_INPUT:
        return "large"
    if sum(b.step.macs for p in session._programs() for b in p.steps) > _MAX_MACS:
        return "large"
    try:
        for _ in range(2):
            results = session.run({info.name: _feed(info, rng) for info in inputs})
            for info in () if session.in_stages else outputs:
                array = results[info.name]
                assert (array.shape, array.dtype) == (info.shape, info.dtype), info
    except EdgerunError as error:
        if verify and "differs from its reference" in str(error):
            raise AssertionError(str(error)) from error
        if not session.in_stages and "do not fit it" not in str(error):  # the words of ir.op.evaluate
            raise AssertionError("A program that is bound can be run.") from error
        return "stopped"
    return "ran"


def _ordinary(session: Session) -> bool:
    """Whether the constants are numbers whose products are numbers: the reference stands for no others."""
    arrays = [v.data for v in session._graph.constants() if v.data is not None and v.data.dtype.kind == "f"]
    return all(bool((np.abs(a) < 1e15).all()) for a in arrays)


def _ends(session: Session, which: str) -> list[TensorInfo]:
    """Its inputs or outputs where open dimensions are 1."""
    values = getattr(session._graph, which)
    return [
        replace(info, shape=value.type.shape)
        for info, value in zip(getattr(session, which), values, strict=True)
    ]


def _bytes(info: TensorInfo) -> int:
    size = info.dtype.itemsize
    for d in info.shape:
        size *= int(d)
    return size


def _feed(info: TensorInfo, rng: np.random.Generator) -> Array:
    shape = tuple(int(d) for d in info.shape)
    if info.dtype.kind == "f":
        return rng.normal(0, 3, shape).astype(info.dtype)
    if info.dtype.kind == "c":
        return np.asarray(rng.normal(0, 3, shape) + 1j * rng.normal(0, 3, shape), info.dtype)
    if info.dtype.kind in "bV":  # V: bfloat16 and its like
        return rng.integers(0, 2, shape).astype(info.dtype)
    if rng.random() < 0.5:  # as indices and sizes are
        return rng.integers(0, 4, shape).astype(info.dtype)
    limit = np.iinfo(info.dtype.name)
    return rng.integers(limit.min, limit.max, shape, info.dtype, endpoint=True)
