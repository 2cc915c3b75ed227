"""Operators that index and search, against ONNX's reference evaluator on random shapes and attributes."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

import edgerun
from edgerun.errors import EdgerunError, FormatError
from frontends.test_onnx import both, model

TYPES = {
    "float32": TensorProto.FLOAT,
    "int64": TensorProto.INT64,
    "int32": TensorProto.INT32,
    "uint8": TensorProto.UINT8,
    "bool": TensorProto.BOOL,
}
seeds = pytest.mark.parametrize("seed", range(8))


def agree(operator, feeds, constants=(), outputs=("float32",), opset=18, **attributes):
    """Whether edgerun and the reference give the same bits; the operands come in the order fed, constant."""
    feeds, constants = dict(feeds), dict(constants)
    names = [f"y{i}" for i in range(len(outputs))]
    node = helper.make_node(operator, [*feeds, *constants], names, **attributes)
    ports = {name: (TYPES[str(a.dtype)], list(a.shape)) for name, a in feeds.items()}
    results = {name: TYPES[kind] for name, kind in zip(names, outputs, strict=True)}
    got, wanted = both(model([node], ports, results, constants, opset), **feeds)
    for name in names:
        assert got[name].dtype == wanted[name].dtype
        np.testing.assert_array_equal(got[name], wanted[name])
    return got


def some(rng, shape, dtype="float32"):
    if dtype == "float32":
        return rng.standard_normal(shape).astype(np.float32)
    return rng.integers(0, 2 if dtype == "bool" else 5, shape).astype(dtype)


def shape_of(rng, least=1, most=4):
    return tuple(int(d) for d in rng.integers(1, 6, rng.integers(least, most + 1)))


@seeds
@pytest.mark.parametrize("dtype", ["float32", "int64", "int32", "uint8"])
def test_top_k(dtype, seed):
    """Of integers below 5, many are equal."""
    rng = np.random.default_rng(seed)
    shape = shape_of(rng)
    axis = int(rng.integers(-len(shape), len(shape)))
    k = np.array([rng.integers(1, shape[axis] + 1)])
    order = {"axis": axis, "largest": int(seed % 2)}
    agree("TopK", {"x": some(rng, shape, dtype)}, {"k": k}, (dtype, "int64"), **order)


def test_top_k_of_what_is_no_number():
    """It comes last in either order."""
    x = np.array([1, np.nan, np.inf, -np.inf, 0, -0.0], np.float32)
    for largest, order in ((1, [2, 0, 4, 5, 1, 3]), (0, [3, 4, 5, 0, 1, 2])):
        node = helper.make_node("TopK", ["x", "k"], ["y", "i"], largest=largest)
        proto = model([node], {"x": [6]}, {"y": 1, "i": 7}, {"k": np.array([6])})
        assert edgerun.Session(proto.SerializeToString()).run({"x": x})["i"].tolist() == order


@seeds
@pytest.mark.parametrize("operator", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8"])
def test_the_last_of_equal_ones(operator, dtype, seed):
    rng = np.random.default_rng(seed)
    shape = shape_of(rng)
    x = rng.integers(0, 3, shape).astype(dtype)
    how = {"axis": int(rng.integers(-len(shape), len(shape))), "keepdims": int(seed % 2)}
    agree(operator, {"x": x}, outputs=("int64",), select_last_index=1, **how)
    agree(operator, {"x": x}, outputs=("int64",), **how)


@seeds
@pytest.mark.parametrize("fed", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8", "bool"])
def test_gather_elements(dtype, fed, seed):
    rng = np.random.default_rng(seed)
    shape = shape_of(rng)
    axis = int(rng.integers(0, len(shape)))
    # numpy's take_along_axis, which the reference is, needs all of the other dimensions.
    wanted = tuple(int(rng.integers(1, 7)) if i == axis else d for i, d in enumerate(shape))
    indices = {"i": rng.integers(-shape[axis], shape[axis], wanted)}
    x = {"x": some(rng, shape, dtype)}
    agree("GatherElements", x | indices if fed else x, {} if fed else indices, (dtype,), axis=axis)


def test_gather_elements_of_a_part():
    """The indices may cover less than x, which the reference does not take."""
    x, indices = np.arange(24, dtype=np.float32).reshape(2, 3, 4), np.array([[[2, 0], [-3, 1]]])
    node = helper.make_node("GatherElements", ["x", "i"], ["y"], axis=1)
    proto = model([node], {"x": [2, 3, 4], "i": (7, [1, 2, 2])}, {"y": 1})
    got = edgerun.Session(proto.SerializeToString()).run({"x": x, "i": indices})["y"]
    want = [[[x[0, i % 3, c] for c, i in enumerate(row)] for row in indices[0]]]
    np.testing.assert_array_equal(got, want)


@seeds
@pytest.mark.parametrize("fed", [True, False])
def test_gather_nd(fed, seed):
    rng = np.random.default_rng(seed)
    shape = shape_of(rng, 2)
    b = int(rng.integers(0, len(shape) - 1))
    depth = int(rng.integers(1, len(shape) - b + 1))
    outer = (*shape[:b], *(int(d) for d in rng.integers(1, 5, rng.integers(0, 3))))
    dims = np.array(shape[b : b + depth])
    indices = {"i": rng.integers(-dims, dims, (*outer, depth))}
    x = {"x": some(rng, shape)}
    agree("GatherND", x | indices if fed else x, {} if fed else indices, batch_dims=b)


@seeds
@pytest.mark.parametrize("reduction", ["none", "add", "mul", "max", "min"])
@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_scatter_elements(dtype, reduction, seed):
    rng = np.random.default_rng(seed)
    shape = shape_of(rng)
    axis = int(rng.integers(0, len(shape)))
    wanted = tuple(int(rng.integers(1, d + 1)) for d in shape)
    once = np.argsort(rng.random(shape), axis=axis)[tuple(map(slice, wanted))]
    anywhere = rng.integers(-shape[axis], shape[axis], wanted)
    indices = once if reduction == "none" else anywhere
    feeds = {"x": some(rng, shape, dtype), "i": indices, "u": some(rng, wanted, dtype)}
    agree("ScatterElements", feeds, outputs=(dtype,), axis=axis, reduction=reduction)


@seeds
@pytest.mark.parametrize("reduction", ["none", "add", "mul", "max", "min"])
@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_scatter_nd(dtype, reduction, seed):
    rng = np.random.default_rng(seed)
    shape = shape_of(rng)
    depth = int(rng.integers(1, len(shape) + 1))
    dims = np.array(shape[:depth])
    count = int(rng.integers(1, dims.prod() + 1))
    anywhere = rng.integers(-dims, dims, (count, depth))
    once = np.stack(np.unravel_index(rng.permutation(dims.prod())[:count], dims), axis=-1)
    indices = once if reduction == "none" else anywhere
    updates = some(rng, (count, *shape[depth:]), dtype)
    feeds = {"x": some(rng, shape, dtype), "i": indices, "u": updates}
    agree("ScatterND", feeds, outputs=(dtype,), reduction=reduction)


def test_indices_that_are_known_and_out_of_range():
    for operator in ("GatherElements", "GatherND"):
        node = helper.make_node(operator, ["x", "i"], ["y"])
        proto = model([node], {"x": [3, 2]}, {"y": 1}, {"i": np.array([[0, 1], [2, 3]])})
        with pytest.raises(FormatError, match="leave dimensions of"):
            edgerun.Session(proto.SerializeToString())


@seeds
@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "float32"])
def test_one_hot(dtype, seed):
    """Within its depth: the reference wraps what is outside, which ONNX's text gives no value but `off`."""
    rng = np.random.default_rng(seed)
    shape, depth = shape_of(rng, most=3), int(rng.integers(1, 6))
    low = 0 if dtype == "uint8" else -depth
    indices = rng.integers(low, depth, shape).astype(dtype)
    constants = {"d": np.array(depth), "v": np.array([0.25, 3], np.float32)}
    agree("OneHot", {"i": indices}, constants, axis=int(rng.integers(-len(shape) - 1, len(shape) + 1)))


