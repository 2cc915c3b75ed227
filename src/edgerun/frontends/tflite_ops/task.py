"""One operator of a TFLite file while it is imported, and what many importers ask of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edgerun import knobs
from edgerun.errors import FormatError, UnsupportedOperatorError
from edgerun.formats.tflite_model import Operator
from edgerun.ir.conv import Padding, Pair
from edgerun.ir.graph import Node, Value
from edgerun.ir.op import NO_CLAMP, Clamp, Op, evaluate, expect
from edgerun.ir.quantize import Requantize
from edgerun.ir.shape import Reshape
from edgerun.ir.types import Array, Element, TensorType

ACTIVATIONS: Mapping[str, Clamp] = {
    "none": NO_CLAMP,
    "relu": (0.0, float("inf")),
    "relu6": (0.0, 6.0),
    "relu_n1_to_1": (-1.0, 1.0),
}


class NeedsValue(UnsupportedOperatorError):
    """An operand must be known before the run, and is not: the tensor `value` is computed."""

    def __init__(self, name: str, value: Value) -> None:
        super().__init__(f"its {name} is computed at run time")
        self.value = value


class Known:
    """What values are that follow from constants alone: computed when an importer asks for one, as an
    operand (a shape, axes, paddings) that has to be known before anything runs."""

    def __init__(self) -> None:
        self._producers: dict[Value, Node] = {}
        self._arrays: dict[Value, Array] = {}
        self._unknown: set[Value] = set()  # depends on what is fed, or is too large
        self._room = knobs.max_fold_bytes()  # for what is computed

    def add(self, node: Node) -> None:
        """Says that `node` computes its outputs."""
        self._producers.update(dict.fromkeys(node.outputs, node))

    def array(self, value: Value) -> Array | None:
        """The value, or None when it depends on what is fed."""
        todo = [value]
        while todo:  # a file may be deeper than Python's stack
            last = todo[-1]
            if last.data is not None or last in self._arrays or last in self._unknown:
                todo.pop()
                continue
            node = self._producers.get(last)
            size = 0 if node is None else sum(v.type.nbytes for v in node.outputs)
            if node is None or not node.op.folds or size > self._room:
                self._unknown.add(last)
                continue
            inputs = [v for v in node.inputs if v is not None and v.data is None and v not in self._arrays]
            if not self._unknown.isdisjoint(inputs):
                self._unknown.add(last)
                continue
            if inputs:
                todo += inputs
                continue
            arrays = [None if v is None else self._now(v) for v in node.inputs]
            results = evaluate(node.op, node.types(), arrays)
            self._arrays.update(zip(node.outputs, results, strict=True))
            self._room -= size
        return self._now(value)

    def _now(self, value: Value) -> Array | None:
        return self._arrays.get(value) if value.data is None else value.data


class Import:
    """One operator of the file while it is imported."""

    def __init__(
        self,
        operator: Operator,
        inputs: list[Value | None],
        outputs: list[Value],
        known: Known,
        batch: int = 1,
        intermediates: Sequence[TensorType | None] = (),
    ) -> None:
        self.operator = operator
        self.batch = batch  # how many times the batch of the file the inputs have
        self.inputs = inputs
        self.outputs = outputs
        self.known = known
        self.intermediates = intermediates  # types of what the operator computes within itself
        self.nodes: list[Node] = []  # what has to be computed before
        # What the operator remembers: the value it reads, the one it writes, the initial array unless the
        # value read is that of a variable tensor.
        self.states: list[tuple[Value, Value] | tuple[Value, Value, Array]] = []

    @property
    def options(self) -> dict[str, Any]:
        return self.operator.options

    @property
    def out(self) -> Element:
        """The element type of the first output, as the file declares it."""
        return self.outputs[0].type.element

    @property
    def clamp(self) -> Clamp:
        """The range of the fused activation."""
        name = self.options["fused_activation_function"]
        if name not in ACTIVATIONS:
            raise UnsupportedOperatorError(f"the fused activation {name!r} is not supported")
        return ACTIVATIONS[name]

    def type(self, i: int) -> TensorType:
        return self.value(i).type

    def value(self, i: int) -> Value:
        value = self.inputs[i] if i < len(self.inputs) else None
        if value is None:
            raise FormatError(f"Operator {self.operator.index} {self.operator.name} lacks input {i}.")
        return value

    def constant(self, i: int, name: str) -> Array:
        """Input i, which has to be known before the run."""
        data = self.known.array(self.value(i))
        if data is None:
            raise NeedsValue(name, self.value(i))
        expect(data.dtype.kind != "c", f"Its {name} is complex.")
        return data

    def constants(self, *names: str) -> list[Array]:
        """The inputs behind the first one as arrays known before the run, which are taken off `inputs`."""
        arrays = [self.constant(i, name) for i, name in enumerate(names, start=1)]
        del self.inputs[1:]
        return arrays

    def integers(self, name: str) -> tuple[int, ...]:
        """The one constant input behind the first, as integers."""
        (array,) = self.constants(name)
        expect(array.dtype.kind in "iu", f"Its {name} must be integers, got {array.dtype}.")
        return tuple(int(v) for v in array.reshape(-1))

    def apply(self, op: Op, i: int = 0) -> None:
        """Puts `op`, of one input and one output, between input i and the operator."""
        value = self.value(i)
        name = f"{self.outputs[0].name}/{op.name.lower()}_{len(self.nodes)}"
        made = Value(name, op.infer(value.type)[0])
        self.nodes.append(Node(op, [value], [made]))
        self.inputs[i] = made

    def give(self, array: Array) -> Op:
        """The operator whose result is `array`, whatever is fed."""
        name = f"{self.outputs[0].name}/value"
        self.inputs[:] = [Value(name, TensorType(array.shape, array.dtype), data=array)]
        return Reshape(array.shape)

    def requantize_inputs(self) -> None:
        """Gives 8-bit inputs the element type of the output."""
        for i, value in enumerate(self.inputs):
            if value is not None and value.type.element != self.out and value.type.quantization is not None:
                op = Requantize(self.out)
                made = Value(f"{self.outputs[0].name}/requantized_{i}", op.infer(value.type)[0])
                self.nodes.append(Node(op, [value], [made]))
                self.inputs[i] = made


Importer = Callable[[Import], Op]


def axis_of(value: Any, rank: int) -> int:
    """An axis that may count from the end."""
    (axis,) = axes((int(value),), rank)
    return axis


def axes(values: tuple[int, ...], rank: int) -> tuple[int, ...]:
    for axis in values:
        expect(-rank <= axis < rank, f"Axis {axis} does not fit a tensor of rank {rank}.")
    return tuple(sorted({axis % rank for axis in values}))


def same_padding(x: TensorType, kernel: Pair, strides: Pair, dilations: Pair) -> Padding:
    """TensorFlow's SAME: ceil(size / stride) outputs, the odd pixel of padding at the end."""
    before, after = [], []
    for size, k, stride, dilation in zip(x.shape[1:3], kernel, strides, dilations, strict=True):
        expect(stride > 0, "Strides start at 1.")
        total = max((-(-size // stride) - 1) * stride + (k - 1) * dilation + 1 - size, 0)
        before.append(total // 2)
        after.append(total - total // 2)
    return before[0], before[1], after[0], after[1]


def padding_of(task: Import, kernel: Pair, strides: Pair, dilations: Pair = (1, 1)) -> Padding:
    expect(len(task.type(0).shape) == 4, f"A 4-D input is needed, got {task.type(0)}.")
    if task.options["padding"] == "valid":
        return 0, 0, 0, 0
    return same_padding(task.type(0), kernel, strides, dilations)
