"""Constants of TFLite files that are not plain arrays: sparse ones, and integers of 4 and 2 bits."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from edgerun import knobs
from edgerun.errors import FormatError, UnsupportedOperatorError
from edgerun.formats.tflite_model import Model, SparseDimension, Sparsity, Tensor

Integers = npt.NDArray[np.int64]

_MOST_TIMES = 100  # a constant that is sparser than this is no useful one
_PACKED = {"INT4": 4, "INT2": 2, "UINT4": 4}  # bits of an element


def plain(tensor: Tensor) -> Tensor:
    """The tensor with a constant that has its shape and a dtype of numpy: sparse ones dense, integers of
    less than 8 bits as int8 or uint8. Any other tensor as it is.

    Raises FormatError when the constant is inconsistent, UnsupportedOperatorError when it would be larger
    than EDGERUN_MAX_FOLD_MB allows.
    """
    if tensor.data is None:
        return tensor
    if tensor.sparsity is not None:
        return dataclasses.replace(tensor, data=densify(tensor), sparsity=None)
    if tensor.type_name in _PACKED:
        data = unpack(tensor)
        return dataclasses.replace(tensor, data=data, dtype=data.dtype, type_name=data.dtype.name.upper())
    return tensor


def check_expanded(model: Model, size: int) -> None:
    """Raises UnsupportedOperatorError when the sparse constants of a file of `size` bytes are all together
    many times as large when they are dense, and larger than EDGERUN_MAX_FOLD_MB allows."""
    sparse = [t for graph in model.subgraphs for t in graph.tensors if t.sparsity is not None and t.dtype]
    dense = sum(math.prod(t.shape) * t.dtype.itemsize for t in sparse if t.dtype)
    if dense > max(knobs.max_fold_bytes(), _MOST_TIMES * size):
        raise UnsupportedOperatorError(f"{model.path}: its sparse tensors are {dense >> 20} MB when expanded")


def unpack(tensor: Tensor) -> npt.NDArray[Any]:
    """A constant of INT4, INT2 or UINT4 as int8 or uint8; the lowest bits of a byte are its first element."""
    assert tensor.data is not None
    bits, count = _PACKED[tensor.type_name], math.prod(tensor.shape)
    _check_size(tensor, 1)
    packed = tensor.data.view(np.uint8).reshape(-1, 1)
    fields = (packed >> np.arange(0, 8, bits, dtype=np.uint8)) & np.uint8((1 << bits) - 1)
    elements = fields.reshape(-1)[:count]
    if tensor.type_name.startswith("INT"):
        sign = np.uint8(1 << (bits - 1))
        elements = ((elements ^ sign) - sign).view(np.int8)
    return _constant(elements.reshape(tensor.shape))


def densify(tensor: Tensor) -> npt.NDArray[Any]:
    """A sparse constant with its zeros.

    Its elements are the leaves of a tree with a level for each dimension, in the traversal order, and then
    one for each dimension of the blocks. A dense level has `dense_size` children below each node, a sparse
    one those that its segments and indices name (compressed sparse rows).
    """
    assert tensor.data is not None
    assert tensor.sparsity is not None
    if tensor.dtype is None:
        message = f"tensor {tensor.index} '{tensor.name}' is sparse and has the type {tensor.type_name}"
        raise UnsupportedOperatorError(message)
    _check_size(tensor, tensor.dtype.itemsize)
    levels = _levels(tensor, tensor.sparsity)
    # A node has a leaf below it, or a segment: no level has more of them than the file has of these.
    most = max([tensor.data.size, *(len(v.segments) for v, _, _ in levels if v.segments is not None)])
    places: Integers = np.zeros(1, np.int64)  # in the dense array, of each node so far
    for i, (level, size, stride) in enumerate(levels):
        if level.format == "dense":
            if len(places) * size > most:
                _fail(tensor, f"{len(places) * size} elements or segments", f"at most {most}")
            places = (places[:, None] + np.arange(size) * stride).reshape(-1)
        else:
            parents, indices = _children(tensor, i, level, len(places), size)
            places = places[parents] + indices * stride
    if len(places) != tensor.data.size:
        _fail(tensor, f"{len(places)} elements", f"{tensor.data.size}")
    dense = np.zeros(math.prod(tensor.shape), tensor.dtype)
    dense[places] = tensor.data
    return _constant(dense.reshape(tensor.shape))


def _levels(tensor: Tensor, sparsity: Sparsity) -> list[tuple[SparseDimension, int, int]]:
    """(what the file says, children below a node of a dense tree, elements between two) of each level."""
    rank, blocks = len(tensor.shape), len(sparsity.block_map)
    order, levels = sparsity.traversal_order, sparsity.dimensions
    if sorted(order[:rank]) != list(range(rank)) or sorted(order[rank:]) != list(range(rank, rank + blocks)):
        _fail(tensor, f"a traversal order of {rank} dimensions and {blocks} of blocks", f"{list(order)}")
    if len(levels) != len(order):
        _fail(tensor, f"{len(order)} levels", f"{len(levels)}")
    if any(not 0 <= dimension < rank for dimension in sparsity.block_map):
        _fail(tensor, f"blocks of dimensions below {rank}", f"{list(sparsity.block_map)}")
    inside = [1] * rank  # elements of each dimension within one node of a level, from the leaves up
    found = []
    for level, place in reversed(list(zip(levels, order, strict=True))):
        dimension = place if place < rank else sparsity.block_map[place - rank]
        size = level.dense_size
        if place < rank:
            size, rest = divmod(tensor.shape[dimension], inside[dimension])
            if rest:
                _fail(tensor, f"blocks that divide {tensor.shape[dimension]}", f"{inside[dimension]}")
        elif level.format != "dense" or size < 1:
            _fail(tensor, "dense blocks of at least 1", f"{level.format} of {size}")
        if level.format == "dense" and level.dense_size != size:
            _fail(tensor, f"a dense level of {size}", f"{level.dense_size}")
        stride = math.prod(tensor.shape[dimension + 1 :]) * inside[dimension]
        inside[dimension] *= size
        if inside[dimension] > tensor.shape[dimension]:
            _fail(tensor, f"blocks of at most {tensor.shape[dimension]}", f"{inside[dimension]}")
        found.append((level, size, stride))
    return found[::-1]


def _children(
    tensor: Tensor, place: int, level: SparseDimension, nodes: int, size: int
) -> tuple[Integers, Integers]:
    """Of a sparse level: the parent of each node, and its index among the `size` that it could have."""
    if level.segments is None or level.indices is None:
        _fail(tensor, f"segments and indices of level {place}", "none")
    segments, indices = level.segments.astype(np.int64), level.indices.astype(np.int64)
    counts = np.diff(segments)
    if len(segments) != nodes + 1 or segments[0] != 0 or segments[-1] != len(indices) or (counts < 0).any():
        _fail(tensor, f"{nodes} segments of the {len(indices)} indices of level {place}", "others")
    parents = np.repeat(np.arange(nodes), counts)
    ascending = (np.diff(indices) > 0) | (np.diff(parents) > 0)
    if len(indices) and not (indices.min() >= 0 and indices.max() < size and ascending.all()):
        _fail(tensor, f"ascending indices below {size} in each segment of level {place}", "others")
    return parents, indices


def _check_size(tensor: Tensor, itemsize: int) -> None:
    """Refuses what is small in the file and large in memory."""
    size, most = math.prod(tensor.shape) * itemsize, knobs.max_fold_bytes()
    if size > most:
        raise UnsupportedOperatorError(
            f"tensor {tensor.index} '{tensor.name}' has {size >> 20} MB when it is expanded; "
            f"EDGERUN_MAX_FOLD_MB allows {most >> 20}"
        )


def _constant(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    array.flags.writeable = False
    return array


def _fail(tensor: Tensor, expected: str, got: str) -> NoReturn:
    raise FormatError(f"Sparse tensor {tensor.index} '{tensor.name}': expected {expected}, got {got}.")
