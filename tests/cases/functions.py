"""The rarer functions of one element."""

from __future__ import annotations

from typing import Any

from cases.base import I8, U8, Case, Q, make
from cases.elementwise import _functions, unary

_SAME: list[dict[str, Any]] = [{"x": I8}, {"x": I8, "out": Q(0.04, -20)}]
_POSITIVE = {"x": Q(0.05, -128), "out": Q(0.03, -128)}  # of functions that negative numbers have no value of


def _integers(name: str, *dtypes: str) -> list[dict[str, Any]]:
    return [{"name": name, "x": dtype, "shape": (3, 37)} for dtype in dtypes]


CASES: list[Case] = [
    *make("Abs", unary, *_functions("ABS", _SAME), *_integers("ABS", "int32")),
    *make("Abs", unary, *_integers("ABS", "int64"), {"name": "ABS", "x": U8}, litert=False),
    *make("Neg", unary, *_functions("NEG"), *_integers("NEG", "int32", "int64")),
    *make("Neg", unary, {"name": "NEG", "x": I8}, litert=False),
    *make("Sign", unary, *_functions("SIGN"), *_integers("SIGN", "int32")),
    *make("Sign", unary, *_integers("SIGN", "int64"), litert=False),
    *make("Floor", unary, *_functions("FLOOR")),
    *make("Ceil", unary, *_functions("CEIL")),
    *make("Round", unary, *_functions("ROUND")),
    *make("Square", unary, *_functions("SQUARE")),
    *make("Sqrt", unary, *_functions("SQRT")),
    *make("Rsqrt", unary, *_functions("RSQRT")),
    *make("Rsqrt", unary, {"name": "RSQRT", **_POSITIVE}),
    *make("Exp", unary, *_functions("EXP", [{"x": Q(0.02, 0), "out": Q(0.05, -128)}])),
    *make("Log", unary, *_functions("LOG", [{"x": Q(0.05, -128), "out": Q(0.04, 0)}])),
    *make("Sin", unary, *_functions("SIN")),
    *make("Cos", unary, *_functions("COS")),
    *make("Elu", unary, *_functions("ELU", _SAME)),
    *make("Gelu", unary, *_functions("GELU", _SAME, approximate=False)),
    *make("Gelu", unary, *({"name": "GELU", **v, "approximate": True} for v in _SAME)),
    # LiteRT's float version cancels where tanh is near -1.
    *make("Gelu", unary, *_functions("GELU", approximate=True), litert=False),
]
