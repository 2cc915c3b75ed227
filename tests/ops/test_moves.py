"""Random shapes, axes, strides, paddings and indices for what moves data: eval is what LiteRT gives, and the
engine what eval gives, for elements of every size."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from cases import I8, U8, Net, Q, Shape, evaluate, random_feeds
from cases.gather import embedding_lookup, gather, gather_nd, update_slice
from cases.search import top_k
from cases.shape import I16, concat, moved, pack, pad, slice_, strided_index, strided_slice, transpose
from edgerun.errors import FormatError
from edgerun.frontends import load_graph
from edgerun.ir.types import Array
from edgerun.session import Session
from engine import assert_equal

litert = pytest.importorskip("litert")

examples = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
kinds = st.sampled_from([I8, U8, I16, "float32", "int32", "int64", "bool"])
most_kinds = st.sampled_from([I8, U8, "float32", "int32", "int64"])
shapes = st.lists(st.integers(1, 6), min_size=1, max_size=5).map(tuple)


def check(model: bytes, feeds: dict[str, Array] | None = None, truth: bool = True) -> dict[str, Array]:
    graph = load_graph(model)
    feeds = random_feeds(graph, 0) if feeds is None else feeds
    mine = evaluate(graph, feeds)
    if truth:
        assert_equal(mine, litert.run(model, feeds))
    assert_equal(Session(model, 2).run(feeds), mine)
    return mine


@st.composite
def strided_slices(draw: st.DrawFn) -> dict[str, Any]:
    shape = draw(shapes)
    n = draw(st.integers(1, len(shape)))
    near = st.integers(-8, 8)
    strides = draw(st.lists(st.sampled_from([1, 1, 2, 3, -1, -2]), min_size=n, max_size=n))
    mask = st.integers(0, 2**n - 1)
    shrink = draw(mask) & draw(mask)
    begin = [draw(st.integers(-shape[i], shape[i] - 1) if shrink >> i & 1 else near) for i in range(n)]
    return {
        "shape": shape,
        "begin": tuple(begin),
        "end": tuple(draw(near) for _ in range(n)),
        "strides": tuple(1 if shrink >> i & 1 else s for i, s in enumerate(strides)),
        "begin_mask": draw(mask) & ~shrink,
        "end_mask": draw(mask),
        "shrink_axis_mask": shrink,
        "x": draw(kinds),
    }


@given(arguments=strided_slices())
@settings(examples, max_examples=300)
def test_strided_slice(arguments: dict[str, Any]) -> None:
    whole = {k: v for k, v in arguments.items() if k not in ("shape", "x")}
    shape = arguments["shape"]
    x = np.arange(math.prod(shape)).reshape(shape)
    assume(x[strided_index(**whole)].size)
    # LiteRT wants all dimensions named.
    check(strided_slice(**arguments), truth=len(whole["begin"]) == len(shape))


@given(arguments=strided_slices(), ellipsis=st.integers(0, 5), new=st.integers(0, 31))
@examples
def test_strided_slice_makes_axes(arguments: dict[str, Any], ellipsis: int, new: int) -> None:
    """Ellipsis and new axes, which LiteRT writes as a reshape: numpy is the truth."""
    n = len(arguments["begin"])
    arguments["new_axis_mask"] = new & (2**n - 1) & ~arguments["shrink_axis_mask"]
    arguments["ellipsis_mask"] = 1 << ellipsis if ellipsis < n else 0
    shape = arguments["shape"]
    whole = {k: v for k, v in arguments.items() if k not in ("shape", "x")}
    try:
        expected = np.empty(shape, np.int8)[strided_index(**whole)]
    except IndexError:  # what is left of begin meets a smaller dimension
        assume(False)
    assume(expected.size)
    feeds = random_feeds(load_graph(strided_slice(**arguments)), 0)
    result = check(strided_slice(**arguments), feeds, truth=False)
    np.testing.assert_array_equal(result["y"], feeds["x"][strided_index(**whole)])


@given(shape=shapes, data=st.data(), x=kinds)
@examples
def test_slice(shape: Shape, data: st.DataObject, x: Q | str) -> None:
    begin = tuple(data.draw(st.integers(0, d - 1)) for d in shape)
    size = tuple(data.draw(st.sampled_from([-1, 1, d - b])) for d, b in zip(shape, begin, strict=True))
    check(slice_(begin, size, shape, x))


@given(shape=st.lists(st.integers(1, 5), min_size=1, max_size=6), data=st.data(), x=kinds)
@example(shape=[37, 65], data=None, x="float32")
@example(shape=[3, 41, 2, 33], data=None, x="int64")
@examples
def test_transpose(shape: list[int], data: st.DataObject | None, x: Q | str) -> None:
    axes = range(len(shape))
    perm = tuple(reversed(axes)) if data is None else tuple(data.draw(st.permutations(axes)))
    check(transpose(perm, tuple(shape), x))


@given(shape=shapes, data=st.data(), x=most_kinds, fill=st.sampled_from([None, 7]))
@examples
def test_pad(shape: Shape, data: st.DataObject, x: Q | str, fill: int | None) -> None:
    few = st.integers(0, 3)
    check(pad([(data.draw(few), data.draw(few)) for _ in shape], x, fill, shape))


@given(shape=shapes, data=st.data(), x=most_kinds, symmetric=st.booleans())
@examples
def test_mirror_pad(shape: Shape, data: st.DataObject, x: Q | str, symmetric: bool) -> None:
    most = [st.integers(0, d if symmetric else d - 1) for d in shape]
    pairs = tuple((data.draw(m), data.draw(m)) for m in most)
    to = tuple(d + sum(p) for d, p in zip(shape, pairs, strict=True))
    options = {"mode": "symmetric" if symmetric else "reflect"}
    check(moved("MIRROR_PAD", shape, to, (pairs,), options, x))


@given(shape=shapes, data=st.data(), x=kinds)
@examples
def test_tile(shape: Shape, data: st.DataObject, x: Q | str) -> None:
    multiples = tuple(data.draw(st.integers(1, 3)) for _ in shape)
    to = tuple(m * d for m, d in zip(multiples, shape, strict=True))
    check(moved("TILE", shape, to, (multiples,), x=x, version=1), truth=x != I16)


@given(shape=shapes, data=st.data(), x=kinds)
@examples
def test_broadcast_to(shape: Shape, data: st.DataObject, x: Q | str) -> None:
    to = tuple(data.draw(st.lists(st.integers(1, 3), max_size=2))) + shape
    small = tuple(1 if data.draw(st.booleans()) else d for d in shape)
    check(moved("BROADCAST_TO", small, to, (to,), x=x), truth=x not in ("bool", I16))


@given(shape=shapes, data=st.data(), x=st.sampled_from([I8, U8, I16, "float32", "int32", "int64"]))
@examples
def test_split_v(shape: Shape, data: st.DataObject, x: Q | str) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    sizes: list[int] = []
    while sum(sizes) < shape[axis]:
        sizes.append(data.draw(st.integers(1, shape[axis] - sum(sizes))))
    to = [(*shape[:axis], size, *shape[axis + 1 :]) for size in sizes]
    check(moved("SPLIT_V", shape, to, (sizes, axis), {"num_splits": len(sizes)}, x))


@given(shape=shapes, axis=st.integers(-5, 4), x=st.sampled_from([I8, U8, "float32", "int32", "bool"]))
@examples
def test_unpack(shape: Shape, axis: int, x: Q | str) -> None:
    assume(-len(shape) <= axis < len(shape))
    at = axis % len(shape)
    to = [shape[:at] + shape[at + 1 :]] * shape[at]
    check(moved("UNPACK", shape, to, (), {"axis": axis, "num": shape[at]}, x))


@given(
    shape=st.lists(st.integers(1, 5), max_size=4).map(tuple),
    axis=st.integers(-5, 4),
    count=st.integers(1, 4),
    x=most_kinds,
    produced=st.booleans(),
)
@examples
def test_pack(shape: Shape, axis: int, count: int, x: Q | str, produced: bool) -> None:
    assume(-len(shape) <= axis + 1 and axis <= len(shape))
    check(pack(axis, shape, count, x, produced and len(shape) > 0))


@given(shape=shapes, data=st.data(), x=kinds, produced=st.booleans())
@examples
def test_concatenation(shape: Shape, data: st.DataObject, x: Q | str, produced: bool) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    at = axis % len(shape)
    lengths = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    parts = [(*shape[:at], n, *shape[at + 1 :]) for n in lengths]
    check(concat(axis, parts, (x,), produced and x in (I8, U8)))


@given(block=st.integers(1, 3), n=st.integers(1, 2), h=st.integers(1, 4), w=st.integers(1, 4), x=most_kinds)
@examples
def test_space_and_depth(block: int, n: int, h: int, w: int, x: Q | str) -> None:
    c, b = 3, block
    space, depth = (n, h * b, w * b, c), (n, h, w, c * b * b)
    options = {"block_size": b}
    check(moved("SPACE_TO_DEPTH", space, depth, (), options, x))
    check(moved("DEPTH_TO_SPACE", depth, space, (), options, x, version=1))


@given(
    blocks=st.lists(st.integers(1, 3), min_size=1, max_size=2),
    inside=st.lists(
        st.tuples(st.integers(1, 3), st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=2
    ),
    x=most_kinds,
)
@examples
def test_space_and_batch(blocks: list[int], inside: list[tuple[int, int, int]], x: Q | str) -> None:
    """From a space and back: paddings and crops are what does not divide."""
    dims = list(zip(blocks, inside, strict=False))
    assume(all(b * d > low + high for b, (d, low, high) in dims))
    space = tuple(b * d - low - high for b, (d, low, high) in dims)
    pairs = [(low, high) for _, (_, low, high) in dims]
    n = math.prod(blocks)
    batch = (2 * n, *(d for _, (d, _, _) in dims), 3)
    check(moved("SPACE_TO_BATCH_ND", (2, *space, 3), batch, (blocks, pairs), x=x))
    check(moved("BATCH_TO_SPACE_ND", batch, (2, *space, 3), (blocks, pairs), x=x))


@given(shape=shapes, data=st.data(), x=kinds, run_time=st.booleans())
@examples
def test_gather(shape: Shape, data: st.DataObject, x: Q | str, run_time: bool) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    batches = data.draw(st.integers(0, axis))
    indices = shape[:batches] + tuple(data.draw(st.lists(st.integers(1, 4), max_size=2)))
    assume(indices or not run_time)
    index = data.draw(st.sampled_from(["int32", "int64"]))
    check(gather(shape, indices, axis, batches, x, index, run_time))


@given(shape=shapes, data=st.data(), x=most_kinds, run_time=st.booleans())
@examples
def test_gather_nd(shape: Shape, data: st.DataObject, x: Q | str, run_time: bool) -> None:
    depth = data.draw(st.integers(1, len(shape)))
    indices = (*data.draw(st.lists(st.integers(1, 4), max_size=2)), depth)
    check(gather_nd(shape, indices, x, "int32", run_time))


def lookup(name: str, dtype: str) -> bytes:
    """GATHER of rows or GATHER_ND of elements of [3, 5] by indices that are fed."""
    net = Net()
    x = net.q("x", (3, 5))
    indices = net.tensor("i", (40,) if name == "GATHER" else (40, 2), dtype)
    y = net.q("y", (40, 5) if name == "GATHER" else (40,))
    net.operator(name, [x, indices], [y])
    return net.finish([x, indices], [y])


@pytest.mark.parametrize("name", ["GATHER", "GATHER_ND"])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_an_index_out_of_range_takes_the_nearest_entry(name: str, dtype: str) -> None:
    rng, limits = np.random.default_rng(0), np.iinfo(dtype)
    x = rng.integers(-128, 128, (3, 5), np.int8)
    shape = (40,) if name == "GATHER" else (40, 2)
    indices = rng.choice([limits.min, -5, -1, 0, 1, 2, 3, 4, 5, limits.max], shape).astype(dtype)
    result = check(lookup(name, dtype), {"x": x, "i": indices}, truth=False)["y"]
    rows = np.clip(indices if name == "GATHER" else indices[:, 0], 0, 2)
    np.testing.assert_array_equal(
        result, x[rows] if name == "GATHER" else x[rows, np.clip(indices[:, 1], 0, 4)]
    )


@given(shape=shapes, data=st.data(), x=st.sampled_from([I8, U8, "float32", "int32", "int64"]))
@examples
def test_top_k(shape: Shape, data: st.DataObject, x: Q | str) -> None:
    k = data.draw(st.integers(1, shape[-1]))
    model = top_k(shape, k, x)
    feeds = random_feeds(load_graph(model), 0)
    if data.draw(st.booleans()):  # many that are equal
        feeds["x"] = (feeds["x"].astype(np.int64) % 3).astype(feeds["x"].dtype)
    check(model, feeds)


def test_top_k_of_what_is_no_number() -> None:
    x = np.array([1, np.nan, np.inf, -np.inf, np.nan, 0, -0.0, 2], np.float32)
    result = check(top_k((8,), 8, "float32"), {"x": x}, truth=False)
    assert result["indices"].tolist() == [2, 7, 0, 5, 6, 1, 3, 4]


@given(shape=shapes, data=st.data(), x=st.sampled_from([I8, "float32", "int32", "int64", "bool"]))
@examples
def test_dynamic_update_slice(shape: Shape, data: st.DataObject, x: Q | str) -> None:
    update = tuple(data.draw(st.integers(1, d)) for d in shape)
    starts = tuple(data.draw(st.integers(-2, 7)) for _ in shape)
    check(update_slice(shape, update, starts, x))


@given(rows=st.integers(1, 5), count=st.integers(1, 5), width=st.integers(1, 70))
@examples
def test_embedding_lookup(rows: int, count: int, width: int) -> None:
    check(embedding_lookup((rows, width), count))


@pytest.mark.parametrize("dtype", ["bool", "int32", "float32"])
def test_where(dtype: str) -> None:
    """How many results there are depends on the data."""
    net = Net()
    x, y = net.tensor("x", (3, 4), dtype), net.tensor("y", (0, 2), "int64", shape_signature=(-1, 2))
    net.operator("WHERE", [x], [y])
    model = net.finish([x], [y])
    feeds = {"x": np.random.default_rng(0).integers(0, 2, (3, 4)).astype(dtype)}
    assert_equal(Session(model).run(feeds), litert.run(model, feeds))


@pytest.mark.parametrize("dtype", ["int32", "float32", "int64", "int8"])
def test_unique(dtype: str) -> None:
    net = Net()
    x = net.tensor("x", (20,), dtype)
    ys = [net.tensor("y", (0,), dtype, shape_signature=(-1,)), net.tensor("i", (20,), "int32")]
    net.operator("UNIQUE", [x], ys, {"idx_out_type": "int32"})
    model = net.finish([x], ys)
    feeds = {"x": np.random.default_rng(0).integers(-3, 4, 20).astype(dtype)}
    assert_equal(Session(model).run(feeds), litert.run(model, feeds))


@pytest.mark.parametrize(
    "model",
    [
        lambda: gather((3, 4), (2,), axis=2),
        lambda: moved("TILE", (3, 4), (3, 4), ((1,),)),
        lambda: moved("MIRROR_PAD", (3,), (7,), (((3, 1),),), {"mode": "reflect"}),
        lambda: moved("SPACE_TO_DEPTH", (1, 3, 4, 1), (1, 1, 2, 4), (), {"block_size": 2}),
        lambda: moved("SPLIT_V", (5,), [(2,), (2,)], ((2, 2), 0), {"num_splits": 2}),
        lambda: moved("BROADCAST_TO", (3,), (2, 4), ((2, 4),)),
        lambda: moved("SQUEEZE", (2, 3), (3,), (), {"squeeze_dims": (0,)}),
    ],
)
def test_what_does_not_fit_is_refused(model: Any) -> None:
    data = model()
    with pytest.raises(FormatError):
        load_graph(data)
