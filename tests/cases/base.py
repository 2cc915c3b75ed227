"""What cases are made of: a Case, a builder of models with quantised tensors, random inputs, evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from edgerun.formats.tflite_writer import ModelBuilder
from edgerun.frontends import load_graph
from edgerun.ir.graph import Graph
from edgerun.ir.op import FLOAT_TOLERANCE
from edgerun.ir.types import Array

Pair = tuple[int, int]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Q:
    """A per-tensor quantisation and its dtype."""

    scale: float = 0.05
    zero: int = 3
    dtype: str = "int8"


I8 = Q()
U8 = Q(0.04, 120, "uint8")


@dataclass(frozen=True)
class Case:
    """A model about one operator. litert: whether LiteRT runs such a model too."""

    operator: str  # class name in the IR
    id: str
    build: Callable[[], bytes] = field(repr=False)
    litert: bool = True
    host: bool = False  # it runs through eval, unlike others of its operator

    def feeds(self, seed: int = 0) -> dict[str, Array]:
        """Random inputs for the model, by name; the same for the same seed."""
        return random_feeds(load_graph(self.build()), seed)


def random_feeds(graph: Graph, seed: int) -> dict[str, Array]:
    """Inputs over the whole range of 8-bit types and of quantised int16, up to +-1000 for other integers,
    normal floats of spread 3."""
    rng = np.random.default_rng(seed)
    feeds: dict[str, Array] = {}
    for value in graph.inputs:
        shape, dtype = value.type.shape, value.type.dtype
        if dtype.kind == "f":
            feeds[value.name] = rng.normal(0, 3, shape).astype(dtype)
        elif dtype.kind == "b":
            feeds[value.name] = rng.integers(0, 2, shape).astype(dtype)
        elif dtype.itemsize == 1:
            feeds[value.name] = rng.integers(0, 256, shape, np.uint8).view(dtype)
        else:
            most = 32767 if value.type.is_int16 else 1000
            feeds[value.name] = rng.integers(-most, most, shape).astype(dtype)
    return feeds


def evaluate(graph: Graph, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs of a graph by the numpy eval of its nodes, by name."""
    values = all_values(graph, feeds)
    return {v.name: values[v] for v in graph.outputs}


def all_values(graph: Graph, feeds: Mapping[str, Array]) -> dict[Any, Array]:
    """Every value of a graph in its first run, by the numpy eval of its nodes."""
    values: dict[Any, Array] = {v: feeds[v.name] for v in graph.inputs}
    values |= {state.read: state.initial for state in graph.states}
    values |= {v: v.data for v in graph.constants() if v.data is not None}
    for node in graph.nodes:
        arrays = [None if v is None else values[v] for v in node.inputs]
        results = node.op.eval(node.types(), *arrays)  # type: ignore[arg-type]
        values |= dict(zip(node.outputs, results, strict=True))
    return values


def tolerances(graph: Graph, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """How far a float output may be from its eval, by name: the tolerance of the operator that makes it."""
    values = all_values(graph, feeds)
    allowed: dict[str, Array] = {}
    for node in graph.nodes:
        arrays = [None if v is None else values[v] for v in node.inputs]
        for i, value in enumerate(node.outputs):
            if value in graph.outputs and value.type.is_float:
                magnitude = node.op.magnitude(node.types(), *arrays)[i]  # type: ignore[arg-type]
                allowed[value.name] = FLOAT_TOLERANCE * magnitude  # type: ignore[operator]
    return allowed


class Net(ModelBuilder):
    """A ModelBuilder with quantised tensors in one call; `rng` makes its constants."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__()
        self.rng = np.random.default_rng(seed)

    def q(self, name: str, shape: Sequence[int], q: Q | str = I8) -> int:
        """A tensor of a quantisation, or of a plain dtype."""
        if isinstance(q, str):
            return self.tensor(name, shape, q)
        return self.tensor(name, shape, q.dtype, scale=q.scale, zero_point=q.zero)

    def of(self, name: str, shape: Sequence[int], kind: Q | str) -> int:
        """A tensor that is quantised, or of a plain dtype."""
        return self.q(name, shape, kind) if isinstance(kind, Q) else self.tensor(name, shape, kind)

    def constant(self, name: str, values: Any, dtype: str) -> int:
        array = np.asarray(values, dtype)
        return self.tensor(name, array.shape, dtype, data=array)

    def ints(self, name: str, values: Any) -> int:
        array = np.asarray(values, np.int32)
        return self.tensor(name, array.shape, "int32", data=array)

    def weights(self, shape: Shape, axis: int, w: Q, per_channel: bool) -> int:
        """Random weights over the whole range of their dtype, but -128."""
        low, high = (0, 256) if w.dtype == "uint8" else (-127, 128)
        data = self.rng.integers(low, high, shape).astype(w.dtype)
        n = shape[axis] if per_channel else 1
        scales = w.scale * (self.rng.uniform(0.5, 1.5, n) if per_channel else np.ones(1))
        zeros = np.full(n, w.zero)
        return self.tensor("w", shape, w.dtype, scale=scales, zero_point=zeros, axis=axis, data=data)

    def bias(self, n: int, depth: int) -> int:
        spread = int(5000 * np.sqrt(depth))
        data = self.rng.integers(-spread, spread + 1, n).astype(np.int32)
        return self.tensor("bias", (n,), "int32", scale=1e-3, data=data)


WS8 = Q(0.01, 0, "int8")
WU8 = Q(0.01, 140, "uint8")


def spread(x: Q, w: Q, depth: int) -> Q:
    """An output quantisation of which random sums of `depth` products use nearly all, and some leave it."""
    zero = 5 if x.dtype == "int8" else 125
    return Q(x.scale * w.scale * 5500 * float(np.sqrt(depth)) / 50, zero, x.dtype)


def window(size: int, kernel: int, stride: int, dilation: int, padding: str) -> int:
    """The output size of a window along one axis, as TensorFlow has it."""
    extent = (kernel - 1) * dilation + 1
    return -(-size // stride) if padding == "same" else -(-(size - extent + 1) // stride)


def make(
    operator: str,
    build: Callable[..., bytes],
    *variants: dict[str, Any],
    litert: bool = True,
    host: bool = False,
) -> list[Case]:
    def show(value: Any) -> str:
        if isinstance(value, Q):
            return f"{value.dtype}({value.scale:g},{value.zero})"
        return str(value).replace(" ", "")

    cases = []
    for kwargs in variants:
        id = "-".join([operator, *(f"{k}={show(v)}" for k, v in kwargs.items())])
        cases.append(Case(operator, id, partial(build, **kwargs), litert, host))
    return cases


CHANNELS = (1, 3, 5, 8, 16, 17, 32, 33, 64, 65)
LEGACY = {"x": U8, "w": WU8, "per_channel": False}
PER_TENSOR = {"per_channel": False}
ACTIVATIONS = ("relu", "relu6", "relu_n1_to_1")
MIN, MAX = Q(zero=-128), Q(zero=127)
