"""One tiny model per operator and variant: for tests, benchmarks and `edgerun doctor`.

A Case is data: which operator of the IR it is about, and how to build a .tflite with it. The module of each
family has its builders and its CASES; add yours where its builder is, with one line per variant.
"""

from __future__ import annotations

from cases import (
    arithmetic,
    bits,
    comparison,
    conv,
    detection,
    elementwise,
    functions,
    gather,
    int16,
    matmul,
    normalize,
    pool,
    quantize,
    recurrent,
    reduction,
    resize,
    search,
    shape,
    signal,
    signal_stream,
    transpose_conv,
)
from cases.base import (
    ACTIVATIONS,
    I8,
    MAX,
    MIN,
    U8,
    WS8,
    WU8,
    Case,
    Net,
    Pair,
    Q,
    Shape,
    all_values,
    evaluate,
    random_feeds,
    spread,
    tolerances,
    window,
)

__all__ = [
    "ACTIVATIONS",
    "CASES",
    "I8",
    "MAX",
    "MIN",
    "U8",
    "WS8",
    "WU8",
    "Case",
    "Net",
    "Pair",
    "Q",
    "Shape",
    "all_values",
    "evaluate",
    "random_feeds",
    "spread",
    "tolerances",
    "window",
]

_FAMILIES = (
    arithmetic,
    bits,
    comparison,
    conv,
    detection,
    elementwise,
    functions,
    gather,
    int16,
    matmul,
    normalize,
    pool,
    quantize,
    recurrent,
    reduction,
    resize,
    search,
    shape,
    signal,
    signal_stream,
    transpose_conv,
)
CASES: list[Case] = [case for family in _FAMILIES for case in family.CASES]
