"""The mistakes that LiteRT tells its callers about, in its words."""

from __future__ import annotations

from edgerun.compat.tflite_details import type_name
from edgerun.formats.tflite_model import Tensor
from edgerun.ir.types import Array, Shape


def check_strict(tensor: Tensor, old: Shape, new: Shape) -> None:
    """Raises RuntimeError unless only dimensions of unknown size change."""
    if len(old) != len(new):
        raise RuntimeError(
            f"Cannot resize: Tensor {tensor.index} has {len(old)} dimensions, it cannot have {len(new)}."
        )
    for i, (known, size) in enumerate(zip(tensor.shape_signature or old, new, strict=True)):
        if known not in (-1, size):
            raise RuntimeError(
                f"Attempting to resize dimension {i} of tensor {tensor.index} with value {old[i]} to {size}. "
                "ResizeInputTensorStrict only allows mutating unknown dimensions identified by -1."
            )


def check_value(tensor: Tensor, shape: Shape, array: Array) -> None:
    """Raises ValueError unless the array has the type and the shape of the tensor."""
    if type_name(array) != tensor.type_name:
        raise ValueError(
            f"Cannot set tensor: Got value of type {type_name(array)} but expected type {tensor.type_name} "
            f"for input {tensor.index}, name: {tensor.name} "
        )
    if array.ndim != len(shape):
        raise ValueError(
            f"Cannot set tensor: Dimension mismatch. Got {array.ndim} but expected {len(shape)} "
            f"for input {tensor.index}."
        )
    for d, (got, expected) in enumerate(zip(array.shape, shape, strict=True)):
        if got != expected:
            raise ValueError(
                f"Cannot set tensor: Dimension mismatch. Got {got} but expected {expected} "
                f"for dimension {d} of input {tensor.index}."
            )
