"""Probes of recurrent operators, and of those that no family has."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from cases import recurrent
from cases.base import Q
from probes.base import EVERY, Kind, Probe, T, ints, out


def _built(operator: str, kind: str, variant: str, build: Any, x: T) -> Probe:
    return Probe(operator, kind, variant, (x,), (), build=lambda _: build())


def _boxes(version: int) -> Iterator[Probe]:
    boxes = T((12, 4), "float32", None, 0.0, 4.0)
    scores = T((12,), "float32", None, 0.0, 1.0)

    def value(x: float) -> T:
        return T((), "float32", x)

    for most in (3, 12, 20):
        for iou, least in ((0.5, 0.1), (0.1, 0.5)):
            inputs = (boxes, scores, ints(most, shape=()), value(iou), value(least))
            if version == 4:
                yield Probe("NON_MAX_SUPPRESSION_V4", "float32", f"{most}, {iou}, {least}", inputs, (out("int32"), out("int32")))
                continue
            for sigma in (0.0, 0.5):
                yield Probe(
                    "NON_MAX_SUPPRESSION_V5", "float32", f"{most}, {iou}, {least}, {sigma}", (*inputs, value(sigma)),
                    (out("int32"), out("float32"), out("int32")),
                )


def every() -> Iterator[Probe]:
    yield from _boxes(4)
    yield from _boxes(5)
    for variant, shape, lengths in (("", (2, 4, 8), (4, 8)), ("one row", (1, 1, 16), (1, 16)), ("cut", (1, 5, 9), (4, 8)), ("filled", (1, 3, 5), (4, 8))):
        yield Probe("RFFT2D", "float32", variant, (T(shape), ints(*lengths)), (out("complex64"),))
    for name in ("REAL", "IMAG", "COMPLEX_ABS"):
        for kind in ("complex64", "float32"):
            yield Probe(name, kind, "", (T((2, 5), kind),), (out("float32"),))
    for kind in ("complex64", "complex128"):
        yield Probe("CAST", kind, "to float32", (T((2, 5), kind),), (out("float32"),))
