"""Probes of recurrent operators, and of those that no family has."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from cases import recurrent
from probes.base import Probe, T, ints, out


def _boxes(version: int) -> Iterator[Probe]:
    boxes = T((12, 4), "float32", None, 0.0, 4.0)
    scores = T((12,), "float32", None, 0.0, 1.0)

    def value(x: float) -> T:
        return T((), "float32", x)

    for most in (3, 12, 20):
        for iou, least in ((0.5, 0.1), (0.1, 0.5)):
            inputs = (boxes, scores, ints(most, shape=()), value(iou), value(least))
            if version == 4:
                yield Probe(
                    "NON_MAX_SUPPRESSION_V4",
                    "float32",
                    f"{most}, {iou}, {least}",
                    inputs,
                    (out("int32"), out("int32")),
                )
                continue
            for sigma in (0.0, 0.5):
                yield Probe(
                    "NON_MAX_SUPPRESSION_V5",
                    "float32",
                    f"{most}, {iou}, {least}, {sigma}",
                    (*inputs, value(sigma)),
                    (out("int32"), out("float32"), out("int32")),
                )


def _recurrent() -> Iterator[Probe]:
    def built(operator: str, kind: str, build: Any, **options: Any) -> Probe:
        label = ", ".join(f"{k}={v}" for k, v in options.items()) or "plain"
        return Probe(operator, kind, label, (), (), build=partial(build, **options))

    kinds: dict[str, dict[str, Any]] = {
        "float32": {},
        "int8": {"quantised": True},
        "hybrid": {"hybrid": True},
    }
    for kind, fixed in kinds.items():
        for options in (*recurrent.LSTMS, {"activation": "relu"}):
            name = options.get("name", "UNIDIRECTIONAL_SEQUENCE_LSTM")
            yield built(name, kind, recurrent.lstm, **options, **fixed)
    yield built("UNIDIRECTIONAL_SEQUENCE_LSTM", "hybrid", recurrent.lstm, hybrid=True, asymmetric=True)
    for options in recurrent.BOTH_WAYS:
        kind = "hybrid" if options.get("hybrid") else "float32"
        yield built("BIDIRECTIONAL_SEQUENCE_LSTM", kind, recurrent.bidirectional, **options)
    for state, kind in (("float32", "float32"), ("int16", "int8"), ("int8", "int8, 8-bit state")):
        for options in recurrent.SVDFS:
            yield built("SVDF", kind, recurrent.svdf, **options, state=state)
    for asymmetric in (False, True):
        for options in recurrent.SVDFS:
            yield built("SVDF", "hybrid", recurrent.svdf, **options, hybrid=True, asymmetric=asymmetric)
    for name in ("RNN", "UNIDIRECTIONAL_SEQUENCE_RNN"):
        for hybrid in (False, True):
            for activation in ("tanh", "relu", "none"):
                kind = "hybrid" if hybrid else "float32"
                yield built(
                    name, kind, recurrent.rnn, name=name, batch=2, activation=activation, hybrid=hybrid
                )


def every() -> Iterator[Probe]:
    yield from _recurrent()
    yield from _boxes(4)
    yield from _boxes(5)
    for variant, shape, lengths in (
        ("", (2, 4, 8), (4, 8)),
        ("one row", (1, 1, 16), (1, 16)),
        ("cut", (1, 5, 9), (4, 8)),
        ("filled", (1, 3, 5), (4, 8)),
    ):
        yield Probe("RFFT2D", "float32", variant, (T(shape), ints(*lengths)), (out("complex64"),))
    for name in ("REAL", "IMAG", "COMPLEX_ABS"):
        for kind in ("complex64", "float32"):
            yield Probe(name, kind, "", (T((2, 5), kind),), (out("float32"),))
    for kind in ("complex64", "complex128"):
        yield Probe("CAST", kind, "to float32", (T((2, 5), kind),), (out("float32"),))
