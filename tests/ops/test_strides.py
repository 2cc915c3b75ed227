"""Operators of floats and plain integers between a slice of channels and a concatenation of channels: what
they read and write are rows of wider tensors."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from cases import Net, evaluate, random_feeds
from edgerun.frontends import load_graph
from edgerun.passes import run_passes
from edgerun.plan.lower import lower
from edgerun.session import Session
from engine import ISAS, assert_close, bound_for

WIDE, FIRST, CHANNELS = 24, 5, 11
POOL: dict[str, Any] = {
    "padding": "same", "filter_height": 3, "filter_width": 2, "stride_h": 1, "stride_w": 1
}  # fmt: skip
LOCAL = {"radius": 2, "bias": 1.0, "alpha": 1.0, "beta": 0.5}
# Operator, element type, what its result's is, options, integers behind the first operand.
OPERATORS: tuple[tuple[str, str, str, dict[str, Any], tuple[int, ...]], ...] = (
    ("TANH", "float32", "float32", {}, ()),
    ("ABS", "int32", "int32", {}, ()),
    ("ADD", "float32", "float32", {}, ()),
    ("MUL", "int32", "int32", {}, ()),
    ("FLOOR_DIV", "float32", "float32", {}, ()),
    ("LESS", "float32", "bool", {}, ()),
    ("SOFTMAX", "float32", "float32", {"beta": 1.0}, ()),
    ("LOG_SOFTMAX", "float32", "float32", {}, ()),
    ("L2_NORMALIZATION", "float32", "float32", {}, ()),
    ("LOCAL_RESPONSE_NORMALIZATION", "float32", "float32", LOCAL, ()),
    ("MAX_POOL_2D", "float32", "float32", POOL, ()),
    ("AVERAGE_POOL_2D", "float32", "float32", POOL, ()),
    ("RESIZE_BILINEAR", "float32", "float32", {}, (4, 5)),
    ("RESIZE_NEAREST_NEIGHBOR", "float32", "float32", {}, (4, 5)),
    ("MEAN", "float32", "float32", {"keep_dims": True}, (1, 2)),
    ("SUM", "float32", "float32", {"keep_dims": True}, (3,)),
    ("SUM", "int32", "int32", {"keep_dims": True}, (1, 2)),
    ("REDUCE_MAX", "int32", "int32", {"keep_dims": True}, (3,)),
    ("CAST", "float32", "int32", {}, ()),
    ("CAST", "int32", "float32", {}, ()),
)  # fmt: skip
BINARY = ("ADD", "MUL", "FLOOR_DIV", "LESS")


def between(name: str, dtype: str, out: str, options: dict[str, Any], integers: tuple[int, ...]) -> bytes:
    """CONCATENATION(f(SLICE(x)), y) along the channels."""
    net = Net()
    shape = [2, 4, 5, CHANNELS]
    x = net.tensor("x", [2, 4, 5, WIDE], dtype)
    part = net.tensor("part", shape, dtype)
    net.operator("SLICE", [x, net.ints("begin", [0, 0, 0, FIRST]), net.ints("size", shape)], [part])
    operands = [part]
    if name in BINARY:
        operands.append(net.tensor("other", shape, dtype))
        begin = net.ints("other_begin", [0, 0, 0, WIDE - CHANNELS])
        net.operator("SLICE", [x, begin, net.ints("other_size", shape)], [operands[1]])
    if integers:
        operands.append(net.ints("integers", integers))
    result_shape = [1 if options.get("keep_dims") and i in integers else d for i, d in enumerate(shape)]
    result = net.tensor("result", result_shape, out)
    net.operator(name, operands, [result], options)
    y = net.tensor("y", [*result_shape[:3], 3], out)
    z = net.tensor("z", [*result_shape[:3], result_shape[3] + 3], out)
    net.operator("CONCATENATION", [result, y], [z], {"axis": 3})
    return net.finish([x, y], [z])


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda o: f"{o[0]}-{o[1]}-{o[4]}")
def test_rows_of_wider_tensors(
    operator: tuple[str, str, str, dict[str, Any], tuple[int, ...]],
) -> None:
    model = between(*operator)
    graph = load_graph(model)
    feeds = random_feeds(graph, 0)
    expected = evaluate(graph, feeds)
    # Above the tolerance of any of them: wrong places are what is looked for here.
    allowed = {"z": np.full(expected["z"].shape, 1e-4)} if operator[2] == "float32" else {}
    steps = lower(run_passes(graph)).steps
    verbs = [step.verb for step in steps]
    assert verbs.count("copy") == 1, "neither the slices nor the result are copied"
    for isa, threads in product((ISAS[0], ISAS[-1]), (1, 2)):
        with bound_for(isa):
            got = Session(model, threads).run(feeds)
        assert_close(got, expected, allowed)
