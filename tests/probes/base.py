"""What probes are made of: a model of one operator, in one kind of numbers, with one choice of options."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cases.base import Net, Q, random_feeds
from edgerun.frontends import load_graph
from edgerun.ir.types import Array

Shape = tuple[int, ...]
Kind = Q | str  # a quantisation, or a dtype whose numbers mean themselves

I8, U8, I16 = Q(0.05, 3), Q(0.04, 120, "uint8"), Q(0.002, 0, "int16")
KINDS: dict[str, Kind] = {
    "float32": "float32",
    "int8": I8,
    "uint8": U8,
    "int16": I16,
    "int32": "int32",
    "int64": "int64",
    "bool": "bool",
}
# Integers of less than 32 bits that mean themselves, and other numbers that files have.
PLAIN: dict[str, Kind] = {
    "plain int8": "int8",
    "plain uint8": "uint8",
    "plain int16": "int16",
    "plain uint16": "uint16",
    "uint32": "uint32",
    "uint64": "uint64",
    "float16": "float16",
    "float64": "float64",
}
EVERY: dict[str, Kind] = KINDS | PLAIN


@dataclass(frozen=True)
class T:
    """A tensor: fed, unless it has data (an array, or True for random ones).

    low, high: the range of random elements, as they are stored. scales: one per entry of `axis`.
    """

    shape: Shape
    kind: Kind = "float32"
    data: Any = None
    low: float | None = None
    high: float | None = None
    variable: bool = False
    scales: Sequence[float] | None = None
    axis: int = 0

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.kind.dtype if isinstance(self.kind, Q) else self.kind)

    def random(self, rng: np.random.Generator) -> Array:
        """Elements over the whole range of a quantised type, otherwise within +-20."""
        low, high, dtype = self.low, self.high, self.dtype
        if dtype.kind == "c":
            return (rng.normal(0, 2, self.shape) + 1j * rng.normal(0, 2, self.shape)).astype(dtype)
        if dtype.kind == "f":
            if low is not None and high is not None:
                return rng.uniform(low, high, self.shape).astype(dtype)
            return rng.normal(0, 2, self.shape).astype(dtype)
        if dtype.kind == "b":
            return rng.integers(0, 2, self.shape).astype(dtype)
        info = np.iinfo(dtype)
        if low is None or high is None:
            wide = isinstance(self.kind, Q)
            low, high = (info.min, info.max) if wide else (max(-20, info.min), 20)
            if dtype == np.int32 and wide:
                low, high = -5000, 5000
        return rng.integers(int(low), int(high), self.shape, np.int64, endpoint=True).astype(dtype)


@dataclass(frozen=True)
class Probe:
    """A model about one operator of the format; `kind` and `variant` name it among those of the operator."""

    operator: str
    kind: str
    variant: str
    inputs: tuple[T | None, ...] = field(repr=False)
    outputs: tuple[T, ...] = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    version: int | None = None
    within: tuple[T, ...] = field(default=(), repr=False)
    build: Callable[[], bytes] | None = field(default=None, repr=False)  # instead of the fields above

    @property
    def id(self) -> str:
        return f"{self.operator} | {self.kind} | {self.variant}"

    def model(self) -> bytes:
        """The file; its outputs are declared as scalars, so that whoever runs it finds out their shapes."""
        if self.build is not None:
            return self.build()
        net = Net()
        inputs = [-1 if t is None else tensor(net, f"in{i}", t) for i, t in enumerate(self.inputs)]
        outputs = [tensor(net, f"out{i}", t) for i, t in enumerate(self.outputs)]
        within = [tensor(net, f"within{i}", t) for i, t in enumerate(self.within)]
        net.operator(self.operator, inputs, outputs, self.options, version=self.version, intermediates=within)
        fed = [i for i, t in zip(inputs, self.inputs, strict=True) if _is_fed(t)]
        return net.finish(fed, outputs)

    def feeds(self, seed: int = 0) -> dict[str, Array]:
        if self.build is not None:
            return random_feeds(load_graph(self.build()), seed)
        rng = np.random.default_rng(seed)
        return {f"in{i}": t.random(rng) for i, t in enumerate(self.inputs) if t is not None and _is_fed(t)}


def _is_fed(t: T | None) -> bool:
    return t is not None and t.data is None and not t.variable


def tensor(net: Net, name: str, t: T) -> int:
    data = t.data
    if data is True:
        data = t.random(net.rng)
    elif data is not None:
        data = np.asarray(data, t.dtype).reshape(t.shape)
    if not isinstance(t.kind, Q):
        return net.tensor(name, t.shape, t.kind, data=data, is_variable=t.variable)
    scales = t.kind.scale if t.scales is None else np.array(t.scales)
    zeros = t.kind.zero if t.scales is None else np.full(len(t.scales), t.kind.zero)
    return net.tensor(
        name, t.shape, t.dtype, scale=scales, zero_point=zeros, axis=t.axis, data=data, is_variable=t.variable
    )


def out(kind: Kind) -> T:
    """An output whose shape is left open."""
    return T((), kind)


def ints(*values: int, shape: Shape | None = None) -> T:
    return T((len(values),) if shape is None else shape, "int32", list(values))


def other(kind: Kind) -> Kind:
    """Another quantisation of the same dtype, where there is one."""
    if not isinstance(kind, Q):
        return kind
    return Q(kind.scale * 1.7, kind.zero and kind.zero - 5, kind.dtype)


def probes(
    operator: str,
    kinds: Mapping[str, Kind],
    variants: Mapping[str, Callable[[Kind], Mapping[str, Any]]],
) -> Iterator[Probe]:
    """A probe for each kind and variant; a variant gives the fields of a Probe for a kind."""
    for kind_name, kind in kinds.items():
        for variant, fields in variants.items():
            yield Probe(operator, kind_name, variant, **fields(kind))
