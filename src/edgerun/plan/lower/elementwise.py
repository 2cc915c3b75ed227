"""Operators that work element by element: the verbs binary, table and softmax, and those of floats and plain
integers."""

from __future__ import annotations

import numpy as np

from edgerun.ir.arithmetic import Atan2, Div, FloorDiv, Maximum, Minimum, Prelu, Remainder, SquaredDifference
from edgerun.ir.elementwise import (
    Add,
    Binary,
    Clip,
    LeakyRelu,
    Mul,
    Softmax,
    Sub,
    Table,
    Unary,
    integer_clamp,
)
from edgerun.ir.functions import Abs, Gelu, Neg, Sign
from edgerun.ir.graph import Node
from edgerun.ir.op import NO_CLAMP, output_multiplier, quantization_of
from edgerun.ir.types import INT32, INT64, TensorType
from edgerun.plan.lower.lowering import Lowering, clamp_attributes, lowers, snake_case
from edgerun.plan.plan import Attribute, ByteTable, Quantum


@lowers(Binary)
def _binary(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Binary)
    a, b = lo.tensor(node.inputs[0]), lo.tensor(node.inputs[1])
    y = lo.tensor(node.outputs[0])
    kind = node.types()[0]
    rare = kind.is_plain_integer and kind.dtype not in (INT32, INT64)
    if rare or isinstance(op, Atan2 | Remainder):
        lo.host(node)
    elif kind.is_8bit:
        _quantised(lo, node, a, b, y)
    elif not kind.is_float:
        lowest, highest = integer_clamp(op.out, op.clamp)
        bounds = {"out_min": lowest, "out_max": highest}
        lo.step("binary_int", (a, b), (y,), {"kind": snake_case(op.name), **bounds})
    else:
        name = "div" if isinstance(op, FloorDiv) else snake_case(op.name)
        low, high = op.clamp
        lo.step("binary_f32", (a, b), (y,), {"kind": name, "out_min": low, "out_max": high})
        if isinstance(op, FloorDiv):
            lo.step("unary_f32", (y,), (y,), {"kind": "floor"})


def _quantised(lo: Lowering, node: Node, a: int, b: int, y: int) -> None:
    op = node.op
    assert isinstance(op, Binary)
    types = node.types()
    qa, qb = (quantization_of(t) for t in types)
    out = quantization_of(op.out)
    verb = "binary" if isinstance(op, Add | Sub | Mul) else "binary_quantized"
    attributes: dict[str, Attribute] = {
        "kind": snake_case(op.name),
        "a_zero_point": Quantum(qa.zero, a),
        "b_zero_point": Quantum(qb.zero, b),
    }
    if isinstance(op, Mul):
        attributes["a_multiplier"] = float(output_multiplier(qa, qb, out)[0])
    elif isinstance(op, Add | Sub | Maximum | Minimum):
        ma, mb = op.multipliers(qa, qb)
        attributes |= {"a_multiplier": float(ma), "b_multiplier": float(mb)}
    elif isinstance(op, Div):
        attributes["a_multiplier"] = op.multiplier(types)
    elif isinstance(op, SquaredDifference):
        attributes |= {"a_multiplier": qa.step, "b_multiplier": qb.step}
        attributes["out_multiplier"] = float(np.float32(1.0 / out.step))
    else:
        assert isinstance(op, Prelu)
        attributes["a_multiplier"] = float(output_multiplier(qa, None, out)[0])
        attributes["b_multiplier"] = float(output_multiplier(qa, qb, out)[0])
    lo.step(verb, (a, b), (y,), {**attributes, **clamp_attributes(op.out, op.clamp, y)})


@lowers(Unary, Table)
def _unary(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Unary | Table)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    kind = node.types()[0]
    if isinstance(op, Unary) and op.in_python and kind.is_float:
        lo.host(node)
        return
    if kind.is_plain_integer and kind.dtype not in (INT32, INT64):
        lo.host(node)  # rare
    elif kind.is_8bit:
        entries = op.table(kind.element).view(np.uint8)
        lo.step("table", (x,), (y,), {"table": ByteTable(entries, x, y)})
    elif kind.is_float:
        lo.step("unary_f32", (x,), (y,), _function(op))
    else:
        _integer_function(lo, op, x, y, kind)


def _function(op: Unary | Table) -> dict[str, Attribute]:
    """The attributes of the verb unary_f32."""
    if isinstance(op, Clip):
        return {"kind": "clamp", "low": op.clamp[0], "high": op.clamp[1]}
    if isinstance(op, LeakyRelu):
        return {"kind": "leaky_relu", "alpha": op.alpha}
    if isinstance(op, Gelu) and op.approximate:
        return {"kind": "gelu_tanh"}
    return {"kind": snake_case(op.name)}


def _integer_function(lo: Lowering, op: Unary | Table, x: int, y: int, kind: TensorType) -> None:
    """A function of plain integers, of the binary verb and a zero."""
    low, high = op.out.limits
    zero = lo.layout.new(f"{op.name}/zero", kind.with_shape(()), data=np.zeros((), kind.dtype))
    bounds = {"out_min": low, "out_max": high}
    if isinstance(op, Sign):
        lo.step("binary_int", (x, zero), (y,), {"kind": "add", "out_min": -1, "out_max": 1})
        return
    assert isinstance(op, Abs | Neg)
    negative = y if isinstance(op, Neg) else lo.temporary(x, kind.shape)
    lo.step("binary_int", (zero, x), (negative,), {"kind": "sub", **bounds})
    if isinstance(op, Abs):
        lo.step("binary_int", (x, negative), (y,), {"kind": "maximum", **bounds})


@lowers(Softmax)
def _softmax(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Softmax)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    if node.types()[0].is_float:
        lo.step("softmax_f32", (x,), (y,), {"kind": "softmax", "beta": op.beta})
        return
    attributes: dict[str, Attribute] = {
        "table": op.table(quantization_of(node.types()[0])),
        "out_inverse_scale": 1.0 / quantization_of(op.out).step,
        **clamp_attributes(op.out, NO_CLAMP, y),
    }
    lo.step("softmax", (x,), (y,), attributes)
