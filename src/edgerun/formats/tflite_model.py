"""What a TFLite file holds, as dataclasses: the value of `tflite_reader.read_model`.

Weights are not copied; the arrays are read-only views of the file's bytes, which stay alive as long
as one of them does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TensorQuantization:
    """Real value = scale * (stored - zero_point).

    `scale` (float32) and `zero_point` (int64) have the same length: 1 for the whole tensor, or
    the size of dimension `axis`.
    """

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int


@dataclass(frozen=True, slots=True)
class SparseDimension:
    """One dimension of a sparse tensor: "dense" with its size, or "sparse_csr" with its vectors."""

    format: str
    dense_size: int
    segments: NDArray[Any] | None
    indices: NDArray[Any] | None


@dataclass(frozen=True, slots=True)
class Sparsity:
    """How the data of a sparse tensor are laid out: the fields of the file, not interpreted."""

    traversal_order: tuple[int, ...]
    block_map: tuple[int, ...]
    dimensions: tuple[SparseDimension, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a subgraph.

    `dtype` is None for types that numpy has not (`type_name` tells: "INT4", "STRING", ...).
    `data` is None unless the tensor is a constant. It has the tensor's shape and dtype; where
    `dtype` is None it is the raw bytes (uint8), and where `sparsity` is given it is the stored
    elements in one dimension. It may be unaligned where the file is.
    `shape_signature` has -1 for dimensions that may change.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    shape_signature: tuple[int, ...] | None
    dtype: np.dtype[Any] | None
    type_name: str
    quantization: TensorQuantization | None
    data: NDArray[Any] | None
    is_variable: bool
    sparsity: Sparsity | None


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of a subgraph.

    `name` is the builtin's ("CONV_2D", or "BUILTIN_<code>" where the code is not known), or the
    code of a custom operator. `inputs` and `intermediates` have -1 for one that is absent.
    `options` has each field of the operator's options table, by default where the file has none.
    """

    index: int
    name: str
    custom: bool
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any]
    custom_options: memoryview
    intermediates: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SubGraph:
    """One graph: operators in an order in which they can run; inputs and outputs by index."""

    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def constants(self) -> dict[int, NDArray[Any]]:
        """The tensors that the file has the elements of."""
        return {t.index: t.data for t in self.tensors if t.data is not None}


@dataclass(frozen=True, slots=True)
class Signature:
    """A named entry: names of inputs and outputs -> tensor indices of one subgraph."""

    key: str
    subgraph: int
    inputs: dict[str, int]
    outputs: dict[str, int]


@dataclass(frozen=True, slots=True)
class Model:
    """A TFLite file. `metadata` are the bytes of its metadata buffers by name."""

    path: str
    version: int
    description: str
    subgraphs: tuple[SubGraph, ...]
    metadata: dict[str, memoryview]
    signatures: tuple[Signature, ...]
