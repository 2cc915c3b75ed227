"""Each pass: what it rewrites, what it must leave alone, and that no bit changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cases import I8, WS8, Net, Q, random_feeds
from edgerun import knobs
from edgerun.errors import ModelError
from edgerun.frontends import load_graph
from edgerun.ir.graph import Graph, Node, Value
from edgerun.ir.shape import Slice
from edgerun.ir.types import INT8, Quantization, TensorType
from edgerun.passes import Pass, run_passes
from edgerun.session import Session
from engine import assert_equal
from rewriting import PASSES, rewritten, text, untouched

SHAPE = (1, 4, 5, 8)


class Builder(Net):
    """Operators over 8-channel images, by the name of their output."""

    def conv(self, x: int, y: str, padding: str = "valid", shape: tuple[int, ...] = SHAPE) -> int:
        out = self.q(y, shape, Q(0.2, 5))
        weights = self.weights((8, 3, 3, 8), 0, WS8, per_channel=True)
        self.operator("CONV_2D", [x, weights, self.bias(8, 72)], [out], {"padding": padding} | STRIDES)
        return out

    def depthwise(self, x: int, y: str, shape: tuple[int, ...] = SHAPE) -> int:
        out = self.q(y, shape, Q(0.06, 5))
        weights = self.weights((1, 3, 3, 8), 3, WS8, per_channel=True)
        options = {"padding": "valid", "depth_multiplier": 1} | STRIDES
        self.operator("DEPTHWISE_CONV_2D", [x, weights, self.bias(8, 9)], [out], options)
        return out

    def pad(self, x: int, y: str, pairs: tuple[tuple[int, int], ...], fill: int | None = None) -> int:
        shape = [d + a + b for d, (a, b) in zip(SHAPE, pairs, strict=True)]
        inputs = [x, self.ints(f"{y}_paddings", pairs)]
        if fill is not None:
            data = np.array([fill], np.int8)
            inputs.append(self.tensor("fill", (1,), "int8", scale=0.05, zero_point=3, data=data))
        out = self.q(y, shape)
        self.operator("PAD" if fill is None else "PADV2", inputs, [out])
        return out

    def unary(self, name: str, x: int, y: str, out: Q, shape: tuple[int, ...] = SHAPE) -> int:
        made = self.q(y, shape, out)
        self.operator(name, [x], [made])
        return made


STRIDES = {"stride_h": 1, "stride_w": 1}
AROUND = ((0, 0), (1, 1), (1, 1), (0, 0))
CONV = Q(0.2, 5)  # what Builder.conv writes


# -- fold_constants --


def constant_operand() -> bytes:
    net = Builder()
    x = net.q("x", (1, 2, 2, 4))
    data = net.rng.integers(-128, 128, (16,)).astype(np.int8)
    flat = net.tensor("flat", (16,), "int8", scale=0.05, zero_point=3, data=data)
    folded, y = net.q("folded", (1, 2, 2, 4)), net.q("y", (1, 2, 2, 4))
    net.operator("RESHAPE", [flat, net.ints("shape", (1, 2, 2, 4))], [folded])
    net.operator("ADD", [x, folded], [y])
    return net.finish([x], [y, folded])


def test_fold_constants() -> None:
    assert text(load_graph(constant_operand())) == ("folded = Reshape(shape=(1,2,2,4)) \ny = Add() x folded")
    assert rewritten(constant_operand(), "fold_constants") == "y = Add() x"


def test_fold_constants_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knobs, "max_fold_bytes", lambda: 15)
    assert untouched(constant_operand(), "fold_constants")


# -- eliminate --


def through(name: str, options: dict[str, object], *constants: object, q: Q = I8) -> bytes:
    """An operator that does nothing, between two that do something."""
    net = Builder()
    x = net.q("x", SHAPE, q)
    a = net.unary("HARD_SWISH", x, "a", q)
    b, y = net.q("b", SHAPE, q), net.q("y", SHAPE, q)
    net.operator(name, [a, *(net.ints(f"c{i}", c) for i, c in enumerate(constants))], [b], options)
    net.operator("HARD_SWISH", [b], [y])
    return net.finish([x], [y])


@pytest.mark.parametrize(
    "model",
    [
        through("RESHAPE", {}, SHAPE),
        through("PAD", {}, ((0, 0),) * 4),
        through("SLICE", {}, (0,) * 4, SHAPE),
        through("TRANSPOSE", {}, (0, 1, 2, 3)),
        through("CONCATENATION", {"axis": 3}),
        through("QUANTIZE", {}),
        through("RELU", {}, q=Q(0.05, -128)),
    ],
    ids=["reshape", "pad", "slice", "transpose", "concat", "quantize", "relu"],
)
def test_eliminate(model: bytes) -> None:
    assert rewritten(model, "eliminate") == "a = HardSwish() x\ny = HardSwish() a"


def test_eliminate_keeps_what_changes_something() -> None:
    assert untouched(through("RELU", {}, q=I8), "eliminate")


def test_eliminate_keeps_a_reversal() -> None:
    kind = TensorType((4,), INT8, Quantization.of(0.1))
    x, a, y = Value("x", kind), Value("a", kind), Value("y", kind)
    reverse, copy = Slice((3,), (4,), (-1,)), Slice((0,), (4,), (1,))
    graph = Graph("g", [x], [y], [Node(reverse, [x], [a]), Node(copy, [a], [y])])
    run_passes(graph, [PASSES["eliminate"]])
    assert text(graph) == (
        "a = Slice(starts=(3,), sizes=(4,), steps=(-1,)) x\ny = Slice(starts=(0,), sizes=(4,), steps=(1,)) a"
    )


def test_eliminate_removes_what_nobody_reads() -> None:
    net = Builder()
    x = net.q("x", SHAPE)
    unread = net.unary("LEAKY_RELU", x, "unread", I8)
    net.unary("LEAKY_RELU", unread, "unread_too", I8)
    y = net.unary("HARD_SWISH", x, "y", I8)
    assert rewritten(net.finish([x], [y]), "eliminate") == "y = HardSwish() x"


# -- fuse_pad --


def padded(**pad: object) -> bytes:
    net = Builder()
    x = net.q("x", SHAPE)
    p = net.pad(x, "p", AROUND, **pad)  # type: ignore[arg-type]
    return net.finish([x], [net.conv(p, "y")])


def test_fuse_pad() -> None:
    before = "p = Pad(before=(0,1,1,0), after=(0,1,1,0), fill=3) x\n"
    assert text(load_graph(padded())) == before + "y = Conv2d() p"
    assert rewritten(padded(), "fuse_pad") == "y = Conv2d(padding=(1,1,1,1)) x"


def test_fuse_pad_adds_to_the_padding_there_is() -> None:
    net = Builder()
    x = net.q("x", SHAPE)
    p = net.pad(x, "p", ((0, 0), (0, 2), (3, 0), (0, 0)))
    y = net.conv(p, "y", "same", (1, 6, 8, 8))
    assert rewritten(net.finish([x], [y]), "fuse_pad") == "y = Conv2d(padding=(1,4,3,1)) x"


def test_fuse_pad_into_every_reader() -> None:
    net = Builder()
    x = net.q("x", SHAPE)
    p = net.pad(x, "p", AROUND)
    outputs = [net.conv(p, "y"), net.depthwise(p, "z")]
    assert rewritten(net.finish([x], outputs), "fuse_pad") == (
        "y = Conv2d(padding=(1,1,1,1)) x\nz = DepthwiseConv2d(padding=(1,1,1,1)) x"
    )
    assert rewritten(net.finish([x], [*outputs, p]), "fuse_pad") == (
        "p = Pad(before=(0,1,1,0), after=(0,1,1,0), fill=3) x\n"
        "y = Conv2d(padding=(1,1,1,1)) x\n"
        "z = DepthwiseConv2d(padding=(1,1,1,1)) x"
    )


def test_fuse_pad_only_with_the_real_value_zero() -> None:
    assert untouched(padded(fill=4), "fuse_pad")
    assert rewritten(padded(fill=3), "fuse_pad") == "y = Conv2d(padding=(1,1,1,1)) x"


@pytest.mark.parametrize("pairs", [((0, 0), (1, 1), (1, 1), (1, 0)), ((1, 0), (1, 1), (1, 1), (0, 0))])
def test_fuse_pad_only_in_height_and_width(pairs: tuple[tuple[int, int], ...]) -> None:
    net = Builder()
    n, c = 1 + pairs[0][0], 8 + pairs[3][0]
    x = net.q("x", SHAPE)
    p = net.pad(x, "p", pairs)
    y = net.q("y", (n, 4, 5, 8), CONV)
    weights = net.weights((8, 3, 3, c), 0, WS8, per_channel=True)
    net.operator("CONV_2D", [p, weights], [y], {"padding": "valid"} | STRIDES)
    assert untouched(net.finish([x], [y]), "fuse_pad")


# -- fuse_activation --


def activated(first: Callable[[Builder, int], int], names: tuple[str, ...], q: Q = CONV) -> bytes:
    net = Builder()
    x = net.q("x", SHAPE)
    y = first(net, x)
    for i, name in enumerate(names):
        y = net.unary(name, y, f"y{i}", q)
    return net.finish([x], [y])


def same_conv(net: Builder, x: int) -> int:
    return net.conv(x, "c", "same")


def add(net: Builder, x: int) -> int:
    c = net.q("c", SHAPE, CONV)
    net.operator("ADD", [x, x], [c])
    return c


def max_pool(net: Builder, x: int) -> int:
    c = net.q("c", SHAPE)
    options = {"padding": "same", "filter_height": 3, "filter_width": 3} | STRIDES
    net.operator("MAX_POOL_2D", [x], [c], options)
    return c


def test_fuse_activation() -> None:
    model = activated(same_conv, ("RELU6",))
    assert text(load_graph(model)) == "c = Conv2d(padding=(1,1,1,1)) x\ny0 = Clip(clamp=(0.0,6.0)) c"
    fused = "y0 = Conv2d(padding=(1,1,1,1), clamp=(0.0,6.0)) x"
    assert rewritten(model, "fuse_activation") == fused
    assert rewritten(activated(add, ("RELU",)), "fuse_activation") == "y0 = Add(clamp=(0.0,inf)) x x"
    assert rewritten(activated(max_pool, ("RELU_N1_TO_1",), I8), "fuse_activation") == (
        "y0 = MaxPool2d(kernel=(3,3), padding=(1,1,1,1), clamp=(-1.0,1.0)) x"
    )


def test_fuse_activation_after_activation() -> None:
    model = activated(same_conv, ("RELU", "RELU6"))
    fused = "y1 = Conv2d(padding=(1,1,1,1), clamp=(0.0,6.0)) x"
    assert rewritten(model, "fuse_activation") == fused


@pytest.mark.parametrize("q", [Q(0.1, 5), Q(0.2, 6), Q(0.2, 133, "uint8")])
def test_fuse_activation_only_within_one_quantization(q: Q) -> None:
    assert untouched(activated(same_conv, ("RELU6",), q), "fuse_activation")


def test_fuse_activation_of_floats() -> None:
    net = Net()
    x = net.tensor("x", (2, 8), "float32")
    w = net.tensor("w", (4, 8), "float32", data=net.rng.normal(0, 1, (4, 8)).astype(np.float32))
    h, y = (net.tensor(name, (2, 4), "float32") for name in "hy")
    net.operator("FULLY_CONNECTED", [x, w], [h], {})
    net.operator("RELU", [h], [y])
    model = net.finish([x], [y])
    graph = run_passes(load_graph(model), [PASSES["fuse_activation"]])
    assert text(graph) == "y = FullyConnected(clamp=(0.0,inf)) x"
    feeds = random_feeds(graph, 0)
    unfused = Session(model, 1, preserve_all_tensors=True)
    assert_equal(Session(model, 1).run(feeds), unfused.run(feeds))


def test_fuse_activation_only_for_the_only_reader() -> None:
    net = Builder()
    x = net.q("x", SHAPE)
    c = same_conv(net, x)
    y = net.unary("RELU", c, "y", CONV)
    assert untouched(net.finish([x], [y, c]), "fuse_activation")
    z = net.unary("HARD_SWISH", c, "z", CONV)
    assert untouched(net.finish([x], [y, z]), "fuse_activation")


# -- fuse_tables --


def tables(*outputs: str) -> bytes:
    net = Builder()
    x = net.q("x", SHAPE)
    made = {"a": net.unary("RELU6", x, "a", Q(0.03, -20))}
    made["b"] = net.unary("TANH", made["a"], "b", Q(1 / 128, 0))
    made["c"] = net.unary("QUANTIZE", made["b"], "c", Q(0.01, 100, "uint8"))
    made["d"] = net.unary("LEAKY_RELU", made["a"], "d", I8)
    return net.finish([x], [made[name] for name in outputs])


def test_fuse_tables() -> None:
    assert rewritten(tables("c"), "eliminate", "fuse_tables") == "c = Table(entries=<256>) x"


def test_fuse_tables_not_across_what_others_read() -> None:
    assert rewritten(tables("c", "b"), "eliminate", "fuse_tables") == (
        "b = Table(entries=<256>) x\nc = Requantize() b"
    )
    assert rewritten(tables("c", "d"), "eliminate", "fuse_tables") == (
        "a = Clip(clamp=(0.0,6.0)) x\nc = Table(entries=<256>) a\nd = LeakyRelu(alpha=0.0) a"
    )


# -- all of them --


def test_a_pass_that_breaks_the_graph_is_named() -> None:
    def lose_the_output(graph: Graph) -> None:
        graph.nodes.clear()

    with pytest.raises(ModelError, match=r"After pass broken: .*output %y is never written"):
        run_passes(load_graph(padded()), [Pass("broken", lose_the_output)])
