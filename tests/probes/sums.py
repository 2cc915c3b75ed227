"""Probes of convolutions, matrix products, pools, reductions, resizing and normalisation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cases.base import Q
from probes.base import EVERY, I8, I16, KINDS, U8, Kind, Probe, T, ints, other, out

W8, WU8, W4 = Q(0.01, 0), Q(0.01, 140, "uint8"), Q(0.1, 0)


def _scales(n: int) -> list[float]:
    return [0.01 * (1 + i % 5 / 4) for i in range(n)]


# kind -> (x, weights, whether per channel, bias, output)
SUMS: dict[str, tuple[Kind, Kind, bool, Kind, Kind]] = {
    "float32": ("float32", "float32", False, "float32", "float32"),
    "int8": (I8, W8, False, Q(0.0005, 0, "int32"), Q(0.1, 5)),
    "int8 per channel": (I8, W8, True, Q(0.0005, 0, "int32"), Q(0.1, 5)),
    "uint8": (U8, WU8, False, Q(0.0004, 0, "int32"), Q(0.1, 125, "uint8")),
    "int16": (I16, W8, False, Q(2e-5, 0, "int64"), Q(0.004, 0, "int16")),
    "int16 per channel": (I16, W8, True, Q(2e-5, 0, "int64"), Q(0.004, 0, "int16")),
    "int16, 32-bit bias": (I16, W8, True, Q(2e-5, 0, "int32"), Q(0.004, 0, "int16")),
    "hybrid": ("float32", W8, False, "float32", "float32"),
    "hybrid per channel": ("float32", W8, True, "float32", "float32"),
    "hybrid uint8": ("float32", WU8, False, "float32", "float32"),
    "float16 weights": ("float32", "float16", False, "float16", "float32"),
    "int8 to int16": (I8, W8, True, Q(0.0005, 0, "int32"), Q(0.004, 0, "int16")),
    "int8 to float32": (I8, W8, False, Q(0.0005, 0, "int32"), "float32"),
}


def _options(label: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """With the type of the bias, which LiteRT asks for where it is not the usual one."""
    return {**options, "quantized_bias_type": "int32"} if "32-bit" in label else dict(options)


def _operands(
    label: str,
    sums: tuple[Kind, Kind, bool, Kind, Kind],
    x: tuple[int, ...],
    w: tuple[int, ...],
    axis: int,
    n: int,
) -> tuple[T, T, T, T]:
    kx, kw, per, kb, ky = sums
    low, high = (None, None) if kw != W8 else (-127, 127)
    data: Any = True
    if label == "hybrid uint8":  # in truth int8 with zero point 0, and never -128
        data = np.random.default_rng(1).integers(-127, 127, w, np.int8, endpoint=True).view(np.uint8)
    weights = T(w, kw, data, low, high, scales=_scales(n) if per else None, axis=axis)
    if isinstance(kb, Q):
        bias = T((n,), kb, True, -3000, 3000)
        if per:
            bias = replace(bias, scales=[kb.scale] * n)
    else:
        bias = T((n,), kb, True)
    return T(x, kx), weights, bias, out(ky)


def _conv() -> Iterator[Probe]:
    windows: dict[str, tuple[tuple[int, ...], tuple[int, int], dict[str, Any]]] = {
        "same": ((2, 5, 6, 3), (3, 3), {"padding": "same"}),
        "valid": ((1, 5, 6, 3), (3, 3), {"padding": "valid"}),
        "1x1": ((1, 3, 3, 8), (1, 1), {"padding": "valid"}),
        "strides": ((1, 7, 6, 3), (3, 2), {"padding": "same", "stride_h": 2, "stride_w": 3}),
        "dilation": (
            (1, 9, 8, 3),
            (3, 3),
            {"padding": "same", "dilation_h_factor": 2, "dilation_w_factor": 2},
        ),
        "dilation and stride": (
            (1, 9, 8, 3),
            (3, 3),
            {
                "padding": "valid",
                "dilation_h_factor": 2,
                "dilation_w_factor": 1,
                "stride_h": 2,
                "stride_w": 2,
            },
        ),
        "window larger than the image": ((1, 2, 2, 3), (5, 5), {"padding": "same"}),
        **{
            a: ((1, 4, 4, 3), (2, 2), {"padding": "same", "fused_activation_function": a})
            for a in ("relu", "relu6", "relu_n1_to_1", "tanh")
        },
    }
    for label, sums in SUMS.items():
        for variant, (shape, kernel, given) in windows.items():
            options = {"stride_h": 1, "stride_w": 1, **given}
            x, w, b, y = _operands(label, sums, shape, (5, *kernel, shape[3]), 0, 5)
            yield Probe("CONV_2D", label, variant, (x, w, b), (y,), _options(label, options))
            for times in (1, 2):
                n = shape[3] * times
                x, w, b, y = _operands(label, sums, shape, (1, *kernel, n), 3, n)
                yield Probe(
                    "DEPTHWISE_CONV_2D",
                    label,
                    f"{variant}, multiplier {times}",
                    (x, w, b),
                    (y,),
                    {**options, "depth_multiplier": times},
                )
        options = {"padding": "same", "stride_h": 1, "stride_w": 1}
        typed = _options(label, options)
        x, w, b, y = _operands(label, sums, (1, 4, 4, 3), (5, 2, 2, 3), 0, 5)
        yield Probe("CONV_2D", label, "without bias", (x, w), (y,), typed)
        yield Probe("CONV_2D", label, "absent bias", (x, w, None), (y,), typed)
        yield Probe("CONV_2D", label, "computed weights", (x, replace(w, data=None), b), (y,), typed)
        yield Probe(
            "CONV_2D",
            label,
            "computed weights and bias",
            (x, replace(w, data=None), replace(b, data=None)),
            (y,),
            typed,
        )
        x, w, b, y = _operands(label, sums, (1, 4, 4, 6), (4, 2, 2, 3), 0, 4)
        yield Probe("CONV_2D", label, "groups", (x, w, b), (y,), typed)
        x, w, b, y = _operands(label, sums, (1, 4, 4, 1), (1, 3, 3, 8), 3, 8)
        yield Probe(
            "DEPTHWISE_CONV_2D",
            label,
            "one input channel",
            (x, w, b),
            (y,),
            {**options, "depth_multiplier": 8},
        )
        x, w, b, y = _operands(label, sums, (1, 4, 4, 3), (1, 3, 3, 3), 3, 3)
        yield Probe(
            "DEPTHWISE_CONV_2D", label, "without bias", (x, w), (y,), {**options, "depth_multiplier": 1}
        )
        yield Probe(
            "DEPTHWISE_CONV_2D", label, "absent bias", (x, w, None), (y,), {**options, "depth_multiplier": 1}
        )
        yield Probe(
            "DEPTHWISE_CONV_2D",
            label,
            "computed weights",
            (x, replace(w, data=None), b),
            (y,),
            {**options, "depth_multiplier": 1},
        )
        # transposed
        for variant, shape, kernel, size, given in (
            ("same", (1, 3, 4, 2), (3, 3), (6, 8), {"padding": "same", "stride_h": 2, "stride_w": 2}),
            ("valid", (2, 3, 3, 2), (3, 3), (7, 7), {"padding": "valid", "stride_h": 2, "stride_w": 2}),
            ("stride 1", (1, 3, 4, 2), (3, 2), (3, 4), {"padding": "same", "stride_h": 1, "stride_w": 1}),
            ("odd strides", (1, 3, 2, 2), (2, 4), (9, 4), {"padding": "same", "stride_h": 3, "stride_w": 2}),
            ("1-D", (1, 1, 5, 3), (1, 4), (1, 10), {"padding": "same", "stride_h": 1, "stride_w": 2}),
            (
                "stride above kernel",
                (1, 3, 3, 2),
                (2, 2),
                (9, 9),
                {"padding": "same", "stride_h": 3, "stride_w": 3},
            ),
            (
                "valid, larger",
                (1, 2, 2, 2),
                (2, 2),
                (5, 5),
                {"padding": "valid", "stride_h": 2, "stride_w": 2},
            ),
            (
                "relu",
                (1, 3, 4, 2),
                (3, 3),
                (6, 8),
                {"padding": "same", "stride_h": 2, "stride_w": 2, "fused_activation_function": "relu"},
            ),
            (
                "relu6",
                (1, 3, 4, 2),
                (3, 3),
                (6, 8),
                {"padding": "same", "stride_h": 2, "stride_w": 2, "fused_activation_function": "relu6"},
            ),
        ):
            x, w, b, y = _operands(label, sums, shape, (3, *kernel, shape[3]), 0, 3)
            to = ints(shape[0], *size, 3)
            yield Probe("TRANSPOSE_CONV", label, variant, (to, w, x), (y,), given)
            yield Probe(
                "TRANSPOSE_CONV", label, f"{variant}, bias", (to, w, x, b), (y,), _options(label, given)
            )
        yield Probe(
            "TRANSPOSE_CONV",
            label,
            "absent bias",
            (to, w, x, None),
            (y,),
            {"padding": "same", "stride_h": 2, "stride_w": 2},
        )
        yield Probe(
            "TRANSPOSE_CONV",
            label,
            "computed weights",
            (to, replace(w, data=None), x),
            (y,),
            {"padding": "same", "stride_h": 2, "stride_w": 2},
        )
        yield Probe(
            "TRANSPOSE_CONV",
            label,
            "computed size",
            (T((4,), "int32", None, 6, 6), w, x),
            (y,),
            _options(label, {"padding": "same", "stride_h": 2, "stride_w": 2}),
        )
        # fully connected
        for variant, shape, n, given in (
            ("", (2, 6), 5, {}),
            ("one row", (1, 6), 5, {}),
            ("1-D", (6,), 5, {}),
            ("rows of an image", (1, 2, 3, 6), 5, {}),
            ("flattened", (2, 2, 3), 5, {}),
            ("keep_num_dims", (2, 3, 6), 5, {"keep_num_dims": True}),
            ("keep_num_dims, 4-D", (1, 2, 3, 6), 4, {"keep_num_dims": True}),
            ("one output", (3, 6), 1, {}),
            *(
                (a, (2, 6), 5, {"fused_activation_function": a})
                for a in ("relu", "relu6", "relu_n1_to_1", "tanh")
            ),
            ("asymmetric", (2, 6), 5, {"asymmetric_quantize_inputs": True}),
            ("asymmetric, kept", (2, 3, 6), 5, {"asymmetric_quantize_inputs": True, "keep_num_dims": True}),
            ("shuffled", (1, 16), 4, {"weights_format": "shuffled4x16int8"}),
        ):
            k = 16 if variant == "shuffled" else 6
            x, w, b, y = _operands(label, sums, shape, (n, k), 0, n)
            yield Probe("FULLY_CONNECTED", label, variant or "2-D", (x, w, b), (y,), _options(label, given))
        x, w, b, y = _operands(label, sums, (2, 6), (5, 6), 0, 5)
        yield Probe("FULLY_CONNECTED", label, "without bias", (x, w), (y,), _options(label, {}))
        yield Probe("FULLY_CONNECTED", label, "absent bias", (x, w, None), (y,), _options(label, {}))
        yield Probe(
            "FULLY_CONNECTED",
            label,
            "computed weights",
            (x, replace(w, data=None), b),
            (y,),
            _options(label, {}),
        )
        yield Probe(
            "FULLY_CONNECTED",
            label,
            "computed weights, absent bias",
            (x, replace(w, data=None), None),
            (y,),
            _options(label, {}),
        )
        yield Probe(
            "FULLY_CONNECTED",
            label,
            "computed weights and bias",
            (x, replace(w, data=None), replace(b, data=None)),
            (y,),
            _options(label, {}),
        )
        yield Probe("FULLY_CONNECTED", label, "no rows", (replace(x, shape=(0, 6)), w, b), (y,))
        # matrix products
        for variant, a, c, given in (
            ("2-D", (3, 4), (4, 5), {}),
            ("3-D", (2, 3, 4), (2, 4, 5), {}),
            ("4-D", (1, 2, 3, 4), (1, 2, 4, 5), {}),
            ("5-D", (1, 2, 2, 3, 4), (1, 2, 2, 4, 5), {}),
            ("broadcast", (2, 1, 3, 4), (1, 3, 4, 5), {}),
            ("second 2-D", (2, 3, 4), (4, 5), {}),
            ("first 2-D", (3, 4), (2, 4, 5), {}),
            ("adj_x", (2, 4, 3), (2, 4, 5), {"adj_x": True}),
            ("adj_y", (2, 3, 4), (2, 5, 4), {"adj_y": True}),
            ("both", (2, 4, 3), (2, 5, 4), {"adj_x": True, "adj_y": True}),
            ("asymmetric", (2, 3, 4), (2, 5, 4), {"adj_y": True, "asymmetric_quantize_inputs": True}),
            ("vector", (1, 4), (4, 5), {}),
        ):
            if sums[2]:
                continue
            kx, kw, _, _, ky = sums
            if isinstance(kx, Q) and kw in (W8, WU8):
                kw = other(kx)
            yield Probe("BATCH_MATMUL", label, variant, (T(a, kx), T(c, kw)), (out(ky),), given)
            yield Probe(
                "BATCH_MATMUL", label, f"{variant}, constant", (T(a, kx), T(c, kw, True)), (out(ky),), given
            )
        # 3-D convolutions
        x, w, b, y = _operands(label, sums, (1, 3, 4, 4, 2), (2, 2, 2, 2, 3), 4, 3)
        three = {"padding": "same", "stride_d": 1, "stride_h": 1, "stride_w": 1}
        yield Probe("CONV_3D", label, "same", (x, w, b), (y,), three)
        yield Probe(
            "CONV_3D",
            label,
            "valid, strides",
            (x, w, b),
            (y,),
            {**three, "padding": "valid", "stride_d": 2, "stride_h": 2},
        )
        yield Probe("CONV_3D", label, "without bias", (x, w), (y,), three)
        yield Probe("CONV_3D", label, "relu", (x, w, b), (y,), {**three, "fused_activation_function": "relu"})
        yield Probe("CONV_3D", label, "dilation", (x, w, b), (y,), {**three, "dilation_h_factor": 2})
        w = replace(w, shape=(2, 2, 2, 3, 2), axis=3)
        yield Probe(
            "CONV_3D_TRANSPOSE",
            label,
            "same",
            (ints(1, 6, 8, 8, 3), w, x, b),
            (y,),
            {"padding": "same", "stride_d": 2, "stride_h": 2, "stride_w": 2},
        )
        yield Probe(
            "CONV_3D_TRANSPOSE",
            label,
            "valid",
            (ints(1, 4, 5, 5, 3), w, x),
            (y,),
            {"padding": "valid", "stride_d": 1, "stride_h": 1, "stride_w": 1},
        )


def _pool(label: str, kind: Kind) -> Iterator[Probe]:
    for name in ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"):
        for variant, shape, given in (
            ("same", (1, 5, 6, 3), {"padding": "same"}),
            ("valid", (2, 5, 6, 3), {"padding": "valid"}),
            ("strides", (1, 7, 7, 4), {"padding": "same", "stride_h": 2, "stride_w": 3}),
            ("whole", (1, 3, 2, 9), {"padding": "valid", "filter_height": 3, "filter_width": 2}),
            (
                "window larger than the image",
                (1, 2, 2, 3),
                {"padding": "same", "filter_height": 5, "filter_width": 5},
            ),
            *(
                (a, (1, 4, 4, 3), {"padding": "same", "fused_activation_function": a})
                for a in ("relu", "relu6", "relu_n1_to_1")
            ),
        ):
            options = {"stride_h": 1, "stride_w": 1, "filter_height": 2, "filter_width": 3, **given}
            low, high = (0.0, 3.0) if kind == "float32" and name == "L2_POOL_2D" else (None, None)
            yield Probe(name, label, variant, (T(shape, kind, None, low, high),), (out(kind),), options)
        if isinstance(kind, Q):
            yield Probe(
                name,
                label,
                "rescaled",
                (T((1, 4, 4, 3), kind),),
                (out(other(kind)),),
                {"padding": "same", "stride_h": 1, "stride_w": 1, "filter_height": 2, "filter_width": 2},
            )


_REDUCTIONS = "MEAN SUM REDUCE_MAX REDUCE_MIN REDUCE_PROD REDUCE_ANY REDUCE_ALL"


def _reductions(label: str, kind: Kind) -> Iterator[Probe]:
    for name in _REDUCTIONS.split():
        y = kind
        if isinstance(kind, Q) and name == "SUM":
            y = Q(kind.scale * 6, kind.zero, kind.dtype)
        low, high = (
            (-3, 3)
            if name == "REDUCE_PROD" and not isinstance(kind, Q) and "u" not in str(kind)
            else (None, None)
        )
        for variant, shape, axes in (
            ("1-D", (7,), (0,)),
            ("last of 2-D", (3, 7), (1,)),
            ("first of 2-D", (3, 7), (0,)),
            ("axis -1", (2, 3, 4), (-1,)),
            ("outer", (2, 3, 4), (0, 2)),
            ("image", (1, 4, 4, 3), (1, 2)),
            ("channels", (1, 3, 3, 5), (3,)),
            ("batches", (3, 2, 2, 3), (0,)),
            ("all", (2, 3, 2), (0, 1, 2)),
            ("5-D", (1, 2, 3, 2, 2), (1, 3)),
            ("twice the same axis", (2, 3), (1, -1)),
            ("no axes", (2, 3), ()),
            ("a size of 1", (2, 1, 3), (1,)),
            ("nothing", (2, 0), (1,)),
        ):
            for keep in (False, True):
                yield Probe(
                    name,
                    label,
                    f"{variant}{', kept' if keep else ''}",
                    (T(shape, kind, None, low, high), ints(*axes)),
                    (out(y),),
                    {"keep_dims": keep},
                )
        yield Probe(
            name, label, "scalar axis", (T((2, 3), kind, None, low, high), ints(1, shape=())), (out(y),)
        )
        yield Probe(name, label, "scalar", (T((), kind, None, low, high), ints(shape=(0,))), (out(y),))
        if isinstance(kind, Q):
            yield Probe(name, label, "rescaled", (T((2, 5), kind), ints(1)), (out(other(kind)),))
    for name in ("ARG_MAX", "ARG_MIN"):
        for variant, shape, axis in (
            ("last", (3, 7), 1),
            ("first", (3, 7), 0),
            ("axis -1", (2, 3, 4), -1),
            ("1-D", (9,), 0),
            ("4-D", (1, 3, 3, 5), 3),
            ("5-D", (1, 2, 3, 2, 2), 2),
        ):
            for t in ("int32", "int64"):
                yield Probe(
                    name,
                    label,
                    f"{variant}, {t}",
                    (T(shape, kind), ints(axis, shape=())),
                    (out(t),),
                    {"output_type": t},
                )
        yield Probe(
            name,
            label,
            "int64 axis",
            (T((3, 7), kind), T((1,), "int64", [1])),
            (out("int32"),),
            {"output_type": "int32"},
        )
    for k in (0, 1, 3, 5):
        yield Probe(
            "TOPK_V2", label, f"{k} of 5", (T((2, 5), kind), ints(k, shape=())), (out(kind), out("int32"))
        )
    yield Probe("TOPK_V2", label, "1-D", (T((9,), kind), ints(4)), (out(kind), out("int32")))
    yield Probe(
        "TOPK_V2", label, "4-D", (T((1, 2, 2, 7), kind), ints(4, shape=())), (out(kind), out("int32"))
    )
    yield Probe("TOPK_V2", label, "16-bit", (T((2, 5), kind), T((), "int16", 2)), (out(kind), out("int16")))
    yield Probe(
        "TOPK_V2",
        label,
        "computed k",
        (T((2, 5), kind), T((), "int32", None, 2, 2)),
        (out(kind), out("int32")),
    )


def _rows(label: str, kind: Kind) -> Iterator[Probe]:
    soft: Mapping[str, Kind] = {
        "int8": Q(1 / 256, -128),
        "uint8": Q(1 / 256, 0, "uint8"),
        "int16": Q(2.0**-15, 0, "int16"),
    }
    logs: Mapping[str, Kind] = {
        "int8": Q(16 / 256, 127),
        "uint8": Q(16 / 256, 255, "uint8"),
        "int16": Q(16 / 65536, 32767, "int16"),
    }
    unit: Mapping[str, Kind] = {
        "int8": Q(1 / 128, 0),
        "uint8": Q(1 / 128, 128, "uint8"),
        "int16": Q(2.0**-15, 0, "int16"),
    }
    for variant, shape in (
        ("1-D", (7,)),
        ("2-D", (3, 7)),
        ("3-D", (2, 3, 5)),
        ("4-D", (1, 2, 3, 5)),
        ("5-D", (1, 2, 1, 2, 5)),
        ("one", (3, 1)),
        ("empty", (0, 4)),
    ):
        yield Probe(
            "SOFTMAX", label, variant, (T(shape, kind),), (out(soft.get(label, kind)),), {"beta": 1.0}
        )
        yield Probe("LOG_SOFTMAX", label, variant, (T(shape, kind),), (out(logs.get(label, kind)),))
        for activation in ("none", "relu"):
            yield Probe(
                "L2_NORMALIZATION",
                label,
                f"{variant}, {activation}",
                (T(shape, kind),),
                (out(unit.get(label, kind)),),
                {"fused_activation_function": activation},
            )
    yield Probe("SOFTMAX", label, "beta", (T((3, 7), kind),), (out(soft.get(label, kind)),), {"beta": 0.3})
    if label in soft:
        yield Probe(
            "SOFTMAX",
            label,
            "another output scale",
            (T((3, 7), kind),),
            (out(other(soft[label])),),
            {"beta": 1.0},
        )
        yield Probe(
            "LOG_SOFTMAX", label, "another output scale", (T((3, 7), kind),), (out(other(logs[label])),)
        )
        yield Probe(
            "L2_NORMALIZATION", label, "another output scale", (T((3, 7), kind),), (out(other(unit[label])),)
        )
    if label in ("int8", "uint8"):
        yield Probe(
            "SOFTMAX",
            label,
            "to int16",
            (T((3, 7), kind),),
            (out(Q(2.0**-16, -32768, "int16")),),
            {"beta": 1.0},
        )
    yield Probe(
        "LOCAL_RESPONSE_NORMALIZATION",
        label,
        "",
        (T((1, 2, 3, 7), kind),),
        (out(kind),),
        {"radius": 2, "bias": 1.0, "alpha": 0.1, "beta": 0.7},
    )


def _resize(label: str, kind: Kind) -> Iterator[Probe]:
    for name in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
        for variant, shape, size in (
            ("larger", (1, 3, 4, 3), (7, 9)),
            ("smaller", (2, 7, 9, 2), (3, 4)),
            ("twice", (1, 4, 4, 5), (8, 8)),
            ("same size", (1, 3, 4, 2), (3, 4)),
            ("one pixel", (1, 1, 1, 3), (4, 2)),
            ("to one pixel", (1, 4, 4, 3), (1, 1)),
        ):
            for align, half in ((False, False), (True, False), (False, True), (True, True)):
                flags = f"{', align_corners' if align else ''}{', half_pixel_centers' if half else ''}"
                yield Probe(
                    name,
                    label,
                    variant + flags,
                    (T(shape, kind), ints(*size)),
                    (out(kind),),
                    {"align_corners": align, "half_pixel_centers": half},
                )


def every() -> Iterator[Probe]:
    yield from _conv()
    for label, kind in EVERY.items():
        yield from _reductions(label, kind)
    for label, kind in KINDS.items():
        yield from _pool(label, kind)
        yield from _rows(label, kind)
        yield from _resize(label, kind)
