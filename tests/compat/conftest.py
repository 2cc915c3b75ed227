"""Small models of the shapes that scripts meet, written into a folder, and a way to run a script's text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cases.base import Net, Q
from cases.detection import detection


def classifier(dtype: str = "uint8") -> bytes:
    """image [-1, 8, 8, 3] -> conv -> mean -> dense -> softmax -> [-1, 5], of 8-bit numbers: as converters
    quantise them, with the scale of a bias that of input times weights."""
    net, zero = Net(), 128 if dtype == "uint8" else 0

    def act(name: str, shape: tuple[int, ...], scale: float, zero_point: int = zero, signed: int = 0) -> int:
        signature = (-1, *shape[1:]) if signed else None
        return net.tensor(
            name, shape, dtype, scale=scale, zero_point=zero_point, shape_signature=signature
        )

    def constants(shape: tuple[int, ...], x_scale: float) -> list[int]:
        low = 0 if dtype == "uint8" else -127
        scale = np.array([0.01 if len(shape) == 4 else 0.001])
        if dtype == "int8" and len(shape) == 4:
            scale = np.linspace(0.005, 0.01, shape[0])
        zeros = np.full(scale.shape, zero)
        w = net.rng.integers(low, low + 255, shape).astype(dtype)
        b = net.rng.integers(-5000, 5000, shape[:1]).astype(np.int32)
        return [
            net.tensor("w", shape, dtype, scale=scale, zero_point=zeros, data=w),
            net.tensor("b", shape[:1], "int32", scale=scale * x_scale, data=b),
        ]

    x = act("image", (1, 8, 8, 3), 1 / 128, signed=1)
    conv = act("conv", (1, 8, 8, 16), 0.05)
    options = {"padding": "same", "stride_w": 1, "stride_h": 1, "fused_activation_function": "relu"}
    net.operator("CONV_2D", [x, *constants((16, 3, 3, 3), 1 / 128)], [conv], options)
    mean = act("mean", (1, 16), 0.03)
    net.operator("MEAN", [conv, net.ints("axes", [1, 2])], [mean], {"keep_dims": False})
    logits = act("logits", (1, 5), 0.02)
    net.operator("FULLY_CONNECTED", [mean, *constants((5, 16), 0.03)], [logits])
    y = act("scores", (1, 5), 1 / 256, zero - 128, signed=1)
    net.operator("SOFTMAX", [logits], [y], {"beta": 1.0})
    return net.finish([x], [y])


def float_border() -> bytes:
    """x float32 [1, 6, 6, 3] -> int8 -> largest of 2 x 2 -> y float32 [1, 3, 3, 3]."""
    net = Net()
    x, y = net.tensor("x", (1, 6, 6, 3), "float32"), net.tensor("y", (1, 3, 3, 3), "float32")
    q, p = net.q("q", (1, 6, 6, 3)), net.q("p", (1, 3, 3, 3))
    net.operator("QUANTIZE", [x], [q])
    size = {"padding": "valid", "stride_w": 2, "stride_h": 2, "filter_width": 2, "filter_height": 2}
    net.operator("MAX_POOL_2D", [q], [p], size)
    net.operator("DEQUANTIZE", [p], [y])
    return net.finish([x], [y])


def pair() -> bytes:
    """a, b int8 [1, 4] -> their sum and product, by the signature "both" as total and product of left, right;
    inputs and outputs have one name each."""
    net = Net()
    a, b = net.q("same", (1, 4)), net.q("same", (1, 4), Q(0.03, -7))
    c, d = net.q("out", (1, 4), Q(0.1, 0)), net.q("out", (1, 4), Q(0.2, 1))
    net.operator("ADD", [a, b], [c])
    net.operator("MUL", [a, b], [d])
    net.signature("both", {"right": b, "left": a}, {"total": c, "product": d})
    return net.finish([a, b], [d, c])


def odd_ends() -> bytes:
    """Outputs: a + b, a constant, the input a, a + b once more."""
    net = Net()
    a, b, c = net.q("a", (1, 4)), net.q("b", (1, 4)), net.q("c", (1, 4), Q(0.1, 0))
    net.operator("ADD", [a, b], [c])
    return net.finish([a, b], [c, net.ints("k", [3, 1, 2]), a, c])


def no_input() -> bytes:
    net = Net()
    c = net.q("c", (2, 2))
    constants = [
        net.tensor("k", (2, 2), "int8", scale=0.05, zero_point=z, data=np.full((2, 2), z + 9, np.int8))
        for z in (0, 1)
    ]
    net.operator("ADD", constants, [c])
    return net.finish([], [c])


def scalar() -> bytes:
    """Tensors without dimensions: a int8 -> y int8."""
    net = Net()
    a, y = net.q("a", ()), net.q("y", (), Q(0.1, 0))
    net.operator("ADD", [a, a], [y])
    return net.finish([a], [y])


def two_entries() -> bytes:
    """RELU of a by "serving_default", RELU6 by "clip", each in a subgraph of its own."""
    net = Net()
    other = net.subgraph("other")
    x, y = (other.tensor(name, (1, 7), "int8", scale=0.05, zero_point=3) for name in ("p", "q"))
    other.operator("RELU6", [x], [y])
    other.ports([x], [y])
    a, b = net.q("a", (1, 7)), net.q("b", (1, 7))
    net.operator("RELU", [a], [b])
    net.signature("serving_default", {"image": a}, {"scores": b})
    net.signature("clip", {"value": x}, {"clipped": y}, other.index)
    return net.finish([a], [b])


def accumulator() -> bytes:
    """y = x + v, then v = y; at first v is 3 everywhere, which means 0."""
    net = Net()
    once = net.subgraph("once")
    value = once.tensor("first", (1, 4), "int8", scale=0.05, zero_point=3, data=np.full((1, 4), 3, np.int8))
    handle = once.tensor("v", (), "RESOURCE")
    once.operator("VAR_HANDLE", [], [handle], {"shared_name": "v"})
    once.operator("ASSIGN_VARIABLE", [handle, value], [])
    once.ports([], [])
    net.operator("CALL_ONCE", [], [], {"init_subgraph_index": once.index})
    handle = net.tensor("v", (), "RESOURCE")
    x, v, y = (net.q(name, (1, 4)) for name in ("x", "v_value", "y"))
    net.operator("VAR_HANDLE", [], [handle], {"shared_name": "v"})
    net.operator("READ_VARIABLE", [handle], [v])
    net.operator("ADD", [x, v], [y])
    net.operator("ASSIGN_VARIABLE", [handle, y], [])
    return net.finish([x], [y])


def computed_shape() -> bytes:
    """z = RELU6(RESHAPE(x, shape)): the shape is fed."""
    net = Net()
    x, shape = net.q("x", (2, 6)), net.tensor("shape", (2,), "int32")
    y, z = net.q("y", (1, 1)), net.q("z", (1, 1))
    net.operator("RESHAPE", [x, shape], [y])
    net.operator("RELU6", [y], [z])
    return net.finish([x, shape], [z])


NETS: dict[str, Callable[[], bytes]] = {
    "classifier": classifier,
    "classifier_int8": lambda: classifier("int8"),
    "detector": lambda: detection("uint8"),
    "float_border": float_border,
    "pair": pair,
    "odd_ends": odd_ends,
    "no_input": no_input,
    "scalar": scalar,
    "two_entries": two_entries,
    "accumulator": accumulator,
    "computed_shape": computed_shape,
}


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Paths of the models by name."""
    folder = tmp_path_factory.mktemp("models")
    paths: dict[str, Path] = {name: folder / f"{name}.tflite" for name in NETS}
    for name, path in paths.items():
        path.write_bytes(NETS[name]())
    return {name: str(path) for name, path in paths.items()}
