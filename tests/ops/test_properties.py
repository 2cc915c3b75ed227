"""Random shapes, windows, zero points and scales: the engine equals the numpy reference, always."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cases import ACTIVATIONS, Net, Pair, Q, evaluate, random_feeds, spread, window
from cases.conv import conv, fully_connected
from cases.elementwise import binary
from cases.pool import pool
from edgerun import _engine
from edgerun.frontends import load_graph
from edgerun.session import Session
from engine import assert_equal, bound_for

# Instruction sets on which a kernel of the two that do the work is first chosen, with how many examples:
# fewer for the slow ones.
KERNEL_ISAS = sorted(
    {isa for folder, _, isa, usable in _engine.kernels() if folder in ("gemm_s8", "dwconv_s8") and usable},
    key=_engine.isas().index,
)
on_each_kernel = pytest.mark.parametrize("isa", KERNEL_ISAS)
examples = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

zeros = st.sampled_from([-128, -1, 0, 1, 127]) | st.integers(-128, 127)
scales = st.sampled_from([0.05, 1.0]) | st.floats(1e-4, 10)
channels = st.integers(1, 70)
few = st.integers(1, 3)


@st.composite
def quantizations(draw: st.DrawFn, dtype: str = "int8") -> Q:
    shift = 128 if dtype == "uint8" else 0
    return Q(draw(scales), draw(zeros) + shift, dtype)


@st.composite
def kinds(draw: st.DrawFn) -> dict[str, Any]:
    """Input, weights and output: int8 with symmetric weights, or uint8 with any."""
    if draw(st.booleans()):
        return {
            "x": draw(quantizations()),
            "w": Q(0.01, 0),
            "per_channel": draw(st.booleans()),
        }
    return {
        "x": draw(quantizations("uint8")),
        "w": draw(quantizations("uint8")),
        "per_channel": False,
    }


@st.composite
def convolutions(draw: st.DrawFn, depthwise: bool) -> dict[str, Any]:
    kind = draw(kinds())
    kernel = draw(few), draw(st.integers(1, 4))
    c_in = draw(channels)
    # Steps of the output from much finer than the sums are (nearly all saturate) to much coarser.
    fitting = spread(kind["x"], kind["w"], kernel[0] * kernel[1] * (1 if depthwise else c_in))
    zero = draw(zeros) + (128 if fitting.dtype == "uint8" else 0)
    return kind | {
        "c_in": c_in,
        "c_out": draw(channels),
        "kernel": kernel,
        "strides": (draw(few), draw(few)),
        "dilations": (draw(few), draw(few)),
        "padding": draw(st.sampled_from(["same", "valid"])),
        "activation": draw(st.sampled_from(["none", *ACTIVATIONS])),
        "size": (draw(st.integers(1, 9)), draw(st.integers(1, 9))),
        "batch": draw(st.integers(1, 3)),
        "bias": draw(st.booleans()),
        "multiplier": draw(st.sampled_from([1, 1, 2, 3])) if depthwise else 0,
        "out": Q(fitting.scale * draw(st.sampled_from([0.05, 0.5, 1, 4])), zero, fitting.dtype),
        "seed": draw(st.integers(0, 1000)),
    }


def check(model: bytes, isa: str, threads: int = 2) -> None:
    graph = load_graph(model)
    feeds = random_feeds(graph, 0)
    with bound_for(isa):
        session = Session(model, threads)
    assert_equal(session.run(feeds), evaluate(graph, feeds))


def test_every_kernel_is_reached() -> None:
    """The instruction sets of these tests choose each kernel that this machine can run."""
    used: set[tuple[str, str]] = set()
    for isa in KERNEL_ISAS:
        for folder, multiplier in (("gemm_s8", 0), ("dwconv_s8", 1)):
            model = conv(256, 64, size=(16, 16), multiplier=multiplier)
            with bound_for(isa):
                used.add((folder, Session(model, 1).profile(runs=1)[-1].kernel.split("/")[1]))
    usable = {(folder, name) for folder, name, _, detected in _engine.kernels() if detected}
    assert used == {(folder, name) for folder, name in usable if folder in ("gemm_s8", "dwconv_s8")}


def fits(arguments: dict[str, Any]) -> bool:
    columns = (arguments[k] for k in ("size", "kernel", "strides", "dilations"))
    return all(
        window(size, kernel, stride, dilation, arguments["padding"]) > 0
        for size, kernel, stride, dilation in zip(*columns, strict=True)
    )


@on_each_kernel
@given(arguments=convolutions(depthwise=False))
@examples
def test_convolution(arguments: dict[str, Any], isa: str) -> None:
    assume(fits(arguments))
    check(conv(**arguments), isa)


@on_each_kernel
@given(arguments=convolutions(depthwise=True))
@examples
def test_depthwise_convolution(arguments: dict[str, Any], isa: str) -> None:
    assume(fits(arguments))
    check(conv(**arguments), isa)


@on_each_kernel
@given(
    kind=kinds(),
    rows=st.integers(1, 20),
    k=st.integers(1, 200),
    n=channels,
    bias=st.booleans(),
    seed=st.integers(0, 1000),
)
@examples
def test_fully_connected(
    kind: dict[str, Any], rows: int, k: int, n: int, bias: bool, seed: int, isa: str
) -> None:
    check(fully_connected((rows, k), n, bias=bias, seed=seed, **kind), isa)


@on_each_kernel
@given(
    x=st.integers(-128, 127),
    w=st.sampled_from([-128, -127, 127]),
    zero=zeros,
    k=st.sampled_from([1, 4, 63, 64, 65, 256]),
    n=st.sampled_from([1, 16, 33]),
    bias=st.sampled_from([0, 0, 2**31 - 1, -(2**31)]),
)
@settings(examples, max_examples=60)
def test_extreme_sums(x: int, w: int, zero: int, k: int, n: int, bias: int, isa: str) -> None:
    """Every product at its largest, which overflows in a kernel that adds pairs in 16 bits; and sums
    that leave int32, which are taken modulo 2^32."""
    net = Net()
    weights = np.full((n, k), w, np.int8)
    inputs = [net.q("x", (3, k), Q(1, zero)), net.tensor("w", (n, k), "int8", scale=1, data=weights)]
    inputs.append(net.tensor("bias", (n,), "int32", data=np.full(n, bias, np.int32)))
    y = net.q("y", (3, n), Q(max(abs((x - zero) * w * k + bias) / 100, 1e-3), 3))
    net.operator("FULLY_CONNECTED", inputs, [y])
    model = net.finish(inputs[:1], [y])
    feeds = {"x": np.full((3, k), x, np.int8)}
    with bound_for(isa):
        session = Session(model, 1)
    assert_equal(session.run(feeds), evaluate(load_graph(model), feeds))


@on_each_kernel
@given(
    name=st.sampled_from(["ADD", "SUB", "MUL"]),
    shape=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    last=channels,
    broadcast=st.lists(st.booleans(), min_size=5, max_size=5),
    dtype=st.sampled_from(["int8", "uint8"]),
    data=st.data(),
)
@examples
def test_binary(
    name: str,
    shape: list[int],
    last: int,
    broadcast: list[bool],
    dtype: str,
    data: st.DataObject,
    isa: str,
) -> None:
    full = (*shape[:3], last)
    small = tuple(1 if b else d for b, d in zip(broadcast, full, strict=False))
    a, b, out = (data.draw(quantizations(dtype)) for _ in range(3))
    check(binary(name, full, small, a, b, out, constant=broadcast[4]), isa)


@on_each_kernel
@given(
    name=st.sampled_from(["MAX_POOL_2D", "AVERAGE_POOL_2D"]),
    c=channels,
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    strides=st.tuples(few, few),
    padding=st.sampled_from(["same", "valid"]),
    size=st.tuples(st.integers(5, 9), st.integers(5, 9)),
    x=st.sampled_from(["int8", "uint8"]).flatmap(quantizations),
    other=st.booleans(),
)
@examples
def test_pool(
    name: str,
    c: int,
    kernel: Pair,
    strides: Pair,
    padding: str,
    size: Pair,
    x: Q,
    other: bool,
    isa: str,
) -> None:
    out = Q(x.scale * 0.7, x.zero, x.dtype) if other and name == "AVERAGE_POOL_2D" else x
    check(pool(name, c, kernel, strides, padding, size=size, x=x, out=out), isa)


@given(arguments=convolutions(depthwise=False), depthwise=st.booleans())
@settings(examples, max_examples=40)
def test_a_batch_is_its_images_one_by_one(arguments: dict[str, Any], depthwise: bool) -> None:
    assume(fits(arguments))
    arguments |= {"multiplier": int(depthwise), "batch": 3}
    batch = conv(**arguments)
    feeds = random_feeds(load_graph(batch), 0)["x"]
    whole = Session(batch, 2).run(feeds)["y"]
    single = Session(conv(**{**arguments, "batch": 1}), 1)
    for image, expected in zip(feeds, whole, strict=True):
        np.testing.assert_array_equal(single.run(image[None])["y"][0], expected)
