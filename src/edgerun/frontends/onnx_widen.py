"""Operators on float16 and bfloat16 that have no arithmetic for them: computed in float32, rounded once.

ONNX's schemas say which operands and results have one type. Where the operands of it are narrow and the
importer does not take them, it is given them as float32, and its results of that type are rounded back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgerun.errors import EdgerunError
from edgerun.frontends.onnx_ops.casts import cast_to
from edgerun.frontends.onnx_ops.task import DataDependent, Import, Importer, NeedsValue
from edgerun.ir.graph import Value
from edgerun.ir.narrow import NarrowCast
from edgerun.ir.op import NUMBERS_DO_NOT_FIT
from edgerun.ir.quantize import Cast
from edgerun.ir.types import FLOAT16, FLOAT32

_Dtype = np.dtype[np.generic]
# Rounding never turns an order round, and is the same on both sides of 0: of these operators, the rounded
# result of unrounded operands is the result of rounded ones.
_ROUNDED_AFTERWARDS = {"Abs", "Clip", "GlobalMaxPool", "Max", "MaxPool", "Min", "Neg", "Relu"}


def imported(importer: Importer, task: Import, domain: str) -> list[Value]:
    """The results of an operator; raises what the importer raises."""
    mark = task.emitted.mark()
    try:
        return _listed(importer(task))
    except (NeedsValue, DataDependent):
        raise
    except (EdgerunError, *NUMBERS_DO_NOT_FIT):
        schema = _schema(task, domain)
        narrow = {} if schema is None else _narrow_types(schema, task.inputs)
        if not narrow:
            raise
    task.emitted.back_to(mark)
    inputs = [None if v is None else _widened(task, v) for v in task.inputs]
    wide = Import(task.emitted, task.operator, inputs, task.outputs, task.attributes, task.opset, task.index)
    results = _listed(importer(wide))
    for i, value in enumerate(results):
        dtype = narrow.get(_formal(schema.outputs, i).type_str)
        if dtype is not None and value.type.dtype == FLOAT32:
            results[i] = cast_to(task, value, dtype)
    return results


def is_narrow(dtype: _Dtype) -> bool:
    """Whether it is a float of 16 bits."""
    return dtype == FLOAT16 or dtype.name == "bfloat16"


def _listed(made: Value | Sequence[Value]) -> list[Value]:
    return [made] if isinstance(made, Value) else list(made)


def _widened(task: Import, value: Value) -> Value:
    if not is_narrow(value.type.dtype):
        return value
    if value.data is not None:  # weights stay constants, whatever their size
        return task.const(value.data.astype(FLOAT32))
    node = task.producer(value) if task.operator in _ROUNDED_AFTERWARDS else None
    source = node.inputs[0] if node is not None and isinstance(node.op, Cast | NarrowCast) else None
    if source is not None and source.type.dtype == FLOAT32:
        return source
    return cast_to(task, value, FLOAT32)


def _schema(task: Import, domain: str) -> Any:
    """What ONNX says of the operator; None of operators of other domains."""
    from onnx import defs

    if domain not in ("", "ai.onnx"):
        return None
    try:
        return defs.get_schema(task.operator, task.opset, "")
    except defs.SchemaError:
        return None


def _narrow_types(schema: Any, inputs: Sequence[Value | None]) -> dict[str, _Dtype]:
    """The types of the schema that are narrow floats here; none where operands of one type differ."""
    found: dict[str, _Dtype] = {}
    for i, value in enumerate(inputs):
        if value is not None and schema.inputs:
            dtype = value.type.dtype
            formal = _formal(schema.inputs, i)
            if formal.is_homogeneous and found.setdefault(formal.type_str, dtype) != dtype:
                return {}
    return {name: dtype for name, dtype in found.items() if is_narrow(dtype)}


def _formal(formals: Sequence[Any], i: int) -> Any:
    """The formal parameter of operand i; the last one may stand for any number."""
    return formals[min(i, len(formals) - 1)]
