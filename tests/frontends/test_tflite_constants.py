"""Sparse constants against LiteRT's DENSIFY, integers of 4 and 2 bits against their definition."""

from __future__ import annotations

import dataclasses
import tracemalloc
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import Net, evaluate
from edgerun.errors import FormatError, UnsupportedOperatorError
from edgerun.formats.tflite_model import SparseDimension, Sparsity, Tensor
from edgerun.formats.tflite_reader import read_model
from edgerun.formats.tflite_writer import ModelBuilder
from edgerun.frontends import load_graph
from edgerun.frontends.tflite_constants import densify, plain, unpack
from edgerun.session import Session

Array = npt.NDArray[Any]


def encode(
    dense: Array, order: Sequence[int], blocks: dict[int, int], formats: Sequence[str], index: str = "int32"
) -> tuple[Array, Sparsity]:
    """A sparse form of an array. blocks: sizes of the blocks by dimension; formats: of each dimension in
    the traversal order, before the dense ones of the blocks; index: the dtype of segments and indices."""
    shape, split = [], {}
    for d, size in enumerate(dense.shape):
        split[d] = len(shape)
        shape += [size // blocks.get(d, 1), blocks.get(d, 1)]
    places = [split[d] if d < dense.ndim else split[list(blocks)[d - dense.ndim]] + 1 for d in order]
    unused = [split[d] + 1 for d in range(dense.ndim) if d not in blocks]
    tree = dense.reshape(shape).transpose(places + unused)
    nodes, levels = [tree], []
    for i, kind in enumerate([*formats, *["dense"] * len(blocks)]):
        size = tree.shape[i]
        if kind == "dense":
            nodes = [child for node in nodes for child in node]
            levels.append(SparseDimension("dense", size, None, None))
        else:
            kept = [[k for k in range(size) if node[k].any()] for node in nodes]
            segments = np.cumsum([0, *map(len, kept)]).astype(index)
            nodes = [node[k] for node, ks in zip(nodes, kept, strict=True) for k in ks]
            indices = np.array([k for ks in kept for k in ks], index)
            levels.append(SparseDimension("sparse_csr", 0, segments, indices))
    data = np.array([node.item() for node in nodes], dense.dtype)
    return data, Sparsity(tuple(order), tuple(blocks), tuple(levels))


def densify_model(dense: Array, data: Array, sparsity: Sparsity) -> bytes:
    net = ModelBuilder()
    x = net.tensor("x", (1,), "float32")
    unused = net.tensor("unused", (1,), "float32")
    net.operator("NEG", [x], [unused])
    w = net.tensor("w", dense.shape, dense.dtype, data=data.tobytes(), sparsity=sparsity)
    y = net.tensor("y", dense.shape, dense.dtype)
    net.operator("DENSIFY", [w], [y])
    return net.finish([x], [y])


def constant(model: bytes) -> Tensor:
    """The one constant of a model, as the reader has it."""
    (tensor,) = (t for t in read_model(model).subgraphs[0].tensors if t.data is not None)
    return tensor


@st.composite
def sparse_arrays(draw: st.DrawFn) -> tuple[Array, Array, Sparsity]:
    rank = draw(st.integers(1, 4))
    blocked = sorted(draw(st.sets(st.integers(0, rank - 1))))
    blocks = {d: draw(st.integers(1, 4)) for d in blocked}
    shape = tuple(draw(st.integers(1, 5)) * blocks.get(d, 1) for d in range(rank))
    order = [*draw(st.permutations(range(rank))), *range(rank, rank + len(blocks))]
    formats = draw(st.lists(st.sampled_from(["dense", "sparse_csr"]), min_size=rank, max_size=rank))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    dense = rng.integers(-128, 128, shape) * (rng.random(shape) < draw(st.floats(0.05, 1)))
    dense = dense.astype(draw(st.sampled_from(["int8", "float32"])))
    dense.flat[-1] = 1  # never all zeros: a constant has data
    index = draw(st.sampled_from(["int32", "uint16", "uint8"])) if dense.size < 256 else "int32"
    return dense, *encode(dense, order, blocks, formats, index)


@settings(max_examples=150, deadline=None)
@given(sparse_arrays())
def test_densify(case: tuple[Array, Array, Sparsity]) -> None:
    dense, data, sparsity = case
    model = densify_model(dense, data, sparsity)
    np.testing.assert_array_equal(densify(constant(model)), dense)
    litert = pytest.importorskip("litert")
    (theirs,) = litert.run(model, {"x": np.zeros(1, np.float32)}).values()  # LiteRT has its own name for it
    np.testing.assert_array_equal(theirs, dense)


def test_two_dimensions_of_blocks_in_the_other_order() -> None:
    dense = np.arange(1, 49, dtype=np.float32).reshape(6, 8)
    model = densify_model(dense, *encode(dense, [1, 0, 3, 2], {0: 2, 1: 4}, ["dense", "sparse_csr"]))
    np.testing.assert_array_equal(densify(constant(model)), dense)
    litert = pytest.importorskip("litert")
    (theirs,) = litert.run(model, {"x": np.zeros(1, np.float32)}).values()  # LiteRT has its own name for it
    np.testing.assert_array_equal(theirs, dense)


def fully_connected(dense: Array, densified: bool, **constant: Any) -> bytes:
    net = Net()
    n, k = dense.shape
    x, y = net.q("x", (3, k)), net.q("y", (3, n))
    bias = net.tensor("bias", (n,), "int32", scale=0.05 * 0.01, data=np.arange(n, dtype=np.int32))
    w = net.tensor("w", dense.shape, scale=0.01, **constant)
    if densified:
        made = net.tensor("made", dense.shape, "int8", scale=0.01)
        net.operator("DENSIFY", [w], [made])
        w = made
    net.operator("FULLY_CONNECTED", [x, w, bias], [y])
    return net.finish([x], [y])


@pytest.mark.parametrize("densified", [False, True])
def test_sparse_weights_are_weights(densified: bool) -> None:
    rng = np.random.default_rng(3)
    dense = (rng.integers(-127, 128, (8, 32)) * (rng.random((8, 32)) < 0.2)).astype(np.int8)
    data, sparsity = encode(dense, [0, 1, 2], {1: 16}, ["dense", "sparse_csr"])
    model = fully_connected(dense, densified, dtype="int8", data=data.tobytes(), sparsity=sparsity)
    feeds = {"x": rng.integers(-128, 128, (3, 32)).astype(np.int8)}
    plain_model = fully_connected(dense, False, dtype="int8", data=dense)
    want = Session(plain_model, 1).run(feeds)
    np.testing.assert_array_equal(Session(model, 1).run(feeds)["y"], want["y"])
    litert = pytest.importorskip("litert")
    assert np.abs(litert.run(model, feeds)["y"].astype(int) - want["y"]).max() <= 1


# -- sparse ones that are inconsistent --

DENSE = np.array([[0, 5, 0, 0], [0, 0, 0, 0], [7, 0, 0, 9]], np.int8)


def broken(**changes: Any) -> Tensor:
    """The sparse form of DENSE, rows dense and columns sparse, with other fields of Sparsity, of its second
    level (segments, indices) or of the tensor (data, shape)."""
    data, sparsity = encode(DENSE, [0, 1], {}, ["dense", "sparse_csr"])
    tensor = constant(densify_model(DENSE, data, sparsity))
    of_level = {k: v for k, v in changes.items() if k in ("segments", "indices")}
    of_tensor = {k: v for k, v in changes.items() if k in ("data", "shape", "dtype", "type_name")}
    of_sparsity = {k: v for k, v in changes.items() if k not in of_level | of_tensor}
    rows, columns = sparsity.dimensions
    sparsity = dataclasses.replace(sparsity, dimensions=(rows, dataclasses.replace(columns, **of_level)))
    sparsity = dataclasses.replace(sparsity, **of_sparsity)
    return dataclasses.replace(tensor, sparsity=sparsity, **of_tensor)


def ints(*values: int) -> Array:
    return np.array(values, np.int32)


DENSE_ROWS = SparseDimension("dense", 3, None, None)
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "order": ({"traversal_order": (0, 0)}, "a traversal order of 2 dimensions"),
    "order-long": ({"traversal_order": (0, 1, 2)}, "a traversal order of 2 dimensions"),
    "levels": ({"dimensions": (DENSE_ROWS,)}, "2 levels, got 1"),
    "dense-size": ({"dimensions": (SparseDimension("dense", 4, None, None), DENSE_ROWS)}, "a dense level of"),
    "no-indices": ({"indices": None}, "segments and indices of level 1"),
    "no-segments": ({"segments": None}, "segments and indices of level 1"),
    "few-segments": ({"segments": ints(0, 1, 3)}, "3 segments of the 3 indices"),
    "segment-start": ({"segments": ints(1, 1, 1, 3)}, "3 segments of the 3 indices"),
    "segment-end": ({"segments": ints(0, 1, 1, 2)}, "3 segments of the 3 indices"),
    "segments-falling": ({"segments": ints(0, 2, 1, 3)}, "3 segments of the 3 indices"),
    "index-high": ({"indices": ints(1, 0, 4)}, "ascending indices below 4"),
    "index-low": ({"indices": ints(-1, 0, 3)}, "ascending indices below 4"),
    "index-twice": ({"indices": ints(1, 3, 3)}, "ascending indices below 4"),
    "data-short": ({"data": np.array([5, 7], np.int8)}, "3 elements, got 2"),
    "shape": ({"shape": (3, 3)}, "ascending indices below 3"),
    "rank": ({"shape": (12,)}, "a traversal order of 1 dimensions"),
    "block-map": (
        {"traversal_order": (0, 1, 2), "block_map": (2,), "dimensions": (DENSE_ROWS,) * 3},
        "blocks of dimensions below 2",
    ),
    "block-size": (
        {"traversal_order": (0, 1, 2), "block_map": (1,), "dimensions": (DENSE_ROWS,) * 3},
        "blocks that divide 4",
    ),
    "block-empty": (
        {
            "traversal_order": (0, 1, 2),
            "block_map": (1,),
            "dimensions": (DENSE_ROWS, DENSE_ROWS, SparseDimension("dense", 0, None, None)),
        },
        "dense blocks of at least 1",
    ),
    "block-large": (
        {
            "traversal_order": (0, 1, 2, 3),
            "block_map": (1, 1),
            "dimensions": (DENSE_ROWS, *[SparseDimension("dense", 4, None, None)] * 3),
        },
        "blocks",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_inconsistent_sparse_tensors_are_refused(name: str) -> None:
    changes, message = BAD[name]
    with pytest.raises(FormatError, match=f"Sparse tensor .* 'w': expected {message}"):
        densify(broken(**changes))


def test_the_sound_form_of_what_is_broken_above() -> None:
    np.testing.assert_array_equal(densify(broken()), DENSE)


def test_a_small_file_cannot_ask_for_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGERUN_MAX_FOLD_MB", "1")
    with pytest.raises(UnsupportedOperatorError, match="EDGERUN_MAX_FOLD_MB allows 1"):
        densify(broken(shape=(1 << 15, 1 << 15)))


def test_sparse_bits_are_refused() -> None:
    with pytest.raises(UnsupportedOperatorError, match="sparse and has the type INT4"):
        densify(broken(dtype=None, type_name="INT4"))


# -- packed integers --


@pytest.mark.parametrize(("type_name", "bits", "low"), [("INT4", 4, -8), ("INT2", 2, -2), ("UINT4", 4, 0)])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 16, 33])
def test_unpack(type_name: str, bits: int, low: int, count: int) -> None:
    values = np.random.default_rng(count).integers(low, low + (1 << bits), count)
    number = sum(int(v) % (1 << bits) << (bits * i) for i, v in enumerate(values))
    content = number.to_bytes(-(-count * bits // 8), "little")
    net = ModelBuilder()
    x = net.tensor("x", (count,), "float32")
    net.tensor("w", (count,), type_name, data=content)
    tensor = constant(net.finish([x], [x]))
    np.testing.assert_array_equal(unpack(tensor), values)
    assert plain(tensor).dtype == unpack(tensor).dtype == ("uint8" if type_name == "UINT4" else "int8")


def pack4(values: Array) -> bytes:
    low, high = values.reshape(-1, 2).T & 15
    return (low | high << 4).astype(np.uint8).tobytes()


def test_weights_of_four_bits_are_weights() -> None:
    rng = np.random.default_rng(4)
    dense = rng.integers(-7, 8, (8, 32)).astype(np.int8)
    model = fully_connected(dense, False, dtype="INT4", data=pack4(dense))
    feeds = {"x": rng.integers(-128, 128, (3, 32)).astype(np.int8)}
    want = evaluate(load_graph(fully_connected(dense, False, dtype="int8", data=dense)), feeds)["y"]
    np.testing.assert_array_equal(Session(model, 1).run(feeds)["y"], want)
    litert = pytest.importorskip("litert")
    assert np.abs(litert.run(model, feeds)["y"].astype(int) - want).max() <= 1


def test_other_constants_stay_as_they_are() -> None:
    net = ModelBuilder()
    x = net.tensor("x", (2,), "float32")
    net.tensor("w", (2,), "int8", data=np.array([1, 2], np.int8))
    tensor = constant(net.finish([x], [x]))
    assert plain(tensor) is tensor


def test_levels_cost_memory_in_proportion_to_the_file() -> None:
    side = SparseDimension("dense", 1 << 12, None, None)
    tensor = broken(shape=(1 << 12, 1 << 12), dimensions=(side, side))
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="expected 4096 elements or segments, got at most 3"):
            densify(tensor)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_sparse_scalar() -> None:
    tensor = broken(shape=(), traversal_order=(), dimensions=(), data=np.array([5], np.int8))
    assert densify(tensor) == 5
