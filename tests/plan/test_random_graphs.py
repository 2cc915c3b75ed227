"""Random graphs of operators that share, alias and move memory: the engine equals the reference.

What the tests of single passes and layouts do not think of, these meet: views of views, parts of
concatenations that others read, outputs in the middle, fusion next to all of that.
"""

from __future__ import annotations

import math

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from cases import I8, WS8, Net, Pair, Q, Shape, evaluate, random_feeds
from edgerun.frontends import load_graph
from edgerun.session import Session, check_steps
from engine import ISAS, assert_equal, bound_for

# Mostly one quantisation, so that tensors can be joined without being requantised.
QUANTIZATIONS = st.sampled_from([I8, I8, I8, Q(0.04, -20), Q(0.05, 131, "uint8")])


class Grower:
    """A net that grows by random operators over the tensors it has."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.net = Net(draw(st.integers(0, 99)))
        self.tensors: list[tuple[int, Shape, Q]] = []
        shape = (draw(st.integers(1, 2)), *draw(st.tuples(*[st.integers(1, 6)] * 3)))
        self.inputs = [self.new(shape, I8) for _ in range(draw(st.integers(1, 2)))]

    def new(self, shape: Shape, q: Q) -> int:
        i = self.net.q(f"t{len(self.tensors)}", shape, q)
        self.tensors.append((i, shape, q))
        return i

    def pick(self, rank: int | None = None, like: tuple[Shape, Q] | None = None, axis: int = -1) -> int:
        """Which tensor an operator reads: of a rank, or equal to `like` in all dimensions but `axis`."""

        def fits(shape: Shape, q: Q) -> bool:
            if like is None:
                return rank in (None, len(shape))
            other, dtype = like[0], like[1].dtype
            rest = [s for i, s in enumerate(shape) if i != axis]
            return (
                len(shape) == len(other)
                and rest == [s for i, s in enumerate(other) if i != axis]
                and q.dtype == dtype
            )

        found = [k for k, (_, shape, q) in enumerate(self.tensors) if fits(shape, q)]
        return self.draw(st.sampled_from(found))

    def conv(self) -> None:
        k = self.pick(4)
        x, (n, h, w, c), q = self.tensors[k]
        if q.dtype == "uint8":
            return
        side = self.draw(st.sampled_from([1, 3]))
        kernel: Pair = (side, side)
        c_out = self.draw(st.integers(1, 6))
        weights = self.net.weights((c_out, *kernel, c), 0, WS8, per_channel=True)
        y = self.new((n, h, w, c_out), I8)
        options = {"padding": "same", "stride_h": 1, "stride_w": 1}
        self.net.operator("CONV_2D", [x, weights], [y], options)

    def depthwise(self) -> None:
        x, (n, h, w, c), q = self.tensors[self.pick(4)]
        if q.dtype == "uint8":
            return
        weights = self.net.weights((1, 2, 2, c), 3, WS8, per_channel=True)
        y = self.new((n, h, w, c), I8)
        options = {"padding": "same", "stride_h": 1, "stride_w": 1, "depth_multiplier": 1}
        self.net.operator("DEPTHWISE_CONV_2D", [x, weights], [y], options)

    def pool(self) -> None:
        x, (n, h, w, c), q = self.tensors[self.pick(4)]
        y = self.new((n, h, w, c), q)
        options = {"stride_h": 1, "stride_w": 1, "filter_height": 2, "filter_width": 2}
        name = self.draw(st.sampled_from(["MAX_POOL_2D", "AVERAGE_POOL_2D"]))
        self.net.operator(name, [x], [y], {"padding": "same"} | options)

    def resize(self) -> None:
        x, (n, *_, c), q = self.tensors[self.pick(4)]
        size = self.draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
        y = self.new((n, *size, c), q)
        name = self.draw(st.sampled_from(["RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"]))
        self.net.operator(name, [x, self.net.ints(f"size{y}", size)], [y])

    def mean(self) -> None:
        x, shape, q = self.tensors[self.pick()]
        axes = self.draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))
        y = self.new(tuple(1 if i in axes else d for i, d in enumerate(shape)), q)
        self.net.operator("MEAN", [x, self.net.ints(f"axes{y}", sorted(axes))], [y], {"keep_dims": True})

    def softmax(self) -> None:
        x, shape, _ = self.tensors[self.pick()]
        self.net.operator("SOFTMAX", [x], [self.new(shape, I8)], {"beta": 1.0})

    def fully_connected(self) -> None:
        x, shape, q = self.tensors[self.pick()]
        if q.dtype == "uint8":
            return
        n = self.draw(st.integers(1, 6))
        weights = self.net.weights((n, shape[-1]), 0, WS8, per_channel=False)
        y = self.new((*shape[:-1], n), I8)
        self.net.operator("FULLY_CONNECTED", [x, weights], [y], {"keep_num_dims": True})

    def through_floats(self) -> None:
        x, shape, _ = self.tensors[self.pick()]
        real = self.net.tensor(f"real{x}_{len(self.tensors)}", shape, "float32")
        self.net.operator("DEQUANTIZE", [x], [real])
        self.net.operator("QUANTIZE", [real], [self.new(shape, self.draw(QUANTIZATIONS))])

    def unary(self) -> None:
        x, shape, q = self.tensors[self.pick()]
        name = self.draw(st.sampled_from(["RELU", "RELU6", "QUANTIZE"]))
        out = self.draw(QUANTIZATIONS) if name == "QUANTIZE" else q
        self.net.operator(name, [x], [self.new(shape, out)])

    def add(self) -> None:
        a, shape, q = self.tensors[self.pick()]
        b, *_ = self.tensors[self.pick(like=(shape, q))]
        out = q if q.dtype == "uint8" else I8
        self.net.operator("ADD", [a, b], [self.new(shape, out)])

    def concat(self) -> None:
        first = self.pick()
        _, shape, q = self.tensors[first]
        axis = self.draw(st.sampled_from(range(len(shape))))
        more = [self.pick(like=(shape, q), axis=axis) for _ in range(self.draw(st.integers(0, 2)))]
        parts = [first, *more]
        joined = list(shape)
        joined[axis] = sum(self.tensors[k][1][axis] for k in parts)
        if math.prod(joined) > 5000:
            return
        inputs = [self.tensors[k][0] for k in parts]
        y = self.new(tuple(joined), q)
        self.net.operator("CONCATENATION", inputs, [y], {"axis": axis})

    def reshape(self) -> None:
        x, shape, q = self.tensors[self.pick()]
        size = math.prod(shape)
        last = shape[-1]
        choices = [(size,), (1, size // last, last), (1, 1, size // last, last), (last, size // last)]
        to = self.draw(st.sampled_from(choices))
        y = self.new(to, q)
        self.net.operator("RESHAPE", [x, self.net.ints(f"shape{y}", to)], [y])

    def slice(self) -> None:
        x, shape, q = self.tensors[self.pick()]
        begin = list(shape)
        size = list(shape)
        cut = self.draw(st.integers(0, len(shape) - 1))
        for i, d in enumerate(shape):
            begin[i] = self.draw(st.integers(0, d - 1)) if i == cut else 0
            size[i] = self.draw(st.integers(1, d - begin[i])) if i == cut else d
        y = self.new(tuple(size), q)
        inputs = [x, self.net.ints(f"begin{y}", begin), self.net.ints(f"size{y}", size)]
        self.net.operator("SLICE", inputs, [y])

    def pad(self) -> None:
        x, shape, q = self.tensors[self.pick(4)]
        c = self.draw(st.integers(0, 1))
        pairs = ((0, 0), (1, 0), (0, 1), (0, c))
        y = self.new(tuple(d + a + b for d, (a, b) in zip(shape, pairs, strict=True)), q)
        self.net.operator("PAD", [x, self.net.ints(f"pads{y}", pairs)], [y])

    def transpose(self) -> None:
        x, shape, q = self.tensors[self.pick()]
        perm = self.draw(st.permutations(range(len(shape))))
        y = self.new(tuple(shape[p] for p in perm), q)
        self.net.operator("TRANSPOSE", [x, self.net.ints(f"perm{y}", perm)], [y])


STEPS = (
    Grower.conv,
    Grower.depthwise,
    Grower.pool,
    Grower.resize,
    Grower.mean,
    Grower.softmax,
    Grower.fully_connected,
    Grower.through_floats,
    Grower.unary,
    Grower.add,
    *[Grower.concat] * 3,
    *[Grower.reshape] * 2,
    *[Grower.slice] * 2,
    Grower.pad,
    Grower.transpose,
)


@st.composite
def models(draw: st.DrawFn) -> bytes:
    grower = Grower(draw)
    for step in draw(st.lists(st.sampled_from(STEPS), min_size=2, max_size=12)):
        step(grower)
    ids = [i for i, *_ in grower.tensors]
    outputs = draw(st.lists(st.sampled_from(ids), max_size=2, unique=True))
    if ids[-1] not in outputs:
        outputs.append(ids[-1])
    return grower.net.finish(grower.inputs, outputs)


@given(model=models(), isa=st.sampled_from(ISAS), seed=st.integers(0, 9))
@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_random_graphs(model: bytes, isa: str, seed: int) -> None:
    graph = load_graph(model)
    note(str(graph))
    feeds = random_feeds(graph, seed)
    expected = evaluate(graph, feeds)
    with bound_for(isa):
        fused = Session(model, 2)
        unfused = Session(model, 1, preserve_all_tensors=True)
    assert_equal(fused.run(feeds), expected)
    assert_equal(unfused.run(feeds), expected)
    check_steps(unfused._graph, {**unfused.tensors(feeds), **feeds})
