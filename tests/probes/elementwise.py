"""Probes of operators that work element by element."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cases.base import Q
from probes.base import EVERY, KINDS, Kind, Probe, T, other, out

_UNARY = """
ABS CEIL COS ELU EXP FLOOR GELU HARD_SWISH LEAKY_RELU LOG LOGISTIC NEG RELU RELU6 RELU_0_TO_1
RELU_N1_TO_1 ROUND RSQRT SIGN SIN SQRT SQUARE TANH LOGICAL_NOT ZEROS_LIKE
"""
_POSITIVE = {"LOG", "SQRT", "RSQRT"}
_UNIT = {  # the output that TFLite asks for
    "LOGISTIC": {"int8": (1 / 256, -128), "uint8": (1 / 256, 0), "int16": (2.0**-15, 0)},
    "TANH": {"int8": (1 / 128, 0), "uint8": (1 / 128, 128), "int16": (2.0**-15, 0)},
}
_OPTIONS = {"LEAKY_RELU": {"alpha": 0.3}}

_BINARY = """
ADD SUB MUL DIV FLOOR_DIV FLOOR_MOD MAXIMUM MINIMUM POW SQUARED_DIFFERENCE PRELU ATAN2 LOGICAL_AND
LOGICAL_OR EQUAL NOT_EQUAL LESS LESS_EQUAL GREATER GREATER_EQUAL BITWISE_XOR RIGHT_SHIFT
"""
_COMPARE = {"EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"}
_ACTIVATED = {"ADD", "SUB", "MUL", "DIV"}


def _unary(name: str, label: str, kind: Kind) -> Iterator[Probe]:
    options = _OPTIONS.get(name, {})
    y = kind
    if name in _UNIT and label in _UNIT[name]:
        y = Q(*_UNIT[name][label], label)
    low, high = None, None
    if name in _POSITIVE:
        low, high = (0.1, 9.0) if label == "float32" else (None, None)
        if isinstance(kind, Q):
            high = {"int8": 127, "uint8": 255, "int16": 32767}[kind.dtype]
            low = kind.zero + 1
    for variant, shape in {
        "": (2, 3, 4, 5),
        "scalar": (),
        "1-D": (7,),
        "5-D": (1, 2, 1, 3, 2),
        "empty": (0, 3),
    }.items():
        yield Probe(name, label, variant or "4-D", (T(shape, kind, None, low, high),), (out(y),), options)
    if isinstance(kind, Q) and name not in _UNIT:
        fields: dict[str, Any] = {"options": options}
        yield Probe(
            name, label, "rescaled", (T((3, 7), kind, None, low, high),), (out(other(kind)),), **fields
        )
    if name == "GELU":
        yield Probe(name, label, "approximate", (T((2, 5), kind),), (out(y),), {"approximate": True})


def _binary(name: str, label: str, kind: Kind) -> Iterator[Probe]:
    y: Kind = "bool" if name in _COMPARE else kind
    if isinstance(kind, Q) and y != "bool" and name in {"MUL", "SQUARED_DIFFERENCE"}:
        y = Q(kind.scale * 9, kind.zero, kind.dtype)
    low: float | None = None
    high: float | None = None
    if name == "POW":
        low, high = (0.2, 3.0) if kind == "float32" else (0, 5)
    if name == "RIGHT_SHIFT":
        low, high = 0, 5

    def second(shape: tuple[int, ...], b: Kind = kind, data: Any = None) -> T:
        least, most = low, high
        if name in {"DIV", "FLOOR_DIV", "FLOOR_MOD"} and label != "float32":
            info = {"int8": 127, "uint8": 255, "int16": 32767}
            least, most = (b.zero + 1, info[b.dtype]) if isinstance(b, Q) else (1, 9)
        return T(shape, b, data, least, most)

    def first(shape: tuple[int, ...], data: Any = None) -> T:
        return T(shape, kind, data, low, high)

    def probe(variant: str, a: T, b: T, y: Kind = y, **options: Any) -> Probe:
        return Probe(name, label, variant, (a, b), (out(y),), options)

    for variant, (a, b) in {
        "alike": ((2, 3, 4), (2, 3, 4)),
        "scalars": ((), ()),
        "second a scalar": ((2, 3, 4), ()),
        "first a scalar": ((), (2, 3, 4)),
        "second of one element": ((2, 3, 4), (1,)),
        "second a row": ((2, 3, 4), (4,)),
        "first a row": ((4,), (2, 3, 4)),
        "both broadcast": ((2, 1, 4), (1, 3, 1)),
        "channels of an image": ((1, 4, 4, 8), (1, 1, 1, 8)),
        "an image of channels": ((1, 1, 1, 8), (1, 4, 4, 8)),
        "pixels of an image": ((1, 4, 4, 8), (1, 4, 4, 1)),
        "5-D": ((2, 1, 3, 1, 2), (1, 2, 3, 2, 2)),
        "6-D": ((1, 2, 1, 3, 1, 2), (1, 2, 1, 3, 1, 2)),
        "6-D broadcast": ((1, 2, 1, 3, 1, 2), (2, 1, 2, 3, 2, 2)),
        "empty": ((0, 3), (1, 3)),
    }.items():
        yield probe(variant, first(a), second(b))
    yield probe("second constant", first((2, 3, 4)), second((4,), data=True))
    yield probe("first constant", first((2, 3, 4), True), second((2, 3, 4)))
    if isinstance(kind, Q):
        yield probe(
            "three scales",
            first((3, 7)),
            second((3, 7), other(kind)),
            y if y == "bool" else other(other(kind)),
        )
        yield probe("second rescaled", first((3, 7)), second((3, 7), other(kind)))
    if name in _ACTIVATED:
        for activation in ("relu", "relu6", "relu_n1_to_1", "tanh"):
            yield probe(activation, first((3, 7)), second((3, 7)), y, fused_activation_function=activation)
    if name == "PRELU" and label == "int16":
        yield probe("8-bit slopes", first((2, 3, 4)), T((1, 1, 4), Q(0.004, 0), True), kind)
    if name in {"ADD", "SUB"} and label == "int16":
        for flag in (False, True):
            power = Q(2.0**-9, 0, "int16")
            yield Probe(
                name,
                label,
                f"powers of two, pot_scale_int16={flag}",
                (T((3, 7), power), T((3, 7), Q(2.0**-10, 0, "int16"))),
                (out(Q(2.0**-8, 0, "int16")),),
                {"pot_scale_int16": flag},
            )
            yield Probe(
                name,
                label,
                f"pot_scale_int16={flag}",
                (T((3, 7), kind), T((3, 7), other(kind))),
                (out(other(other(kind))),),
                {"pot_scale_int16": flag},
            )


def _others() -> Iterator[Probe]:
    for label, kind in EVERY.items():
        for n in (1, 2, 3, 5):
            yield Probe("ADD_N", label, f"{n} inputs", (T((2, 3), kind),) * n, (out(kind),))
        for variant, (c, a, b) in {
            "alike": ((2, 3, 4), (2, 3, 4), (2, 3, 4)),
            "condition a scalar": ((), (2, 3), (2, 3)),
            "condition a vector": ((2,), (2, 3), (2, 3)),
            "condition a row": ((3,), (2, 3), (2, 3)),
            "values scalars": ((2, 3), (), ()),
            "all broadcast": ((2, 1, 1), (1, 3, 1), (1, 1, 4)),
            "4-D broadcast": ((1, 2, 2, 1), (1, 2, 2, 3), (3,)),
            "5-D broadcast": ((1, 1, 2, 1, 1), (2, 1, 2, 1, 3), (1, 2, 1, 2, 3)),
            "empty": ((0, 3), (0, 3), (0, 3)),
        }.items():
            for name in ("SELECT", "SELECT_V2"):
                yield Probe(name, label, variant, (T(c, "bool"), T(a, kind), T(b, kind)), (out(kind),))
        if isinstance(kind, Q):
            yield Probe(
                "SELECT_V2",
                label,
                "other scales",
                (T((2, 3), "bool"), T((2, 3), kind), T((2, 3), other(kind))),
                (out(kind),),
            )
        for narrow in (False, True):
            for bits in (4, 8, 16):
                options = {"min": -3.0, "max": 4.5, "num_bits": bits, "narrow_range": narrow}
                yield Probe(
                    "FAKE_QUANT",
                    label,
                    f"{bits} bits, narrow={narrow}",
                    (T((2, 9), kind),),
                    (out(kind),),
                    options,
                )
        options = {"min": 0.5, "max": 4.5, "num_bits": 8}
        yield Probe("FAKE_QUANT", label, "without zero", (T((2, 9), kind),), (out(kind),), options)
        options = {"min": -4.5, "max": -0.5, "num_bits": 8}
        yield Probe("FAKE_QUANT", label, "negative", (T((2, 9), kind),), (out(kind),), options)
    big = T((4, 9), "float32", None, -1e9, 1e9)
    for name in ("SIN", "COS"):
        yield Probe(name, "float32", "large", (big,), (out("float32"),))
    for a, x in EVERY.items():
        for b, y in EVERY.items():
            low, high = (0, 100) if "uint" in f"{x}{y}" else (-100, 100)
            yield Probe(
                "CAST",
                a,
                f"to {b}",
                (T((3, 5), x, None, low, high),),
                (out(y),),
                {"in_data_type": _name(x), "out_data_type": _name(y)},
            )
    for a, x in EVERY.items():
        for b, y in EVERY.items():
            real = isinstance(x, Q) or x == "float32"
            if real and (isinstance(y, Q) or y in ("float32", "int32")):
                z: Kind = Q(0.003, 0, "int32") if y == "int32" else y
                yield Probe("QUANTIZE", a, f"to {b}", (T((3, 5), x),), (out(other(z)),))
    yield Probe(
        "QUANTIZE", "int32 quantised", "to int8", (T((3, 5), Q(0.001, 0, "int32")),), (out(KINDS["int8"]),)
    )
    yield Probe(
        "QUANTIZE", "int32 quantised", "to int16", (T((3, 5), Q(0.001, 0, "int32")),), (out(KINDS["int16"]),)
    )
    for a in ("int8", "uint8", "int16"):
        x = KINDS[a]
        assert isinstance(x, Q)
        per = Q(0.1, 0 if a != "uint8" else 128, a)
        yield Probe(
            "QUANTIZE",
            "float32",
            f"to {a} per channel",
            (T((3, 5)),),
            (T((3, 5), per, scales=(0.1, 0.2, 0.05, 0.3, 0.1), axis=1),),
        )
        yield Probe(
            "DEQUANTIZE",
            f"{a} per channel",
            "",
            (T((3, 5), per, scales=(0.1, 0.2, 0.05, 0.3, 0.1), axis=1),),
            (out("float32"),),
        )
        yield Probe(
            "DEQUANTIZE",
            f"{a} per channel",
            "constant",
            (T((3, 5), per, True, scales=(0.1, 0.2, 0.05, 0.3, 0.1), axis=1),),
            (out("float32"),),
        )
    for a, x in EVERY.items():
        for v, shape in {"": (2, 3, 4), "scalar": (), "empty": (0, 3)}.items():
            yield Probe("DEQUANTIZE", a, v, (T(shape, x),), (out("float32"),))
        yield Probe("DEQUANTIZE", a, "constant", (T((3, 4), x, True),), (out("float32"),))


def _name(kind: Kind) -> str:
    return kind.dtype if isinstance(kind, Q) else kind


def every() -> Iterator[Probe]:
    for name in _UNARY.split():
        for label, kind in KINDS.items():
            yield from _unary(name, label, kind)
    for name in _BINARY.split():
        for label, kind in (
            EVERY.items()
            if name in {"EQUAL", "BITWISE_XOR", "RIGHT_SHIFT", "MAXIMUM", "MINIMUM", "ADD"}
            else KINDS.items()
        ):
            yield from _binary(name, label, kind)
    yield from _others()
