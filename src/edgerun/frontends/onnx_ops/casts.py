"""Cast and CastLike: numbers of one type as those of another."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.errors import FormatError
from edgerun.frontends.onnx_ops.task import Import, Importer
from edgerun.ir.graph import Value
from edgerun.ir.narrow import NarrowCast
from edgerun.ir.quantize import Cast
from edgerun.ir.types import is_added


def cast_to(
    task: Import, x: Value, dtype: np.dtype[Any], saturate: bool = True, rounding: str = "up"
) -> Value:
    """x as `dtype`; saturate and rounding as ir.narrow.NarrowCast has them."""
    if dtype == x.type.dtype:
        return x
    if is_added(dtype) or is_added(x.type.dtype):
        return task.emit(NarrowCast(dtype, saturate, rounding), x)
    return task.emit(Cast(dtype), x)


def dtype_of_code(code: int) -> np.dtype[Any]:
    """The dtype of an element type of ONNX. Raises FormatError where there is none of this number."""
    from onnx import helper

    try:
        return np.dtype(helper.tensor_dtype_to_np_dtype(code))
    except KeyError as error:
        raise FormatError(f"there is no element type {code}") from error


def _as_asked(task: Import, dtype: np.dtype[Any]) -> Value:
    rounding = str(task.get("round_mode", "up"))
    return cast_to(task, task.value(0), dtype, bool(task.get("saturate", 1)), rounding)


def _cast(task: Import) -> Value:
    return _as_asked(task, dtype_of_code(int(task.get("to", 1))))


def _cast_like(task: Import) -> Value:
    return _as_asked(task, task.type(1).dtype)


IMPORTERS: dict[str, Importer] = {"Cast": _cast, "CastLike": _cast_like}