def test_one_hot_outside():
    node = helper.make_node("OneHot", ["i", "d", "v"], ["y"])
    constants = {"d": np.array(3), "v": np.array([0, 1], np.float32)}
    proto = model([node], {"i": (7, [4])}, {"y": 1}, constants)
    got = edgerun.Session(proto.SerializeToString()).run({"i": np.array([-4, -3, 2, 3])})["y"]
    np.testing.assert_array_equal(got, [[0, 0, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0]])


@seeds
@pytest.mark.parametrize("operator", ["CumSum", "CumProd"])
def test_cumulative(operator, seed):
    rng = np.random.default_rng(seed)
    shape = shape_of(rng)
    how = {"exclusive": int(seed & 1), "reverse": int(seed >> 1 & 1)}
    axis = np.array(rng.integers(-len(shape), len(shape)))
    for dtype in ("float32", "int64", "int32"):
        x = some(rng, shape, dtype)
        node = helper.make_node(operator, ["x", "a"], ["y"], **how)
        ports = {"x": (TYPES[dtype], list(shape))}
        opset = 14 if operator == "CumSum" else 26
        got, wanted = both(model([node], ports, {"y": TYPES[dtype]}, {"a": axis}, opset), x=x)
        np.testing.assert_allclose(got["y"], wanted["y"], rtol=1e-5, atol=1e-5)


