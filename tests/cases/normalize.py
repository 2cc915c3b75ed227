"""Normalisation of rows."""

from __future__ import annotations

from typing import Any

from cases.base import I8, U8, Case, Q, make
from cases.elementwise import _functions, unary

_RADII: list[dict[str, Any]] = [
    {"radius": 2, "bias": 1.0, "alpha": 0.1, "beta": 0.5},
    {"radius": 5, "bias": 2.0, "alpha": 1e-4, "beta": 0.75},
]

CASES: list[Case] = [
    *make("LogSoftmax", unary, *_functions("LOG_SOFTMAX")),
    *make(
        "LogSoftmax",
        unary,
        *(
            {"name": "LOG_SOFTMAX", "x": q, "out": Q(16 / 256, 127), "shape": (3, n)}
            for q in (I8, Q(0.3, -9))
            for n in (2, 10, 101)
        ),
        {"name": "LOG_SOFTMAX", "x": U8, "out": Q(16 / 256, 255, "uint8"), "shape": (3, 10)},
    ),
    *make("L2Normalization", unary, *_functions("L2_NORMALIZATION", fused_activation_function="none")),
    *make(
        "LocalResponseNormalization",
        unary,
        *(
            {"name": "LOCAL_RESPONSE_NORMALIZATION", "x": "float32", "shape": (1, 2, 3, c), **r}
            for c in (3, 16)
            for r in _RADII
        ),
    ),
]
