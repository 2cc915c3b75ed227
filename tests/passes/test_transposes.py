"""Transposes meet their inverse behind operators that do not care, and vanish; no bit changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import I8, Net, Q, evaluate, random_feeds
from edgerun.frontends import load_graph
from edgerun.ir.graph import Graph
from edgerun.ir.shape import Transpose
from edgerun.passes import run_passes
from edgerun.session import Session
from engine import assert_equal
from rewriting import rewritten, text, untouched

FIRST, LAST = (0, 3, 1, 2), (0, 2, 3, 1)  # to channels first, and back
OUT = Q(0.07, -9)


class Chain(Net):
    """A channels-last input behind a transpose; operators on it are named in the order they are made."""

    def __init__(self, shape: tuple[int, ...] = (1, 4, 5, 8), transposed: bool = True) -> None:
        super().__init__()
        self.shapes: dict[int, tuple[int, ...]] = {}
        if transposed:
            self.t = self.transpose(self.add_input("x", shape), FIRST, "t")

    def add_input(self, name: str, shape: tuple[int, ...]) -> int:
        index = self.q(name, shape)
        self.shapes[index] = shape
        return index

    def made(self, name: str, shape: tuple[int, ...], q: Q = I8) -> int:
        index = self.q(name, shape, q)
        self.shapes[index] = shape
        return index

    def transpose(self, x: int, perm: Sequence[int], name: str) -> int:
        y = self.made(name, tuple(self.shapes[x][p] for p in perm))
        self.operator("TRANSPOSE", [x, self.ints(f"{name}_perm", perm)], [y])
        return y

    def apply(self, operator: str, inputs: list[int], name: str, shape: tuple[int, ...] | None = None) -> int:
        y = self.made(name, shape or self.shapes[inputs[0]])
        options = {"CONCATENATION": {"axis": 1}, "SOFTMAX": {"beta": 1.0}}
        self.operator(operator, inputs, [y], options.get(operator, {}))
        return y

    def weights_of(self, name: str, shape: tuple[int, ...]) -> int:
        data = self.rng.integers(-128, 128, shape).astype(np.int8)
        return self.tensor(name, shape, "int8", scale=0.03, zero_point=4, data=data)

    def finish_at(self, *outputs: int) -> bytes:
        return self.finish([i for i in self.shapes if i in self.inputs()], list(outputs))

    def inputs(self) -> list[int]:
        written = {i for operator in self._operators for i in operator["outputs"]}
        return [i for i in self.shapes if i not in written]


def through(use: Callable[[Chain], int]) -> bytes:
    """Transpose, operators, and the transpose back."""
    net = Chain()
    return net.finish_at(net.transpose(use(net), LAST, "y"))


def swish(net: Chain) -> int:
    """Two readers of one transpose, joined again."""
    s = net.apply("LOGISTIC", [net.t], "s")
    return net.apply("MUL", [net.t, s], "m")


def per_channel(net: Chain) -> int:
    a = net.apply("ADD", [net.t, net.weights_of("w", (1, 8, 1, 1))], "a")
    return net.apply("MUL", [net.weights_of("v", (4, 5)), a], "m", net.shapes[a])


def joined(net: Chain) -> int:
    other = net.transpose(net.add_input("z", (1, 4, 5, 3)), FIRST, "u")
    return net.apply("CONCATENATION", [net.t, other], "c", (1, 11, 4, 5))


def padded(net: Chain) -> int:
    return net.apply("PAD", [net.t, net.ints("p", ((0, 0), (2, 1), (0, 3), (1, 0)))], "p", (1, 11, 7, 6))


def sliced(net: Chain) -> int:
    inputs = [net.t, net.ints("b", (0, 2, 0, 1)), net.ints("s", (1, 5, 4, 3))]
    return net.apply("SLICE", inputs, "s", (1, 5, 4, 3))


@pytest.mark.parametrize("use", [swish, per_channel, joined, padded, sliced], ids=lambda f: f.__name__)
def test_transposes_meet_and_vanish(use: Callable[[Chain], int]) -> None:
    model = through(use)
    assert "Transpose" in text(load_graph(model))
    after = rewritten(model, "sink_transposes", "eliminate")
    assert "Transpose" not in after
    assert run_passes(load_graph(model)).nodes[0].op.name != "Transpose"


def test_what_is_left_is_channels_last() -> None:
    assert rewritten(through(swish), "sink_transposes", "eliminate") == (
        "s/0231 = Logistic() x\nm/0231 = Mul() x s/0231\ny = Reshape(shape=(1,4,5,8)) m/0231"
    )


def test_a_transpose_stays_where_it_meets_no_other() -> None:
    net = Chain()
    assert untouched(net.finish_at(swish(net)), "sink_transposes")


def test_a_transpose_stays_where_moving_it_makes_two() -> None:
    net = Chain()
    outputs = [net.apply("LOGISTIC", [net.t], "a"), net.apply("TANH", [net.t], "b")]
    assert untouched(net.finish_at(*outputs), "sink_transposes")


def test_an_operator_that_cares_stays_behind() -> None:
    net = Chain()
    s = net.apply("SOFTMAX", [net.t], "s")
    assert untouched(net.finish_at(net.transpose(s, LAST, "y")), "sink_transposes")


def test_a_value_that_is_not_transposed_stops_it() -> None:
    net = Chain()
    a = net.apply("ADD", [net.t, net.add_input("z", (1, 8, 4, 5))], "a")
    assert untouched(net.finish_at(net.transpose(a, LAST, "y")), "sink_transposes")


def test_an_output_in_the_middle_keeps_its_name_and_order() -> None:
    net = Chain()
    m = swish(net)
    after = rewritten(net.finish_at(net.transpose(m, LAST, "y"), m), "sink_transposes", "eliminate")
    assert "m = Transpose(perm=(0,3,1,2)) m/0231" in after


def test_merge_transposes() -> None:
    net = Chain((2, 4, 5, 8))
    y = net.transpose(net.transpose(net.t, (3, 2, 1, 0), "u"), (1, 0, 2, 3), "y")
    assert rewritten(net.finish_at(y), "merge_transposes") == "y = Transpose(perm=(1,2,3,0)) x"


def test_a_transpose_of_dimensions_of_one_is_a_reshape() -> None:
    net = Chain((1, 4, 5, 1))
    assert rewritten(net.finish_at(net.t), "merge_transposes") == "t = Reshape(shape=(1,1,4,5)) x"


def test_merge_reshapes() -> None:
    net = Chain((1, 4, 5, 1))
    r = net.apply("RESHAPE", [net.t, net.ints("s", (20,))], "r", (20,))
    assert rewritten(net.finish_at(r), "merge_transposes") == "r = Reshape(shape=(20,)) x"


PERMS = list(permutations(range(3)))
step = st.tuples(st.sampled_from(["perm", "unary", "binary", "constant", "concat", "pad"]), st.integers(0, 5))


@given(steps=st.lists(step, min_size=2, max_size=12))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_random_chains(steps: list[tuple[str, int]]) -> None:
    """Whatever is between transposes: no bit changes, and never are more elements moved."""
    net = Chain(transposed=False)
    live = [net.add_input("a", (2, 3, 4)), net.add_input("b", (2, 3, 4))]
    for i, (kind, which) in enumerate(steps):
        x = live[which % len(live)]
        shape = net.shapes[x]
        name = f"v{i}"
        if kind == "perm":
            made = [net.transpose(v, PERMS[which], f"{name}_{v}") for v in live]
            live = made if which % 2 else live + made[:1]
            continue
        if kind == "unary":
            y = net.apply("LOGISTIC", [x], name)
        elif kind == "constant":
            y = net.apply("ADD", [x, net.weights_of(f"w{i}", shape[which % 3 :])], name)
        elif kind == "pad":
            pairs = [(1, 0) if d == which % 3 else (0, 0) for d in range(3)]
            grown = tuple(d + sum(p) for d, p in zip(shape, pairs, strict=True))
            y = net.apply("PAD", [x, net.ints(f"p{i}", pairs)], name, grown)
        else:
            partners = [v for v in live if net.shapes[v] == shape]
            other = partners[which % len(partners)]
            if kind == "binary":
                y = net.apply("MUL", [x, other], name)
            else:
                y = net.apply("CONCATENATION", [x, other], name, (shape[0], 2 * shape[1], shape[2]))
        live = [*live[-3:], y]
    model = net.finish_at(*dict.fromkeys(v for v in live if v not in net.inputs()))
    graph = load_graph(model)
    feeds = random_feeds(graph, 0)
    expected = evaluate(graph, feeds)
    passed = run_passes(load_graph(model))
    assert moved(passed) <= moved(graph)
    assert_equal(evaluate(passed, feeds), expected)
    assert_equal(Session(model, 1).run(feeds), expected)


def moved(graph: Graph) -> int:
    return sum(n.outputs[0].type.size for n in graph.nodes if isinstance(n.op, Transpose))
