"""The Plan: steps of the engine's verbs over tensors that know where they lie. Neutral to the machine.

Numbers are the model's: zero points and tables refer to the model's own dtypes. Which sign 8-bit tensors are
stored with is decided when the plan is bound; Quantum and ByteTable mark what that decision changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edgerun.ir.op import Op
from edgerun.ir.types import Array, TensorType


@dataclass(frozen=True)
class Quantum:
    """A value of the quantised domain of tensor `tensor`."""

    value: int
    tensor: int

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, eq=False)
class ByteTable:
    """256 bytes: the byte of tensor `output` for each byte of tensor `input`."""

    entries: npt.NDArray[np.uint8]
    input: int
    output: int

    def __str__(self) -> str:
        return "<256>"


Attribute = int | float | str | tuple[int, ...] | Quantum | ByteTable | Array


@dataclass(frozen=True, eq=False)
class Weights:
    """Constant weights in canonical order: [outputs, depth] for conv, [height, width, channels] for dwconv.

    zero_point: int32, one entry or one per output.
    bias: per output, int32 without any correction, or float32.
    """

    values: Array
    zero_point: npt.NDArray[np.int32]
    bias: Array


@dataclass
class PlanTensor:
    """A tensor and its place: rows `row_stride` elements apart, from element `offset` of tensor `root` on.

    A tensor that owns its memory is its own root. `data` is a constant's value.
    """

    name: str
    type: TensorType
    root: int
    offset: int
    row_stride: int
    data: Array | None = None

    @property
    def channels(self) -> int:
        return self.type.shape[-1] if self.type.shape else 1

    @property
    def rows(self) -> int:
        return self.type.size // self.channels if self.channels else 0

    @property
    def contiguous(self) -> bool:
        return self.rows <= 1 or self.row_stride == self.channels


@dataclass(frozen=True, eq=False)
class Step:
    """One call of a verb.

    `operator` and `name` say which operator of the graph it does; `macs` its multiply-adds.
    The verb "host" runs `op` in Python, through its numpy eval.
    """

    verb: str
    operator: str
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    weights: Weights | None = None
    macs: int = 0
    op: Op | None = None

    @property
    def needs_fma(self) -> bool:
        """Whether its bits are the same only on CPUs with fused multiply-add (contract 4.1.5)."""
        return self.verb.endswith("_f32") or self.verb in ("l2_normalize", "local_response")


@dataclass(frozen=True, eq=False)
class PlanState:
    """Tensor `tensor` keeps its elements from run to run; the first run finds `initial` there."""

    name: str
    tensor: int
    initial: Array


@dataclass(eq=False)
class Plan:
    """Steps in order, tensors, and which of them are the model's inputs, outputs and states."""

    name: str
    tensors: list[PlanTensor]
    steps: list[Step]
    inputs: list[int]
    outputs: list[int]
    values: Mapping[str, int]  # tensor of each value of the graph, by name
    states: list[PlanState] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"plan {self.name}"]
        for i, t in enumerate(self.tensors):
            role = "input " if i in self.inputs else "output " if i in self.outputs else ""
            role = "state " if any(s.tensor == i for s in self.states) else role
            role = "const " if t.data is not None else role
            place = "" if t.root == i else f" in %{t.root}+{t.offset} stride {t.row_stride}"
            lines.append(f"  {role}%{i} {t.name}: {t.type}{place}")
        for step in self.steps:
            outputs = ", ".join(f"%{i}" for i in step.outputs)
            inputs = ", ".join(f"%{i}" for i in step.inputs)
            attributes = ", ".join(f"{k}={_show(v)}" for k, v in step.attributes.items())
            lines.append(f"  {outputs} = {step.verb}({attributes}) {inputs}    # {step.operator}")
        return "\n".join(lines)


def _show(value: Attribute) -> str:
    if isinstance(value, np.ndarray):
        return f"<{value.dtype}x{value.size}>"
    return f"{value}".replace(" ", "")
