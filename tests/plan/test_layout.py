"""Where tensors lie: what costs no copy, what has to be copied, and that the answers are right."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cases import I8, WS8, Net, Pair, Q, Shape, evaluate, random_feeds
from cases.elementwise import chain
from edgerun.frontends import load_graph
from edgerun.passes import run_passes
from edgerun.plan.lower import lower
from edgerun.plan.memory import Block, plan_arena
from edgerun.plan.plan import Plan
from edgerun.session import Session
from engine import assert_equal

OUT = Q(0.2, 5)


class Builder(Net):
    """1x1 convolutions and what moves their results, by the name of the output."""

    def conv(self, x: int, y: str, c_in: int, c_out: int, size: Pair = (3, 5)) -> int:
        out = self.q(y, (1, *size, c_out), OUT)
        weights = self.weights((c_out, 1, 1, c_in), 0, WS8, per_channel=True)
        options = {"padding": "valid", "stride_h": 1, "stride_w": 1}
        self.operator("CONV_2D", [x, weights, self.bias(c_out, c_in)], [out], options)
        return out

    def concat(self, parts: list[int], y: str, shape: Shape, axis: int, q: Q = OUT) -> int:
        out = self.q(y, shape, q)
        self.operator("CONCATENATION", parts, [out], {"axis": axis})
        return out

    def reshape(self, x: int, y: str, shape: Shape, q: Q = OUT) -> int:
        out = self.q(y, shape, q)
        self.operator("RESHAPE", [x, self.ints(f"{y}_shape", shape)], [out])
        return out

    def slice(self, x: int, y: str, begin: Shape, shape: Shape, q: Q = OUT) -> int:
        out = self.q(y, shape, q)
        inputs = [x, self.ints(f"{y}_begin", begin), self.ints(f"{y}_size", shape)]
        self.operator("SLICE", inputs, [out])
        return out


def planned(model: bytes) -> Plan:
    """The plan of a model, whose answers are those of the reference, fused or not."""
    feeds = random_feeds(load_graph(model), 0)
    expected = evaluate(load_graph(model), feeds)
    assert_equal(Session(model, 1).run(feeds), expected)
    assert_equal(Session(model, 1, preserve_all_tensors=True).run(feeds), expected)
    return lower(run_passes(load_graph(model)))


def copies(plan: Plan) -> list[tuple[str, str]]:
    """(source, target) of each copy."""
    names = [t.name for t in plan.tensors]
    return [(names[s.inputs[0]], names[s.outputs[0]]) for s in plan.steps if s.verb == "copy"]


def places(plan: Plan, *names: str) -> list[tuple[str, int, int]]:
    """(name of the memory, offset, row stride) of values."""
    tensors = [plan.tensors[plan.values[name]] for name in names]
    return [(plan.tensors[t.root].name, t.offset, t.row_stride) for t in tensors]


def test_concat_of_channels_copies_nothing() -> None:
    net = Builder()
    x = net.q("x", (1, 3, 5, 8))
    parts = [net.conv(x, "a", 8, 16), net.conv(x, "b", 8, 7)]
    y = net.concat(parts, "y", (1, 3, 5, 23), 3)
    plan = planned(net.finish([x], [net.conv(y, "z", 23, 4)]))
    assert copies(plan) == []
    assert places(plan, "a", "b") == [("y", 0, 23), ("y", 16, 23)]


def test_concat_into_an_output_copies_nothing() -> None:
    net = Builder()
    x = net.q("x", (1, 3, 5, 8))
    parts = [net.conv(x, "a", 8, 16), net.conv(x, "b", 8, 7)]
    y = net.concat(parts, "y", (1, 3, 5, 23), 3)
    # A second reader of a part reads it where it lies, in the output.
    plan = planned(net.finish([x], [y, net.conv(parts[0], "z", 16, 4)]))
    assert copies(plan) == []
    assert places(plan, "a", "b") == [("y", 0, 23), ("y", 16, 23)]


def test_concat_of_anchors_copies_nothing() -> None:
    """As an SSD head does: convolutions of several sizes, reshaped to [1, anchors, 4], joined."""
    net = Builder()
    x, small = net.q("x", (1, 3, 5, 8)), net.q("small", (1, 1, 2, 8))
    a = net.reshape(net.conv(x, "a", 8, 12), "ra", (1, 45, 4))
    b = net.reshape(net.conv(small, "b", 8, 8, (1, 2)), "rb", (1, 4, 4))
    plan = planned(net.finish([x, small], [net.concat([a, b], "y", (1, 49, 4), 1)]))
    assert copies(plan) == []
    assert places(plan, "a", "b") == [("y", 0, 12), ("y", 180, 8)]


def test_concat_of_a_graph_input_copies_it() -> None:
    net = Builder()
    x = net.q("x", (1, 3, 5, 8), OUT)
    a = net.conv(x, "a", 8, 16)
    plan = planned(net.finish([x], [net.concat([a, x], "y", (1, 3, 5, 24), 3)]))
    assert copies(plan) == [("x", "y")]
    assert places(plan, "a") == [("y", 0, 24)]


def test_concat_of_an_output_copies_it() -> None:
    net = Builder()
    x = net.q("x", (1, 3, 5, 8))
    a, b = net.conv(x, "a", 8, 16), net.conv(x, "b", 8, 16)
    plan = planned(net.finish([x], [net.concat([a, b], "y", (1, 3, 5, 32), 3), a]))
    assert copies(plan) == [("a", "y")]


def test_concat_of_one_tensor_twice_copies_once() -> None:
    net = Builder()
    x = net.q("x", (1, 3, 5, 8))
    a = net.conv(x, "a", 8, 16)
    plan = planned(net.finish([x], [net.concat([a, a], "y", (1, 3, 5, 32), 3)]))
    assert copies(plan) == [("a", "y")]


def test_concat_of_one_tensor_in_two_concats_copies_once() -> None:
    net = Builder()
    x = net.q("x", (1, 3, 5, 8))
    a, b = net.conv(x, "a", 8, 16), net.conv(x, "b", 8, 4)
    y = net.concat([a, b], "y", (1, 3, 5, 20), 3)
    z = net.concat([b, a], "z", (1, 3, 5, 20), 3)
    plan = planned(net.finish([x], [y, z]))
    assert copies(plan) == [("b", "z"), ("a", "z")]


def test_concat_into_concat_copies_nothing() -> None:
    net = Builder()
    x = net.q("x", (1, 3, 5, 8))
    a, b, c = (net.conv(x, name, 8, 5) for name in "abc")
    inner = net.concat([a, b], "inner", (1, 3, 5, 10), 3)
    plan = planned(net.finish([x], [net.concat([c, inner], "y", (1, 3, 5, 15), 3)]))
    assert copies(plan) == []
    assert places(plan, "a", "b", "c") == [("y", 5, 15), ("y", 10, 15), ("y", 0, 15)]


def test_slice_is_a_view() -> None:
    net = Builder()
    x = net.q("x", (1, 3, 5, 8))
    a = net.conv(x, "a", 8, 16)
    channels = net.slice(a, "channels", (0, 0, 0, 4), (1, 3, 5, 9))
    rows = net.slice(a, "rows", (0, 1, 0, 0), (1, 2, 5, 16))
    box = net.slice(a, "box", (0, 0, 1, 0), (1, 3, 2, 16))
    outputs = [
        net.conv(channels, "y", 9, 4),
        net.conv(rows, "z", 16, 4, (2, 5)),
        net.conv(box, "w", 16, 4, (3, 2)),
    ]
    plan = planned(net.finish([x], outputs))
    assert copies(plan) == [("a", "box")]  # its rows do not follow each other
    assert places(plan, "channels", "rows") == [("a", 4, 16), ("a", 80, 16)]


def test_reshape_into_an_output_is_a_view() -> None:
    net = Builder()
    x = net.q("x", (1, 3, 5, 8))
    y = net.reshape(net.conv(x, "a", 8, 4), "y", (1, 60))
    plan = planned(net.finish([x], [y]))
    assert copies(plan) == []
    assert places(plan, "a") == [("y", 0, 4)]


def test_reshape_of_rows_that_lie_apart() -> None:
    net = Builder()
    x = net.q("x", (1, 3, 5, 8))
    a, b = net.conv(x, "a", 8, 4), net.conv(x, "b", 8, 4)
    y = net.concat([a, b], "y", (1, 3, 5, 8), 3)
    rows, flat = net.reshape(b, "rows", (15, 4)), net.reshape(a, "flat", (1, 60))
    outputs = [y, net.slice(rows, "some", (3, 0), (5, 4)), net.slice(flat, "few", (0, 7), (1, 9))]
    plan = planned(net.finish([x], outputs))
    # The same rows are a view; one long row is a copy. Outputs cannot be views.
    assert places(plan, "a", "b", "rows") == [("y", 0, 8), ("y", 4, 8), ("y", 4, 8)]
    assert copies(plan) == [("a", "flat"), ("rows", "some"), ("flat", "few")]


def test_the_plan_as_text() -> None:
    net = Builder()
    x = net.q("x", (1, 3, 5, 8))
    a, b = net.conv(x, "a", 8, 4), net.conv(x, "b", 8, 2)
    y = net.concat([a, b], "y", (1, 3, 5, 6), 3)
    pooled = net.q("pooled", (1, 6), OUT)
    net.operator("MEAN", [y, net.ints("axes", (1, 2))], [pooled])
    real = net.tensor("real", (1, 6), "float32")
    net.operator("DEQUANTIZE", [pooled], [real])
    plan = planned(net.finish([x], [real]))
    window = "kernel=(1,1), strides=(1,1), dilations=(1,1), padding=(0,0)"
    limits = "out_min=-128, out_max=127, out_zero_point=5"
    assert str(plan) == "\n".join(
        [
            "plan <bytes>",
            "  input %0 x: 1x3x5x8:int8(0.050000001@3)",
            "  output %1 real: 1x6:float32",
            "  %2 a: 1x3x5x4:int8(0.2@5) in %4+0 stride 6",
            "  %3 b: 1x3x5x2:int8(0.2@5) in %4+4 stride 6",
            "  %4 y: 1x3x5x6:int8(0.2@5)",
            "  %5 pooled: 1x6:int8(0.2@5)",
            "  %6 y: 1x15x1x6:int8(0.2@5) in %4+0 stride 6",
            "  %7 pooled: 1x1x1x6:int8(0.2@5) in %5+0 stride 6",
            f"  %2 = conv({window}, input_zero_point=3, multiplier=<float32x4>, {limits}) %0    # Conv2d",
            f"  %3 = conv({window}, input_zero_point=3, multiplier=<float32x2>, {limits}) %0    # Conv2d",
            "  %7 = pool(kind=average, kernel=(15,1), strides=(1,1), padding=(0,0), zero_point=5, "
            f"multiplier=1.0, {limits}) %6    # Mean",
            "  %1 = dequantize(scale=0.20000000298023224, zero_point=5) %5    # Dequantize",
        ]
    )


blocks = st.lists(
    st.builds(
        lambda nbytes, first, length: Block("b", nbytes, first, first + length),
        st.integers(0, 5000),
        st.integers(0, 20),
        st.integers(0, 8),
    ),
    max_size=30,
)


@given(blocks, st.booleans())
def test_blocks_alive_at_once_do_not_overlap(blocks: list[Block], share: bool) -> None:
    arena = plan_arena(blocks, share)
    placed = list(zip(arena.offsets, blocks, strict=True))
    for offset, block in placed:
        assert offset % 64 == 0
        assert offset + block.nbytes <= arena.nbytes
    for i, (at, a) in enumerate(placed):
        for other, b in placed[:i]:
            together = a.first <= b.last and b.first <= a.last
            apart = at + a.nbytes <= other or other + b.nbytes <= at
            assert apart or (share and not together)


@given(blocks)
def test_the_arena_is_not_wasteful(blocks: list[Block]) -> None:
    def padded(nbytes: int) -> int:
        return -(-nbytes // 64) * 64

    shared = plan_arena(blocks).nbytes
    steps = range(30)
    at_once = (sum(b.nbytes for b in blocks if b.first <= s <= b.last) for s in steps)
    assert max(at_once, default=0) <= shared <= sum(padded(b.nbytes) for b in blocks)


def test_blocks_of_a_chain_share_two_places() -> None:
    chain = [Block(f"b{i}", 1000, i, i + 1) for i in range(10)]
    assert plan_arena(chain).nbytes == 2 * 1024
    assert plan_arena(chain, share=False).nbytes == 10 * 1024


def test_an_unfused_session_keeps_every_tensor() -> None:
    model = chain(["RELU", "RELU6", "HARD_SWISH"], [I8, Q(0.03, -9), I8, OUT])
    feeds = random_feeds(load_graph(model), 0)
    tensors = Session(model, 1, preserve_all_tensors=True).tensors(feeds)
    graph = load_graph(model)
    graph.outputs = [node.outputs[0] for node in graph.nodes]
    for name, expected in evaluate(graph, feeds).items():
        assert_equal({name: tensors[name]}, {name: expected})
