"""The tensors of a subgraph as values of the graph: named, typed, made when first asked for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgerun.errors import FormatError, UnsupportedOperatorError
from edgerun.formats.tflite_model import Tensor
from edgerun.frontends.tflite_constants import plain
from edgerun.ir.graph import Value
from edgerun.ir.types import Quantization, TensorType

_MOST_ZERO = 1 << 30  # differences of two are int32


class Names:
    """The names of the values of one graph, each of which is given once."""

    def __init__(self) -> None:
        self._given: dict[str, int] = {}  # how often it was wished for

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def unique(self, name: str) -> str:
        """The name, with something behind it where it was given before."""
        wished = name
        while name in self._given:
            self._given[wished] += 1
            count = self._given[wished]
            name = f"{wished}'" if count == 2 else f"{wished}'{count - 1}"
        self._given[name] = 1
        return name


class Tensors:
    """The values of a subgraph's tensors. `names` are those of one import, whose subgraphs share them;
    `prefix` tells the tensors of a called subgraph from its caller's."""

    def __init__(self, path: str, tensors: tuple[Tensor, ...], names: Names, prefix: str = "") -> None:
        self.tensors = tensors
        self._path = path
        self._prefix = prefix
        self._values: dict[int, Value] = {}
        self._names = names

    def declared(self, index: int) -> Value:
        """The value of a tensor, made with the type the file declares when nothing has made it yet."""
        if index not in self._values:
            tensor = plain(self.tensors[index])
            self._values[index] = Value(self._name(tensor), self.type_of(tensor), index, tensor.data)
        return self._values[index]

    def bind(self, index: int, value: Value) -> None:
        """Says that whoever reads the tensor from now on reads `value`."""
        self._values[index] = value

    def bound(self) -> Mapping[int, Value]:
        return self._values

    def type_of(self, tensor: Tensor) -> TensorType:
        if tensor.dtype is None:
            raise UnsupportedOperatorError(
                f"tensor {tensor.index} '{tensor.name}' has the type {tensor.type_name}"
            )
        q = tensor.quantization
        quantization = None
        if q is not None and tensor.dtype.kind in "iu":
            zero = q.zero_point
            if not -_MOST_ZERO <= zero.min() <= zero.max() <= _MOST_ZERO:
                raise FormatError(
                    f"{self._path}: tensor {tensor.index} '{tensor.name}' has zero points from {zero.min()} "
                    f"to {zero.max()}."
                )
            quantization = Quantization(q.scale, zero.astype(np.int32), q.axis)
        return TensorType(tensor.shape, tensor.dtype, quantization)

    def _name(self, tensor: Tensor) -> str:
        """The file's name of a tensor; files may use one twice, values may not."""
        name = self._prefix + (tensor.name or f"tensor_{tensor.index}")
        if name in self._names:
            name = f"{name}#{tensor.index}"
        return self._names.unique(name)
