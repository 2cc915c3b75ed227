"""LiteRT's reference kernels, the independent truth of the operator tests."""

from __future__ import annotations

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edgerun.ir.types import Array

# BUILTIN_REF lacks a few operators; these are LiteRT's own kernels then, without XNNPACK.
_RESOLVERS = (OpResolverType.BUILTIN_REF, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)


def interpreter(model: bytes) -> Interpreter:
    """LiteRT over the bytes of a model, before its tensors are allocated."""
    for resolver in _RESOLVERS:
        try:
            return Interpreter(model_content=model, experimental_op_resolver_type=resolver)
        except ValueError as error:
            if resolver is _RESOLVERS[-1] or "Didn't find op" not in str(error):
                raise
    raise AssertionError("unreachable")


def run(model: bytes, feeds: dict[str, Array]) -> dict[str, Array]:
    """The outputs by name."""
    made = interpreter(model)
    made.allocate_tensors()
    for detail in made.get_input_details():
        made.set_tensor(detail["index"], feeds[detail["name"]])
    made.invoke()
    return {
        d["name"]: np.array(made.get_tensor(d["index"]))
        for d in made.get_output_details()
    }
