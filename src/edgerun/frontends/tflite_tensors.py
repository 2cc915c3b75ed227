"""The tensors of a subgraph as values of the graph: named, typed, made when first asked for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgerun.errors import FormatError, UnsupportedOperatorError
from edgerun.formats.tflite_model import Tensor
from edgerun.frontends.tflite_constants import plain
from edgerun.ir.graph import Value
from edgerun.ir.types import Quantization, TensorType


class Tensors:
    """The values of a subgraph's tensors. `names`, shared by the subgraphs of one import, are taken already;
    `prefix` tells the tensors of a called subgraph from its caller's."""

    def __init__(self, path: str, tensors: tuple[Tensor, ...], names: set[str], prefix: str = "") -> None:
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
            if np.abs(zero).max() > 1 << 30:
                raise FormatError(
                    f"{self._path}: tensor {tensor.index} '{tensor.name}' has the zero point {zero.max()}."
                )
            quantization = Quantization(q.scale, zero.astype(np.int32), q.axis)
        return TensorType(tensor.shape, tensor.dtype, quantization)

    def _name(self, tensor: Tensor) -> str:
        """The file's name of a tensor; files may use one twice, values may not."""
        name = self._prefix + (tensor.name or f"tensor_{tensor.index}")
        if name in self._names:
            name = f"{name}#{tensor.index}"
        while name in self._names:
            name += "'"
        self._names.add(name)
        return name
