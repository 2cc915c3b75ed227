"""What a script feeds a run, checked as ONNX Runtime checks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgerun.backends.onnxruntime import DTYPES
from edgerun.compat import onnxruntime_errors as errors
from edgerun.compat.onnxruntime_errors import InvalidArgument
from edgerun.compat.onnxruntime_model import Array, Facts, NodeArg, type_name
from edgerun.compat.onnxruntime_values import OrtValue


def check_missing(facts: Facts, given: Mapping[str, Any]) -> None:
    """Raises ValueError for inputs that are not fed."""
    names = list(given.keys())
    missing = [arg.name for arg in facts.inputs if arg.name not in names]
    if missing:
        raise ValueError(f"Required inputs ({missing}) are missing from input feed ({names}).")


def checked(facts: Facts, given: Mapping[str, Any]) -> dict[str, Array]:
    """The arrays of a feed by input name. Raises InvalidArgument."""
    args = {arg.name: arg for arg in facts.inputs}
    feeds: dict[str, Array] = {}
    for name, value in given.items():
        if name in args:
            feeds[name] = _fed(args[name], value)
        elif name in {arg.name for arg in facts.initializers}:
            raise errors.NotImplemented(f"edgerun does not replace the constant {name} in a run.")
        else:
            raise InvalidArgument(f"Invalid input name: {name}")
    return feeds


def _fed(arg: NodeArg, value: Any) -> Array:
    """The value of an input as an array. Raises InvalidArgument for another dtype, rank or size."""
    if isinstance(value, OrtValue):
        value = value.numpy()
    elif isinstance(value, list | tuple):
        value = np.asarray(value, DTYPES[arg.type])
    if not isinstance(value, np.ndarray):
        raise RuntimeError(f"Unable to handle object of type {type(value)}")
    kind = type_name(value.dtype)
    if kind != arg.type:
        raise InvalidArgument(f"Unexpected input data type. Actual: ({kind}) , expected: ({arg.type})")
    advice = "Please fix either the inputs/outputs or the model."
    if arg.shape and value.ndim != len(arg.shape):
        ranks = f"Got: {value.ndim} Expected: {len(arg.shape)}"
        raise InvalidArgument(f"Invalid rank for input: {arg.name} {ranks} {advice}")
    wrong = [
        f" index: {i} Got: {size} Expected: {side}\n"
        for i, (size, side) in enumerate(zip(value.shape, arg.shape, strict=False))
        if isinstance(side, int) and side != size
    ]
    if wrong:
        found = f"Got invalid dimensions for input: {arg.name} for the following indices\n"
        raise InvalidArgument(f"{found}{''.join(wrong)} {advice}")
    return value if value.flags.c_contiguous else np.ascontiguousarray(value)
