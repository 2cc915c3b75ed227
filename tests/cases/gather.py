"""Operators that move data by computed indices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cases.base import I8, U8, Case, Net, Q, Shape, make

Kind = Q | str
KINDS: tuple[Kind, ...] = (I8, U8, "float32", "int32", "int64", "bool")


def bounded(net: Net, name: str, dims: Sequence[int], shape: Shape, dtype: str) -> int:
    """Constant indices in 0 .. dims[i] - 1, by their last dimension (or one bound for all)."""
    return net.constant(name, net.rng.integers(0, dims, shape), dtype)


def computed(net: Net, constant: int, shape: Shape, dtype: str) -> int:
    """The same values as a constant has, but made at run time: a constant written over an input."""
    x, y = net.tensor("z", shape, dtype), net.tensor("computed", shape, dtype)
    net.operator("DYNAMIC_UPDATE_SLICE", [x, constant, net.ints("start", (0,) * len(shape))], [y])
    return y


def gather(
    shape: Shape,
    indices: Shape,
    axis: int = 0,
    batch_dims: int = 0,
    x: Kind = I8,
    index: str = "int32",
    run_time: bool = False,
) -> bytes:
    net = Net()
    a = net.of("x", shape, x)
    at = axis % len(shape)
    places = bounded(net, "indices", [shape[at]], indices, index)
    inputs = [a]
    if run_time:
        places = computed(net, places, indices, index)
        inputs.append(places - 1)
    y = net.of("y", (*shape[:at], *indices[batch_dims:], *shape[at + 1 :]), x)
    net.operator("GATHER", [a, places], [y], {"axis": axis, "batch_dims": batch_dims})
    return net.finish(inputs, [y])


def gather_nd(
    shape: Shape, indices: Shape, x: Kind = I8, index: str = "int32", run_time: bool = False
) -> bytes:
    net = Net()
    a = net.of("x", shape, x)
    depth = indices[-1]
    places = bounded(net, "indices", shape[:depth], indices, index)
    inputs = [a]
    if run_time:
        places = computed(net, places, indices, index)
        inputs.append(places - 1)
    y = net.of("y", (*indices[:-1], *shape[depth:]), x)
    net.operator("GATHER_ND", [a, places], [y])
    return net.finish(inputs, [y])


def embedding_lookup(shape: Shape, count: int, x: str = "float32") -> bytes:
    net = Net()
    lookup = bounded(net, "lookup", [shape[0]], (count,), "int32")
    a, y = net.tensor("x", shape, x), net.tensor("y", (count, *shape[1:]), x)
    net.operator("EMBEDDING_LOOKUP", [lookup, a], [y])
    return net.finish([a], [y])


def scatter_nd(shape: Shape, indices: Shape, x: Kind = "float32") -> bytes:
    net = Net()
    depth = indices[-1]
    places = bounded(net, "indices", shape[:depth], indices, "int32")
    updates, y = net.of("updates", (*indices[:-1], *shape[depth:]), x), net.of("y", shape, x)
    net.operator("SCATTER_ND", [places, updates, net.ints("shape", shape)], [y])
    return net.finish([updates], [y])


def one_hot(shape: Shape, depth: int, axis: int = -1, x: str = "float32", index: str = "int32") -> bytes:
    """ONE_HOT of computed indices, of which some are out of range."""
    net = Net()
    made = computed(net, net.constant("places", net.rng.integers(-1, depth + 1, shape), index), shape, index)
    z = made - 1
    on, off = net.constant("on", 1, x), net.constant("off", 0, x)
    at = axis % (len(shape) + 1)
    y = net.tensor("y", (*shape[:at], depth, *shape[at:]), x)
    net.operator("ONE_HOT", [made, net.ints("depth", depth), on, off], [y], {"axis": axis})
    return net.finish([z], [y])


def reverse_sequence(axis: int, batch_axis: int, lengths: Sequence[int], x: Kind = I8) -> bytes:
    net = Net()
    shape = (3, 4, 5)
    a, y = net.of("x", shape, x), net.of("y", shape, x)
    options = {"seq_dim": axis, "batch_dim": batch_axis}
    net.operator("REVERSE_SEQUENCE", [a, net.ints("lengths", lengths)], [y], options)
    return net.finish([a], [y])


def update_slice(shape: Shape, update: Shape, starts: Shape, x: Kind = I8) -> bytes:
    net = Net()
    a, u, y = net.of("x", shape, x), net.of("update", update, x), net.of("y", shape, x)
    net.operator("DYNAMIC_UPDATE_SLICE", [a, u, net.ints("starts", starts)], [y])
    return net.finish([a, u], [y])


def segment_sum(segments: Sequence[int], x: str = "float32") -> bytes:
    net = Net()
    a = net.tensor("x", (len(segments), 3), x)
    y = net.tensor("y", (segments[-1] + 1, 3), x)
    net.operator("SEGMENT_SUM", [a, net.ints("segments", segments)], [y])
    return net.finish([a], [y])


_LOOKUPS: tuple[dict[str, Any], ...] = (
    {"shape": (5, 7), "indices": (4,)},
    {"shape": (5, 7), "indices": (2, 3), "axis": 1, "index": "int64"},
    {"shape": (2, 5, 3), "indices": (2, 4), "axis": 1, "batch_dims": 1},
    {"shape": (2, 3, 6, 4), "indices": (2, 5), "axis": -2, "batch_dims": 1},
    {"shape": (2, 3, 4), "indices": (2, 3, 5), "axis": 2, "batch_dims": 2},
)
_POINTS: tuple[dict[str, Any], ...] = (
    {"shape": (5, 7), "indices": (4, 1)},
    {"shape": (5, 7), "indices": (2, 3, 2)},
    {"shape": (2, 3, 4, 5), "indices": (6, 3), "index": "int64"},
    {"shape": (7,), "indices": (9, 1)},
)

CASES: list[Case] = [
    *make("Gather", gather, *_LOOKUPS, *({**v, "run_time": True} for v in _LOOKUPS)),
    *make("Gather", gather, *({"shape": (4, 3), "indices": (6,), "x": x} for x in KINDS[1:])),
    *make("Gather", gather, {"shape": (4, 30), "indices": (), "axis": 0}),
    *make("Gather", embedding_lookup, {"shape": (6, 2, 3), "count": 4}),
    *make("GatherNd", gather_nd, *_POINTS, *({**v, "run_time": True} for v in _POINTS)),
    *make("GatherNd", gather_nd, *({"shape": (4, 3), "indices": (6, 1), "x": x} for x in KINDS[1:])),
    *make(
        "ScatterNd",
        scatter_nd,
        {"shape": (6, 3), "indices": (4, 1)},
        {"shape": (4, 3, 2), "indices": (3, 2, 2)},
        {"shape": (9,), "indices": (20, 1), "x": "int32"},
        {"shape": (5, 2), "indices": (8, 1), "x": "int64"},
    ),
    *make(
        "OneHot",
        one_hot,
        {"shape": (3, 4), "depth": 5},
        {"shape": (3, 4), "depth": 5, "axis": 1, "x": "int32"},
        {"shape": (7,), "depth": 3, "axis": 0, "x": "bool", "index": "int64"},
    ),
    *make(
        "ReverseSequence",
        reverse_sequence,
        {"axis": 1, "batch_axis": 0, "lengths": (1, 4, 2), "x": "float32"},
        {"axis": 0, "batch_axis": 1, "lengths": (3, 2, 1, 3), "x": "int32"},
        {"axis": 2, "batch_axis": 0, "lengths": (5, 1, 3), "x": U8},
    ),
    *make(
        "DynamicUpdateSlice",
        update_slice,
        {"shape": (4, 5), "update": (2, 3), "starts": (1, 2)},
        {"shape": (4, 5), "update": (2, 3), "starts": (-1, 9), "x": "float32"},
        {"shape": (2, 3, 4), "update": (1, 3, 2), "starts": (1, 0, 1), "x": "int64"},
    ),
    *make(
        "SegmentSum",
        segment_sum,
        {"segments": (0, 0, 1, 3, 3, 3)},
        {"segments": (0, 1, 1, 2), "x": "int32"},
        litert=False,  # BUILTIN_REF has none
    ),
]
