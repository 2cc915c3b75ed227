"""The rarer binary operators."""

from __future__ import annotations

from typing import Any

from cases.base import I8, U8, Case, Q, make
from cases.elementwise import _activated, _plain, binary, plain_binary

_SHAPES: list[dict[str, Any]] = [{}, {"b_shape": (16,)}, {"a_shape": (1, 1, 5, 1), "b_shape": (2, 4, 1, 9)}]


def _same(name: str) -> list[dict[str, Any]]:
    """All three tensors in one quantisation, as TFLite's converter makes them."""
    return [{"name": name, **v, "a": q, "b": q, "out": q} for q in (I8, U8) for v in _SHAPES]


CASES: list[Case] = [
    *make("Maximum", plain_binary, *_plain("MAXIMUM", ("float32", "int32", "int64"))),
    *make("Minimum", plain_binary, *_plain("MINIMUM", ("float32", "int32", "int64"))),
    *make("Maximum", binary, *_same("MAXIMUM")),
    *make("Minimum", binary, *_same("MINIMUM")),
    *make("Maximum", binary, {"name": "MAXIMUM"}, litert=False),
    *make("Div", plain_binary, *_plain("DIV"), *_activated("DIV")),
    *make("Div", plain_binary, *_plain("DIV", ("int32",), constant=True)),
    *make(
        "Div",
        binary,
        {"name": "DIV", "a": U8, "b": Q(0.3, 7, "uint8"), "out": Q(0.05, 128, "uint8"), "constant": True},
    ),
    *make("Div", binary, {"name": "DIV", "a": U8, "b": Q(0.3, 7, "uint8")}, {"name": "DIV"}, litert=False),
    *make(
        "SquaredDifference",
        plain_binary,
        *_plain("SQUARED_DIFFERENCE", ("float32", "int32")),
    ),
    *make(
        "SquaredDifference",
        binary,
        *({"name": "SQUARED_DIFFERENCE", **v, "out": Q(0.3, -128)} for v in _SHAPES),
    ),
    *make("Prelu", plain_binary, *(v for v in _plain("PRELU") if "b_shape" not in v or "a_shape" not in v)),
    *make("Prelu", binary, *({"name": "PRELU", **v, "constant": True} for v in _SHAPES[:2])),
    *make("Prelu", binary, {"name": "PRELU", "a": U8, "b_shape": (16,)}),
    *make("Pow", plain_binary, *_plain("POW")),
    *make("Pow", plain_binary, {"name": "POW", "dtype": "int32"}, litert=False),
    *make("FloorDiv", plain_binary, *_plain("FLOOR_DIV")),
    *make("FloorDiv", plain_binary, *_plain("FLOOR_DIV", ("int32",), constant=True)),
    *make("FloorDiv", plain_binary, {"name": "FLOOR_DIV", "dtype": "int32"}, litert=False),
    *make("FloorMod", plain_binary, *_plain("FLOOR_MOD")),
    *make("FloorMod", plain_binary, *_plain("FLOOR_MOD", ("int32", "int64"), constant=True)),
    *make("FloorMod", plain_binary, {"name": "FLOOR_MOD", "dtype": "int64"}, litert=False),
]
