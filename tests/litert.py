"""LiteRT's reference kernels, the independent truth of the operator tests."""

from __future__ import annotations

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edgerun.ir.types import Array

# BUILTIN_REF lacks a few operators; these are LiteRT's own kernels then, without XNNPACK.
_RESOLVERS = (OpResolverType.BUILTIN_REF, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)


def _interpreter(model: bytes) -> Interpreter:
    for resolver in _RESOLVERS:
        try:
            return Interpreter(model_content=model, experimental_op_resolver_type=resolver)
        except ValueError as error:
            if resolver is _RESOLVERS[-1] or "Didn't find op" not in str(error):
                raise
    raise AssertionError("unreachable")


def run(model: bytes, feeds: dict[str, Array]) -> dict[str, Array]:
    """The outputs by name."""
    interpreter = _interpreter(model)
    interpreter.allocate_tensors()
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], feeds[detail["name"]])
    interpreter.invoke()
    return {
        d["name"]: np.array(interpreter.get_tensor(d["index"]))
        for d in interpreter.get_output_details()
    }
