"""Random shapes and scales of int16 operators: the engine equals the numpy reference, always."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cases import Pair, evaluate, random_feeds, window
from cases.base import Q
from cases.int16 import binary, conv, unary
from edgerun.frontends import load_graph
from edgerun.ir import int16
from edgerun.ir.types import Quantization
from edgerun.session import Session
from engine import assert_equal

examples = settings(max_examples=60, deadline=None, derandomize=True)
pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


def check(model: bytes) -> None:
    graph = load_graph(model)
    feeds = random_feeds(graph, 0)
    assert_equal(Session(model, 2).run(feeds), evaluate(graph, feeds))


@given(
    channels=st.tuples(st.integers(1, 40), st.integers(1, 9)),
    kernel=pairs,
    strides=pairs,
    dilations=pairs,
    padding=st.sampled_from(("same", "valid")),
    size=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    multiplier=st.integers(0, 2),
    bias=st.sampled_from(("int64", "int32", "")),
)
@examples
def test_convolutions(
    channels: Pair,
    kernel: Pair,
    strides: Pair,
    dilations: Pair,
    padding: str,
    size: Pair,
    multiplier: int,
    bias: str,
) -> None:
    assume(min(window(*a, padding) for a in zip(size, kernel, strides, dilations, strict=True)) > 0)
    c_in, c_out = channels
    check(
        conv(
            c_in,
            c_out,
            kernel,
            strides,
            dilations,
            padding,
            size=size,
            multiplier=multiplier,
            bias=bias,
            batch=2,
        )
    )


@given(
    name=st.sampled_from(("ADD", "SUB", "MUL")),
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    ones=st.tuples(st.integers(0, 15), st.integers(0, 15)),
    scales=st.tuples(*[st.floats(1e-6, 1e-2)] * 3),
)
@examples
def test_two_operands(
    name: str, shape: list[int], ones: Pair, scales: tuple[float, float, float]
) -> None:
    a, b = (tuple(1 if bits >> i & 1 else d for i, d in enumerate(shape)) for bits in ones)
    check(binary(name, a, b, scales))


@given(scale=st.floats(1e-5, 1e-2), beta=st.floats(0.1, 3), n=st.integers(1, 200))
@examples
def test_softmax(scale: float, beta: float, n: int) -> None:
    check(unary("SOFTMAX", Q(scale, 0, "int16"), Q(2.0**-15, 0, "int16"), (2, n), beta=beta))


@pytest.mark.parametrize("scale", [1e-6, 2.0**-12, 1e-4, 1e-2])
def test_sigmoids_are_monotonic(scale: float) -> None:
    """Over all inputs, but for a step between points of the table."""
    for function in (int16.logistic, int16.tanh):
        y = function(int16.ALL, Quantization.of(scale)).astype(int)
        steps = y.astype(int)[int16.ALL.argsort()]
        assert (steps[1:] - steps[:-1]).min() >= -1
