"""Whether a Plan that was read from a file is one that lower() could have made: what bind() and the engine
rely on, and the engine does not check for itself."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from edgerun.errors import FormatError
from edgerun.ir.op import NUMBERS_DO_NOT_FIT
from edgerun.ir.types import FLOAT32, INT32
from edgerun.plan.plan import ByteTable, Plan, PlanTensor, Quantum, Step, Weights

_MOST_BYTES = 1 << 48


def check_plan(plan: Plan) -> None:
    """Raises FormatError for the first index, place, shape or type that is impossible, ModelError for an
    operator that does not take its operands."""
    for i, t in enumerate(plan.tensors):
        _check_tensor(plan, i, t)
    ports = [*plan.inputs, *plan.outputs, *(s.tensor for s in plan.states)]
    _check_indices(plan, [*ports, *plan.values.values()], "the plan")
    for i in ports:
        t = plan.tensors[i]
        if ports.count(i) > 1 or t.root != i or t.data is not None:
            raise FormatError(f"Tensor {i} '{t.name}' cannot be an input, output or state.")
    for ids in (plan.inputs, plan.outputs):
        names = [plan.tensors[i].name for i in ids]
        if len(set(names)) < len(names):
            raise FormatError(f"Inputs and outputs need names of their own, these are {names}.")
    for s in plan.states:
        kind = plan.tensors[s.tensor].type
        if (s.initial.shape, s.initial.dtype) != (kind.shape, kind.dtype):
            raise FormatError(
                f"State '{s.name}' should begin as {kind}, it does as {s.initial.shape}:{s.initial.dtype}."
            )
    written = {*plan.inputs, *(s.tensor for s in plan.states)}
    written |= {i for i, t in enumerate(plan.tensors) if t.data is not None}
    for step in plan.steps:
        _check_step(plan, step, written)
        written |= {plan.tensors[i].root for i in step.outputs}
    for i in plan.outputs:
        if i not in written and plan.tensors[i].type.size:
            raise FormatError(f"No step writes the output '{plan.tensors[i].name}'.")


def _check_tensor(plan: Plan, i: int, t: PlanTensor) -> None:
    """Its place lies within that of its root."""
    _check_indices(plan, [t.root], f"tensor {i}")
    root, itemsize = plan.tensors[t.root], t.type.dtype.itemsize
    nbytes = itemsize
    for d in t.type.shape:  # a dimension of 0 counts as 1: what is empty must not overflow, either
        nbytes *= max(d, 1)
    ok = all(d >= 0 for d in t.type.shape) and nbytes <= _MOST_BYTES
    ok = ok and root.root == t.root and t.offset >= 0 and (t.rows <= 1 or t.row_stride >= t.channels)
    if ok and t.root == i:
        ok = t.offset == 0 and t.contiguous
    if ok and t.type.size:
        end = t.offset + (t.rows - 1) * t.row_stride + t.channels
        ok = end * itemsize <= root.type.nbytes
    if not ok:
        raise FormatError(
            f"Tensor {i} '{t.name}' ({t.type}, element {t.offset} of tensor {t.root}, rows {t.row_stride} "
            f"apart) should lie within tensor {t.root} ({root.type})."
        )
    if t.data is not None and (t.root != i or (t.data.shape, t.data.dtype) != (t.type.shape, t.type.dtype)):
        raise FormatError(
            f"Constant {i} '{t.name}' should be {t.type}, it is {t.data.shape}:{t.data.dtype}."
        )


def _check_step(plan: Plan, step: Step, written: set[int]) -> None:
    place = f"{step.operator} '{step.name}'"
    _check_indices(plan, [*step.inputs, *step.outputs], place)
    for i in step.inputs:
        if plan.tensors[i].root not in written and plan.tensors[i].type.size:
            raise FormatError(f"{place} reads tensor {i} '{plan.tensors[i].name}' before it is written.")
    for i in step.outputs:
        if plan.tensors[plan.tensors[i].root].data is not None:
            raise FormatError(f"{place} writes to the constant {i} '{plan.tensors[i].name}'.")
    if not step.outputs or step.macs < 0:
        raise FormatError(f"{place} has {len(step.outputs)} outputs and {step.macs} multiply-adds.")
    for value in step.attributes.values():
        if isinstance(value, Quantum):
            _check_indices(plan, [value.tensor], place)
        elif isinstance(value, ByteTable):
            _check_indices(plan, [value.input, value.output], place)
            if value.entries.shape != (256,) or value.entries.dtype != np.uint8:
                raise FormatError(f"{place}: a table should have 256 bytes, it has {value.entries.shape}.")
    if step.weights is not None:
        _check_weights(step, step.weights, place)
    if (step.verb == "host") != (step.op is not None):
        raise FormatError(f"{place}: the verb 'host' and no other has an operator, this is {step.verb!r}.")
    if step.op is not None:
        _check_inferred(plan, step, place)


def _check_weights(step: Step, weights: Weights, place: str) -> None:
    """[outputs, depth] or [height, width, channels], as plan.Weights says."""
    rank, kinds = (3 if step.verb.startswith("dwconv") else 2), "f" if step.verb.endswith("_f32") else "iu"
    values, zero, bias = weights.values, weights.zero_point, weights.bias
    ok = values.ndim == rank and values.size > 0 and values.dtype.kind in kinds
    if ok:
        outputs = values.shape[-1 if rank == 3 else 0]
        ok = zero.shape in ((1,), (outputs,)) and bias.shape == (outputs,)
        ok = ok and bias.dtype == (INT32 if step.verb in ("conv", "dwconv") else FLOAT32)
    if not ok:
        raise FormatError(
            f"{place}: {step.verb} cannot have weights {values.shape}:{values.dtype} with {zero.shape} zero "
            f"points and a bias {bias.shape}:{bias.dtype}."
        )


def _check_inferred(plan: Plan, step: Step, place: str) -> None:
    """The operator gives the types that the tensors have."""
    assert step.op is not None
    types = [plan.tensors[i].type for i in step.outputs]
    try:
        inferred = step.op.infer(*(plan.tensors[i].type for i in step.inputs))
    except (AttributeError, *NUMBERS_DO_NOT_FIT) as error:  # the former where an operand is absent
        raise FormatError(f"{place}: its operands do not fit it ({error}).") from error
    if list(inferred) != types:
        wanted, got = (", ".join(map(str, kinds)) for kinds in (inferred, types))
        raise FormatError(f"{place} should have the outputs {wanted}, it has {got}.")


def _check_indices(plan: Plan, indices: Iterable[int], place: str) -> None:
    for i in indices:
        if not 0 <= i < len(plan.tensors):
            raise FormatError(f"{place} names tensor {i}, there are {len(plan.tensors)}.")