@seeds
def test_hardmax(seed):
    rng = np.random.default_rng(seed)
    shape = shape_of(rng, 2)
    x = rng.integers(0, 4, shape).astype(np.float32)
    agree("Hardmax", {"x": x}, axis=int(rng.integers(-len(shape), len(shape))))


def test_hardmax_of_old_files_is_over_all_dimensions_from_the_axis_on():
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    node = helper.make_node("Hardmax", ["x"], ["y"])
    got = edgerun.Session(model([node], {"x": [2, 3, 4]}, {"y": 1}, opset=11).SerializeToString()).run(x)
    assert np.flatnonzero(got["y"]).tolist() == [11, 23]


@seeds
@pytest.mark.parametrize("mode", ["linear", "circular"])
def test_tensor_scatter(mode, seed):
    rng = np.random.default_rng(seed)
    shape = shape_of(rng, 2)
    axis = int(rng.integers(1, len(shape)))
    length = int(rng.integers(1, shape[axis] + 1))
    update = tuple(length if i == axis else d for i, d in enumerate(shape))
    room = shape[axis] - length + 1 if mode == "linear" else shape[axis]
    feeds = {"x": some(rng, shape), "u": some(rng, update), "w": rng.integers(0, room, shape[:1])}
    agree("TensorScatter", feeds, opset=24, axis=axis, mode=mode)


@seeds
def test_compress(seed):
    rng = np.random.default_rng(seed)
    shape = shape_of(rng)
    axis = int(rng.integers(0, len(shape)))
    condition = {"c": np.append(True, rng.integers(0, 2, shape[axis] - 1) > 0)}
    agree("Compress", {"x": some(rng, shape)}, condition, axis=axis)
    agree("Compress", {"x": some(rng, shape)}, condition)


@pytest.mark.parametrize("axes", [(0, 1), (1, 0)])
def test_reverse_sequence(axes):
    rng = np.random.default_rng(0)
    x = some(rng, (4, 4, 3))
    order = dict(zip(("time_axis", "batch_axis"), axes, strict=True))
    agree("ReverseSequence", {"x": x, "n": np.array([1, 4, 3, 2])}, **order)


def test_a_reduction_that_nobody_knows_is_refused():
    node = helper.make_node("ScatterND", ["x", "i", "u"], ["y"], reduction="mean")
    proto = model([node], {"x": [4], "i": (7, [2, 1]), "u": [2]}, {"y": 1})
    with pytest.raises(EdgerunError, match="'mean'"):
        edgerun.Session(proto.SerializeToString())


NATIVE = {
    "TopK": ({"x": (4, 6)}, {"k": np.array([3])}, {"axis": 0, "largest": 0}),
    "ArgMax": ({"x": (4, 6)}, {}, {"select_last_index": 1}),
    "GatherElements": ({"x": (4, 6), "i": (2, 5)}, {}, {"axis": 1}),
    "GatherND": ({"x": (4, 6, 2), "i": (4, 3, 1)}, {}, {"batch_dims": 1}),
    "ScatterElements": ({"x": (4, 6), "i": (4, 5), "u": (4, 5)}, {}, {"axis": 1}),
    "ScatterND": ({"x": (4, 6), "i": (3, 1), "u": (3, 6)}, {}, {}),
    "Trilu": ({"x": (4, 6)}, {"k": np.array(1)}, {}),
    "CumSum": ({"x": (4, 6)}, {"a": np.array(1)}, {"exclusive": 1}),
}


@pytest.mark.parametrize("operator", NATIVE)
def test_what_exporters_write_runs_in_the_engine(operator):
    feeds, constants, attributes = NATIVE[operator]
    outputs = {"y": 7 if operator == "ArgMax" else 1} | ({"j": 7} if operator == "TopK" else {})
    node = helper.make_node(operator, [*feeds, *constants], list(outputs), **attributes)
    ports = {name: (7 if name == "i" else 1, list(shape)) for name, shape in feeds.items()}
    session = edgerun.Session(model([node], ports, outputs, constants).SerializeToString())
    assert session.summary().host_steps == 0
