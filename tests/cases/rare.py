"""The rarest operators, which run as host steps, and rare kinds of numbers of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cases.base import I8, U8, Case, Net, Pair, Q, Shape, make

Kind = Q | str
S16 = Q(1 / 4096, 0, "int16")
WIDE = Q(1 / 300, 0, "int16")
WEIGHTS, OUT = Q(0.01, 0), Q(0.2, 5)


def operator(
    name: str,
    fed: Sequence[tuple[Shape, Kind]],
    out: Sequence[Kind],
    constants: Sequence[tuple[Any, Kind]] = (),
    order: Sequence[int] = (),
    options: Mapping[str, Any] | None = None,
) -> bytes:
    """An operator over fed tensors and constants, in `order`; the shapes of its outputs are open."""
    net = Net()
    inputs = [net.of(f"x{i}", shape, kind) for i, (shape, kind) in enumerate(fed)]
    operands = list(inputs)
    for i, (values, kind) in enumerate(constants):
        if isinstance(kind, Q):
            data = np.asarray(values, kind.dtype)
            operands.append(
                net.tensor(f"c{i}", data.shape, kind.dtype, scale=kind.scale, zero_point=kind.zero, data=data)
            )
        else:
            operands.append(net.constant(f"c{i}", values, kind))
    outputs = [net.of(f"y{i}", (), kind) for i, kind in enumerate(out)]
    net.operator(name, [operands[i] for i in order] if order else operands, outputs, options)
    return net.finish(inputs, outputs)


def spectrum(name: str, shape: Shape = (2, 4, 8), lengths: Pair = (4, 8)) -> bytes:
    """RFFT2D, and what takes the real numbers out of its result."""
    net = Net()
    x = net.tensor("x", shape, "float32")
    middle, y = net.tensor("spectrum", (), "complex64"), net.tensor("y", (), "float32")
    net.operator("RFFT2D", [x, net.ints("lengths", lengths)], [middle])
    net.operator(name, [middle], [y])
    return net.finish([x], [y])


def suppression(most: int = 5, iou: float = 0.3, least: float = 0.2, sigma: float | None = None) -> bytes:
    """NON_MAX_SUPPRESSION_V4 over 12 boxes, or V5 when there is a sigma."""
    net = Net()
    low = net.rng.uniform(0, 3, (12, 2))
    boxes = np.concatenate([low, low + net.rng.uniform(0.5, 2, (12, 2))], axis=1)
    scores = net.tensor("scores", (12,), "float32")
    operands = [
        net.constant("boxes", boxes, "float32"),
        scores,
        net.constant("most", most, "int32"),
        net.constant("iou", iou, "float32"),
        net.constant("least", least, "float32"),
    ]
    outputs = [net.tensor("indices", (most,), "int32")]
    if sigma is not None:
        operands.append(net.constant("sigma", sigma, "float32"))
        outputs.append(net.tensor("kept", (most,), "float32"))
    outputs.append(net.tensor("number", (), "int32"))
    net.operator(f"NON_MAX_SUPPRESSION_V{4 if sigma is None else 5}", operands, outputs)
    return net.finish([scores], outputs)


def volume(
    transposed: bool = False,
    padding: str = "same",
    stride: int = 1,
    dilation: int = 1,
    bias: bool = True,
    activation: str = "none",
) -> bytes:
    net = Net()
    shape = (2, 2, 3, 4, 3) if transposed else (2, 2, 3, 3, 4)
    w = net.constant("w", net.rng.normal(0, 0.5, shape), "float32")
    x, y = net.tensor("x", (1, 3, 4, 5, 3), "float32"), net.tensor("y", (), "float32")
    size = [(d - 1) * stride + k if padding == "valid" else d * stride for d, k in zip((3, 4, 5), shape[:3])]  # noqa: B905
    operands = [net.ints("size", (1, *size, 4)), w, x] if transposed else [x, w]
    if bias:
        operands.append(net.constant("bias", net.rng.normal(0, 1, 4), "float32"))
    options: dict[str, Any] = {"padding": padding, "fused_activation_function": activation}
    options |= {f"stride_{axis}": stride for axis in "dhw"}
    options |= {f"dilation_{axis}_factor": dilation for axis in "dhw"}
    net.operator("CONV_3D_TRANSPOSE" if transposed else "CONV_3D", operands, [y], options)
    return net.finish([x], [y])


def pool(padding: str = "same", activation: str = "none") -> bytes:
    options = {"padding": padding, "filter_height": 2, "filter_width": 3, "stride_h": 2, "stride_w": 1}
    given = {**options, "fused_activation_function": activation}
    return operator("L2_POOL_2D", [((1, 5, 6, 3), "float32")], ["float32"], options=given)


def computed_weights(name: str = "FULLY_CONNECTED", x: Q = I8, w: Q = WEIGHTS, y: Q = OUT) -> bytes:
    """8-bit weights that a run computes, and a bias."""
    bias = [(list(range(-200, 300, 100)), Q(x.scale * w.scale, 0, "int32"))]
    if name == "FULLY_CONNECTED":
        return operator(name, [((2, 6), x), ((5, 6), w)], [y], bias)
    options: dict[str, Any] = {"padding": "same", "stride_h": 2, "stride_w": 1}
    shape = (5, 3, 3, 4)
    if name == "DEPTHWISE_CONV_2D":
        options["depth_multiplier"], shape = 1, (1, 3, 3, 5)
    if name == "TRANSPOSE_CONV":
        sizes = [((1, 8, 5, 5), "int32")]
        return operator(name, [(shape, w), ((1, 4, 5, 4), x)], [y], sizes, (2, 0, 1), options)
    return operator(name, [((1, 4, 5, shape[3]), x), (shape, w)], [y], bias, options=options)


_SEGMENTS = [([2, 0, 2, -1, 1], "int32"), (4, "int32")]
_FLOATS: Any = ((2, 3, 4), "float32")


def _segment(name: str) -> list[Case]:
    variants = [
        {"name": name, "fed": [((5, 3), k)], "out": [k], "constants": _SEGMENTS} for k in ("float32", "int32")
    ]
    operator_name = "".join(part.capitalize() for part in name.split("_"))
    return make(operator_name, operator, *variants)


def _rename(cases: list[Case]) -> list[Case]:
    """Short ids: what the builder is given is long."""
    return [replace(case, id=f"rare-{case.operator}-{i}") for i, case in enumerate(cases)]


_INT16: list[tuple[str, Q, Q]] = [
    ("ABS", S16, WIDE),
    ("NEG", S16, S16),
    ("EXP", Q(1 / 8192, 0, "int16"), Q(1 / 400, 0, "int16")),
    ("GELU", S16, S16),
]
_PLAIN: list[tuple[str, str]] = [
    *((name, kind) for name in ("MAXIMUM", "MINIMUM") for kind in ("int8", "uint8", "int16")),
    ("ADD", "int16"),
]
_REDUCED: list[tuple[str, str, Kind, Kind]] = [
    ("Mean", "MEAN", S16, S16),
    ("Mean", "MEAN", S16, WIDE),
    ("ReduceProd", "REDUCE_PROD", Q(1 / 20000, 0, "int16"), Q(1 / 20000, 0, "int16")),
    ("ReduceProd", "REDUCE_PROD", Q(1 / 90, 3), Q(1 / 90, -4)),
    ("ReduceProd", "REDUCE_PROD", "int16", "int16"),
]

CASES: list[Case] = [
    *_rename(
        [
            *make(
                "AddN",
                operator,
                *(
                    {"name": "ADD_N", "fed": [((2, 3), k)] * n, "out": [k]}
                    for k in ("float32", "int32")
                    for n in (2, 5)
                ),
            ),
            *make(
                "Atan2", operator, {"name": "ATAN2", "fed": [_FLOATS, _FLOATS], "out": ["float32"]}, host=True
            ),
            *make("ComplexAbs", spectrum, {"name": "COMPLEX_ABS"}, litert=False),
            *make("Real", spectrum, {"name": "REAL", "shape": (1, 3, 5)}, litert=False),
            *make("Imag", spectrum, {"name": "IMAG", "shape": (1, 6, 9)}, litert=False),
            *make("Rfft2d", spectrum, {"name": "REAL"}, {"name": "IMAG", "lengths": (1, 16)}, litert=False),
            *make(
                "NonMaxSuppression", suppression, {}, {"most": 12, "iou": 0.6}, {"sigma": 0.0}, {"sigma": 0.4}
            ),
            *make(
                "Conv3d",
                volume,
                {},
                {"padding": "valid", "stride": 2, "bias": False},
                {"dilation": 2, "activation": "relu6"},
            ),
            *make(
                "Conv3dTranspose",
                volume,
                {"transposed": True, "stride": 2},
                {"transposed": True, "padding": "valid", "bias": False},
            ),
            *make("L2Pool2d", pool, {}, {"padding": "valid", "activation": "relu"}),
            *make(
                "FakeQuantize",
                operator,
                *(
                    {
                        "name": "FAKE_QUANT",
                        "fed": [_FLOATS],
                        "out": ["float32"],
                        "options": {"min": low, "max": high, "num_bits": bits},
                    }
                    for low, high, bits in ((-3.0, 4.5, 8), (0.5, 4.5, 8), (-2.0, 2.0, 4), (-2.0, 2.1, 16))
                ),
            ),
            *make(
                "SparseToDense",
                operator,
                {
                    "name": "SPARSE_TO_DENSE",
                    "fed": [((3,), "float32"), ((), "float32")],
                    "out": ["float32"],
                    "constants": [([[0, 1], [2, 0], [3, 2]], "int32"), ([4, 3], "int32")],
                    "order": (2, 3, 0, 1),
                },
            ),
            *make(
                "Dilate",
                operator,
                {
                    "name": "DILATE",
                    "fed": [((2, 3), "float32"), ((), "float32")],
                    "out": ["float32"],
                    "constants": [([2, 3], "int32")],
                    "order": (0, 2, 1),
                },
            ),
            *(c for end in ("SUM", "PROD", "MAX", "MIN") for c in _segment(f"UNSORTED_SEGMENT_{end}")),
            # Operators whose usual kinds are verbs of the engine.
            *make(
                "L2Normalization",
                operator,
                *(
                    {"name": "L2_NORMALIZATION", "fed": [((3, 7), x)], "out": [y]}
                    for x, y in ((I8, Q(1 / 128, 0)), (U8, Q(1 / 128, 128, "uint8")))
                ),
                host=True,
            ),
            *make(
                "TopK",
                operator,
                {"name": "TOPK_V2", "fed": [((2, 7), I8)], "out": [I8, "int16"], "constants": [(3, "int16")]},
                host=True,
            ),
            *(
                c
                for name, kind in _PLAIN
                for c in make(
                    name.capitalize(),
                    operator,
                    {"name": name, "fed": [((2, 3, 4), kind), ((4,), kind)], "out": [kind]},
                    host=True,
                )
            ),
            *make(
                "BatchMatMul",
                operator,
                *(
                    {
                        "name": "BATCH_MATMUL",
                        "fed": [((2, 3, 6), x), (second, w)],
                        "out": ["float32"],
                        "options": o,
                    }
                    for x, w, second, o in (
                        ("float32", WEIGHTS, (2, 6, 5), {}),
                        ("float32", WEIGHTS, (5, 6), {"adj_y": True, "asymmetric_quantize_inputs": True}),
                    )
                ),
                host=True,
            ),
            *(
                c
                for op, name in (
                    ("FullyConnected", "FULLY_CONNECTED"),
                    ("Conv2d", "CONV_2D"),
                    ("DepthwiseConv2d", "DEPTHWISE_CONV_2D"),
                    ("TransposeConv", "TRANSPOSE_CONV"),
                )
                for c in make(
                    op,
                    computed_weights,
                    {"name": name},
                    {"name": name, "x": U8, "y": Q(0.2, 120, "uint8"), "w": Q(0.01, 140, "uint8")},
                    host=True,
                )
            ),
            *make(
                "Quantize",
                operator,
                {"name": "QUANTIZE", "fed": [((3, 4), "float32")], "out": [Q(0.05, 0)]},
            ),
        ]
    ),
]

# Their ids say that they are compared exactly.
_EXACT: list[Case] = [
    *(
        c
        for name, x, y in _INT16
        for c in make(
            name.capitalize(),
            operator,
            {
                "name": name,
                "fed": [((2, 3, 37), x)],
                "out": [y],
                "options": {"approximate": True} if name == "GELU" else None,
            },
        )
    ),
    *(
        c
        for name in ("MAXIMUM", "MINIMUM")
        for c in make(
            name.capitalize(),
            operator,
            {"name": name, "fed": [((2, 3, 4), S16), ((4,), S16)], "out": [S16]},
            host=True,
        )
    ),
    *make(
        "Prelu",
        operator,
        {
            "name": "PRELU",
            "fed": [((1, 4, 5, 3), S16)],
            "out": [WIDE],
            "constants": [([[[50, -20, 127]]], Q(0.01, 0))],
        },
        host=True,
    ),
    *(
        c
        for op, name, x, y in _REDUCED
        for c in make(
            op,
            operator,
            *(
                {
                    "name": name,
                    "fed": [(shape, x)],
                    "out": [y],
                    "constants": [(axes, "int32")],
                    "options": {"keep_dims": keep},
                }
                for shape, axes, keep in (
                    ((1, 4, 4, 3), [1, 2], True),
                    ((3, 7), [1], False),
                    ((4, 5), [0], False),
                )
            ),
            host=True,
        )
    ),
    *make(
        "BatchMatMul",
        operator,
        {
            "name": "BATCH_MATMUL",
            "fed": [((2, 3, 6), S16), ((2, 5, 6), S16)],
            "out": [Q(1 / 300, 0, "int16")],
            "options": {"adj_y": True},
        },
        host=True,
    ),
    *make(
        "ResizeBilinear",
        operator,
        *(
            {
                "name": "RESIZE_BILINEAR",
                "fed": [((1, 3, 4, 3), S16)],
                "out": [S16],
                "constants": [([7, 9], "int32")],
                "options": o,
            }
            for o in ({}, {"half_pixel_centers": True}, {"align_corners": True})
        ),
        host=True,
    ),
    *make(
        "ResizeNearestNeighbor",
        operator,
        *(
            {
                "name": "RESIZE_NEAREST_NEIGHBOR",
                "fed": [((1, 3, 4, 3), k)],
                "out": [k],
                "constants": [([7, 9], "int32")],
                "options": o,
            }
            for k in (S16, "float32")
            for o in ({}, {"half_pixel_centers": True, "align_corners": True})
        ),
    ),
    *(
        c
        for name in ("GREATER", "LESS", "GREATER_EQUAL")
        for c in make(
            "".join(part.capitalize() for part in name.split("_")),
            operator,
            {"name": name, "fed": [((2, 9), S16), ((9,), S16)], "out": ["bool"]},
            host=True,
        )
    ),
]
CASES += [
    Case(c.operator, f"s16-rare-{i}-{c.operator}", c.build, c.litert, c.host) for i, c in enumerate(_EXACT)
]
