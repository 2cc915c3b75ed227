"""Binding: a Plan becomes a Program for this machine.

bind() asks the engine for the kernels that can run each step, takes the best one that can hold the weights,
settles how 8-bit tensors are stored, packs weights, and only then lays out the arena.
"""

from __future__ import annotations

import functools
import hashlib
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgerun import _engine, knobs
from edgerun.errors import ModelError, QuantizationError
from edgerun.ir.op import evaluate
from edgerun.ir.types import INT8, Array, is_added
from edgerun.plan.image import Runner, best_isa, note_of, port_record
from edgerun.plan.memory import Arena, Block, plan_arena
from edgerun.plan.plan import ByteTable, Plan, Quantum, Step, Weights
from edgerun.plan.storage import Storage, conversion, native_storage

if TYPE_CHECKING:
    from edgerun._engine import StepSpec

_text = functools.cache(str)  # of dtypes, which write their names in Python

# A second thread costs some microseconds per step; a lane should have at least this much to do.
_LANE_US = 1.5
# Multiply-adds per microsecond and lane, roughly, by instruction set: only for deciding on lanes.
_MACS_PER_US = {
    "generic": 1e3,
    "sse41": 1e4,
    "avx2": 6e4,
    "avxvnni": 1.5e5,
    "avx512vnni": 3e5,
    "amx": 1e6,
    "neon": 8e3,
    "dotprod": 3e4,
    "i8mm": 6e4,
}
_DEPTHWISE_SLOWER = 8.0
_BYTES_PER_US = 1e4


def machine() -> dict[str, Any]:
    """What the engine knows about this machine: instruction sets, the cap, and the kernels of each folder."""
    cap = best_isa()
    order = list(knobs.ISA_NAMES)
    kernels: dict[str, list[dict[str, Any]]] = {}
    for folder, name, isa, detected in _engine.kernels():
        usable = detected and order.index(isa) <= order.index(cap)
        kernels.setdefault(folder, []).append({"kernel": name, "isa": isa, "usable": usable})
    return {
        "isas": list(_engine.isas()),
        "isa": cap,
        "amx_permitted": _engine.amx_permitted(),
        "native_storage": str(native_storage(_engine.native_unsigned)),
        "kernels": kernels,
    }


@dataclass(frozen=True)
class BoundStep:
    """A step of a program: which kernel runs it, with what packed form, on how many threads."""

    step: Step
    kernel: str
    layout: str
    lanes: int
    weight_bytes: int = 0


class Program:
    """Steps bound to kernels, with an arena. Immutable; runners (streams of inferences) share it."""

    def __init__(
        self,
        plan: Plan,
        steps: list[BoundStep],
        storage: Storage,
        arena: Arena,
        roots: dict[int, tuple[int, int]],
    ) -> None:
        self.plan = plan
        self.steps = steps
        self.storage = storage
        self.arena = arena
        self._roots = roots  # (buffer, byte offset) of each tensor that owns memory
        constants = [i for i in roots if plan.tensors[i].data is not None]
        ports = [*plan.inputs, *plan.outputs, *(s.tensor for s in plan.states)]
        self._buffer_bytes = [arena.nbytes] + [plan.tensors[i].type.nbytes for i in constants + ports]
        self._constants = {
            roots[i][0]: _engine.Blob(np.ascontiguousarray(self._stored_constant(i))) for i in constants
        }
        self._states = {
            roots[s.tensor][0]: _engine.Blob(np.ascontiguousarray(storage.stored(s.tensor, s.initial)))
            for s in plan.states
        }
        self.segments = self._prepare()

    def _stored_constant(self, i: int) -> Array:
        data = self.plan.tensors[i].data
        assert data is not None
        return self.storage.stored(i, data)

    def _ref(self, i: int) -> tuple[int, int, int, tuple[int, ...], str]:
        """(buffer, offset, row stride, shape, stored dtype) as the engine reads it."""
        t = self.plan.tensors[i]
        buffer, offset = self._roots[t.root]
        size = t.type.dtype.itemsize
        return (
            buffer,
            offset + t.offset * size,
            t.row_stride * size,
            t.type.shape,
            _text(self.storage.dtype(i)),
        )

    def _prepare(self) -> list[_engine.Program | None]:
        """Runs of native steps are prepared together; a host step stands alone (None)."""
        segments: list[_engine.Program | None] = []
        native: list[BoundStep] = []

        def flush() -> None:
            if native:
                specs = self._specs(native)
                segments.append(_engine.Program(specs, [b.lanes for b in native], self._buffer_bytes))
                native.clear()

        for bound in self.steps:
            if bound.step.verb == "host":
                flush()
                segments.append(None)
            else:
                native.append(bound)
        flush()
        return segments

    def _specs(self, steps: list[BoundStep]) -> list[StepSpec]:
        return [_spec(b.step, b.kernel, self._ref, self.storage) for b in steps]

    def image_bytes(self, key: str, told: Mapping[str, Any]) -> bytes | None:
        """The program as a file that plan/image.py reads, with what else is to be `told` (literals); None for
        one with host steps, or with ports whose dtype another package defines."""
        ports = [self.plan.tensors[i].type.dtype for i in (*self.plan.inputs, *self.plan.outputs)]
        if None in self.segments or any(map(is_added, ports)):
            return None
        note = note_of(self._records(self.plan.inputs), self._records(self.plan.outputs), told)
        lanes = [b.lanes for b in self.steps]
        specs = self._specs(self.steps)
        return _engine.image_bytes(
            key, note, specs, lanes, self._buffer_bytes, self._constants, self._states
        )

    def _records(self, ids: list[int]) -> list[Any]:
        tensors = self.plan.tensors
        return [port_record(tensors[i].name, self._roots[i][0], tensors[i].type) for i in ids]

    def runner(self, threads: int) -> Runner:
        """A new stream of inferences: the engine's Runner, with an arena of its own."""
        host_steps = [b.step for b in self.steps if b.step.verb == "host"]
        host_segments = [i for i, s in enumerate(self.segments) if s is None]
        by_segment = dict(zip(host_segments, host_steps, strict=True))

        def host(segment: int, buffers: list[memoryview]) -> None:
            self._run_host(by_segment[segment], buffers)

        def ports(ids: list[int]) -> list[tuple[str, int, str, tuple[int, ...]]]:
            tensors = self.plan.tensors
            return [
                (tensors[i].name, self._roots[i][0], str(tensors[i].type.dtype), tensors[i].type.shape)
                for i in ids
            ]

        return Runner(
            self.segments,
            self._buffer_bytes,
            self._constants,
            threads,
            ports(self.plan.inputs),
            ports(self.plan.outputs),
            host,
            self._states,
        )

    def _run_host(self, step: Step, buffers: list[memoryview]) -> None:
        assert step.op is not None
        types = [self.plan.tensors[i].type for i in step.inputs]
        results = evaluate(step.op, types, [self.read(i, buffers) for i in step.inputs])
        for i, result in zip(step.outputs, results, strict=True):
            self._view(i, buffers)[...] = self.storage.stored(i, np.asarray(result, order="C"))

    def _view(self, i: int, buffers: list[memoryview]) -> Array:
        """Tensor i as it is stored, over the memory of a run."""
        buffer, offset, row_stride, shape, dtype = self._ref(i)
        size = np.dtype(dtype).itemsize
        strides = [size] * len(shape)
        for d in range(len(shape) - 2, -1, -1):
            strides[d] = row_stride if d == len(shape) - 2 else strides[d + 1] * shape[d + 1]
        return np.ndarray(shape, dtype, buffers[buffer], offset, strides)

    def read(self, i: int, buffers: list[memoryview]) -> Array:
        """A copy of tensor i as the model sees it."""
        t = self.plan.tensors[i]
        if t.root not in self._roots:  # no step writes it: it is empty
            return np.zeros(t.type.shape, t.type.dtype)
        return self.storage.stored(i, np.array(self._view(i, buffers), order="C"))

    def __str__(self) -> str:
        lines = [f"program {self.plan.name}: arena {self.arena.nbytes} bytes"]
        for bound in self.steps:
            step = bound.step
            refs = [self._ref(i) for i in step.outputs]
            where = ", ".join(f"b{b}+{o}/{s} {t}" for b, o, s, _, t in refs)
            lines.append(
                f"  {step.operator:<22} {step.verb + '/' + bound.kernel:<26} lanes {bound.lanes} -> {where}"
                f"    # {step.name}"
            )
        return "\n".join(lines)


def bind(plan: Plan, threads: int, *, share_memory: bool = True) -> Program:
    """The program of a plan on this machine, for runs of up to `threads` threads.

    Without `share_memory` every tensor keeps its bytes until the end of the run, for debuggers.
    Raises ModelError when the arena would exceed EDGERUN_MAX_ARENA_MB.
    """
    plan = replace(plan, tensors=[replace(t) for t in plan.tensors], steps=list(plan.steps))
    external = {*plan.inputs, *plan.outputs}
    storage = Storage(plan.tensors, external, native_storage(_engine.native_unsigned))
    if share_memory:
        _drop_identities(plan, storage, external | {s.tensor for s in plan.states})
    steps = _choose_kernels(plan, storage, threads)
    plan.steps = [b.step for b in steps]
    arena, roots = _lay_out(plan, share_memory)
    return Program(plan, steps, storage, arena, roots)


def _drop_identities(plan: Plan, storage: Storage, external: set[int]) -> None:
    """Removes tables that leave every stored byte as it is, as a change of sign at the border often does:
    their output becomes another name of their input."""
    kept = []
    for step in plan.steps:
        table = step.attributes.get("table")
        if step.verb == "table" and isinstance(table, ByteTable):
            x, y = (plan.tensors[i] for i in (*step.inputs, *step.outputs))
            mine = y.root == step.outputs[0] and y.root not in external and y.data is None
            if mine and x.contiguous and _identity_as_alias(storage, table, x.root in external):
                for t in plan.tensors:
                    if t.root == step.outputs[0]:
                        t.root, t.offset = x.root, t.offset + x.offset
                continue
        kept.append(step)
    plan.steps[:] = kept


def _identity_as_alias(storage: Storage, table: ByteTable, input_is_external: bool) -> bool:
    """Whether the output, stored natively, has the very bytes of the input where it lies now."""
    if input_is_external and storage.dtype(table.input) != storage.dtype(table.output):
        return False
    return np.array_equal(storage.table(table), np.arange(256, dtype=np.uint8))


# -- kernels --


def _choose_kernels(plan: Plan, storage: Storage, threads: int) -> list[BoundStep]:
    cap = best_isa()
    bound: list[BoundStep] = []
    for step in plan.steps:
        if step.verb == "host":
            bound.append(BoundStep(step, "numpy", "", 1))
            continue
        found = _engine.candidates(_spec(step, "", _unplaced(plan, storage), storage, bare=True), cap)
        wanted = _wanted_storage(step, found[0][2], storage)
        converted, step = _convert_inputs(plan, storage, step, wanted)
        bound += [BoundStep(s, _engine_choice(plan, storage, s, cap), "", 1) for s in converted]
        kernel, layout, step = _pack(step, found, storage)
        packed = step.attributes.get("weights")
        weight_bytes = len(packed) if isinstance(packed, _engine.Blob) else 0
        bound.append(BoundStep(step, kernel, layout, _lanes(plan, step, kernel, threads), weight_bytes))
    return bound


_MOVES = {
    *("copy", "gather", "gather_elements", "reduce_int", "resize"),
    *("scatter", "scatter_elements", "select", "top_k"),
}


def _wanted_storage(step: Step, wanted: str, storage: Storage) -> str:
    """What the inputs must be stored as. Verbs that move bytes give their output its input's storage."""
    moves = step.verb in _MOVES
    moves = moves or (step.verb == "pool" and step.attributes["kind"] == "max")
    return str(storage.dtype(step.outputs[0])) if moves else wanted


def _engine_choice(plan: Plan, storage: Storage, step: Step, cap: str) -> str:
    spec = _spec(step, "", _unplaced(plan, storage), storage, bare=True)
    return str(_engine.candidates(spec, cap)[0][0])


def _convert_inputs(
    plan: Plan, storage: Storage, step: Step, wanted: str
) -> tuple[list[Step], Step]:
    """Steps that bring 8-bit inputs into the storage the kernels want, and the step reading their results."""
    made: dict[int, int] = {}
    steps = []
    for i in step.inputs:
        t = plan.tensors[i]
        if wanted == "any" or not t.type.is_8bit or str(storage.dtype(i)) == wanted or i in made:
            continue
        new = len(plan.tensors)
        plan.tensors.append(replace(t, root=new, offset=0, row_stride=t.channels, data=None))
        storage.add_copy(new, np.dtype(wanted))
        made[i] = new
        steps.append(
            Step("table", "Convert", t.name, (i,), (new,), {"table": conversion(t.type, i, new)})
        )
    if not made:
        return [], step
    attributes = {
        k: replace(v, tensor=made.get(v.tensor, v.tensor))
        if isinstance(v, Quantum) and v.tensor not in step.outputs
        else v
        for k, v in step.attributes.items()
    }
    inputs = tuple(made.get(i, i) for i in step.inputs)
    return steps, replace(step, inputs=inputs, attributes=attributes)


def _lanes(plan: Plan, step: Step, kernel: str, threads: int) -> int:
    """Threads for a step: as many as have enough to do to be worth waking."""
    moved = sum(plan.tensors[i].type.nbytes for i in (*step.inputs, *step.outputs))
    rate = _MACS_PER_US.get(kernel, 1e5) / (_DEPTHWISE_SLOWER if step.verb.startswith("dwconv") else 1.0)
    time_us = step.macs / rate + moved / _BYTES_PER_US
    return max(1, min(threads, int(time_us / _LANE_US)))


# Packs of this process by (content, verb, kernel, shape), shared by sessions while any of them is alive.
_packs: weakref.WeakValueDictionary[tuple[str, ...], _engine.Blob] = weakref.WeakValueDictionary()


def _shared_pack(verb: str, kernel: str, values: Array) -> _engine.Blob | None:
    """The engine's packed form of canonical weights; None when the kernel has none for them."""
    digest = hashlib.sha256(np.ascontiguousarray(values).data).hexdigest()
    key = (digest, verb, kernel, str(values.shape), str(values.dtype))
    pack = _packs.get(key)
    if pack is None:
        pack = _engine.pack(verb, kernel, np.ascontiguousarray(values), list(values.shape))
        if pack is not None:
            _packs[key] = pack
    return pack


def _pack(
    step: Step, found: list[tuple[str, str, str]], storage: Storage
) -> tuple[str, str, Step]:
    """The best kernel that can hold the step's weights, and the step with its packed constants."""
    if step.weights is None:
        return found[0][0], found[0][1], step
    values, constants = _CORRECTIONS[step.verb](step, step.weights, storage)
    for kernel, layout, _ in found:
        pack = _shared_pack(step.verb, kernel, values)
        if pack is not None:
            attributes = {**step.attributes, **constants, "weights": pack}
            return kernel, layout, replace(step, attributes=attributes, weights=None)
    raise ModelError(f"No kernel can hold the weights of {step.operator} '{step.name}'.")


def _corrected_bias(bias: Array, zero: int, weight_zero: int, values: Array, axis: tuple[int, ...]) -> Array:
    """bias - zx * sum(w) + k * zx * zw, modulo 2^32: what makes sum(x * w) the sum over x - zx, w - zw."""
    depth = int(np.prod([values.shape[a] for a in axis]))
    sums: npt.NDArray[np.int64] = values.sum(axis=axis, dtype=np.int64)
    total = bias.astype(np.int64) - zero * sums + depth * zero * weight_zero
    return total.astype(np.uint64).astype(np.uint32).view(np.int32)


def _conv_weights(step: Step, weights: Weights, storage: Storage) -> tuple[Array, dict[str, Any]]:
    """int8 weights [n, k], their zero point, and the bias with both zero points folded in."""
    values, weight_zero = _signed_weights(step, weights)
    x_zero = _stored_zero(step, storage)
    bias = _corrected_bias(weights.bias, x_zero, weight_zero, values, (1,))
    return values, {"bias": _engine.Blob(bias), "weight_zero_point": weight_zero}


def _signed_weights(step: Step, weights: Weights) -> tuple[Array, int]:
    """int8 weights [n, k] and the zero point of all of them."""
    w = weights.values
    zero = weights.zero_point.astype(np.int16)
    if w.dtype == INT8 and not zero.any():
        values, weight_zero = w, 0
    else:
        centred = w.astype(np.int16) - zero.reshape(-1, 1)
        if centred.min() >= -128 and centred.max() <= 127:
            values, weight_zero = centred.astype(np.int8), 0
        elif np.unique(zero).size > 1:
            raise QuantizationError(
                f"{step.operator} '{step.name}': weights with a zero point per channel that leave int8."
            )
        else:
            shift = 0 if w.dtype == INT8 else 128
            values, weight_zero = (w.astype(np.int16) - shift).astype(np.int8), int(zero[0]) - shift
    return values, weight_zero


def _dwconv_weights(step: Step, weights: Weights, storage: Storage) -> tuple[Array, dict[str, Any]]:
    """int16 weights [h, w, c] without their zero point, and the corrected bias."""
    values = weights.values.astype(np.int16) - weights.zero_point.astype(np.int16)
    bias = _corrected_bias(weights.bias, _stored_zero(step, storage), 0, values, (0, 1))
    return values, {"bias": _engine.Blob(bias)}


def _float_weights(step: Step, weights: Weights, storage: Storage) -> tuple[Array, dict[str, Any]]:
    return weights.values.astype(np.float32, copy=False), {"bias": _engine.Blob(weights.bias)}


def _hybrid_weights(step: Step, weights: Weights, storage: Storage) -> tuple[Array, dict[str, Any]]:
    """int8 weights [n, k], their zero point and their sums; depthwise ones as float32."""
    values, weight_zero = _signed_weights(step, weights)
    sums = values.sum(axis=1, dtype=np.int32)
    constants = {"weight_sums": _engine.Blob(sums), "weight_zero_point": weight_zero}
    if "weight_scale" in step.attributes:  # else the sums themselves are wanted
        constants["bias"] = _engine.Blob(weights.bias)
    return values, constants


def _dwconv_hybrid_weights(
    step: Step, weights: Weights, storage: Storage
) -> tuple[Array, dict[str, Any]]:
    values = weights.values.astype(np.float32) - weights.zero_point.astype(np.float32)
    return values, {"bias": _engine.Blob(weights.bias)}


def _stored_zero(step: Step, storage: Storage) -> int:
    zero = step.attributes["input_zero_point"]
    assert isinstance(zero, Quantum)
    return storage.quantum(zero)


_CORRECTIONS: Mapping[str, Callable[[Step, Weights, Storage], tuple[Array, dict[str, Any]]]] = {
    "conv": _conv_weights,
    "dwconv": _dwconv_weights,
    "conv_f32": _float_weights,
    "dwconv_f32": _float_weights,
    "conv_hybrid": _hybrid_weights,
    "dwconv_hybrid": _dwconv_hybrid_weights,
}


# -- what the engine is given --

Ref = tuple[int, int, int, tuple[int, ...], str]


def _unplaced(plan: Plan, storage: Storage) -> Callable[[int], Ref]:
    """References before there is an arena: shapes and types are right, places are not."""

    def ref(i: int) -> Ref:
        t = plan.tensors[i]
        return (0, 0, t.row_stride * t.type.dtype.itemsize, t.type.shape, _text(storage.dtype(i)))

    return ref


def _spec(
    step: Step, kernel: str, ref: Callable[[int], Ref], storage: Storage, *, bare: bool = False
) -> StepSpec:
    """A step as the engine reads it; `bare` leaves constants out (candidates do not depend on them)."""
    attributes: dict[str, Any] = {}
    for name, value in step.attributes.items():
        if isinstance(value, Quantum):
            attributes[name] = storage.quantum(value)
        elif isinstance(value, ByteTable):
            if not bare:
                attributes[name] = _engine.Blob(storage.table(value))
        elif isinstance(value, np.ndarray):
            if not bare:
                attributes[name] = _engine.Blob(np.ascontiguousarray(value))
        else:
            attributes[name] = value
    return {
        "verb": step.verb,
        "kernel": kernel,
        "inputs": [ref(i) for i in step.inputs],
        "outputs": [ref(i) for i in step.outputs],
        "attributes": attributes,
    }


# -- memory --


def _lay_out(plan: Plan, share: bool) -> tuple[Arena, dict[int, tuple[int, int]]]:
    """The arena, and (buffer, byte offset) of each tensor that owns memory.

    Buffer 0 is the arena, then come constants, inputs, outputs and states, one buffer each.
    """
    life: dict[int, tuple[int, int]] = {}
    for at, step in enumerate(plan.steps):
        for i in (*step.inputs, *step.outputs):
            root = plan.tensors[i].root
            first, _ = life.get(root, (at, at))
            life[root] = (first, at)
    ports = [*plan.inputs, *plan.outputs, *(s.tensor for s in plan.states)]
    constants = [i for i in life if plan.tensors[i].data is not None]
    owned = [i for i in life if plan.tensors[i].data is None and i not in ports]
    blocks = [Block(plan.tensors[i].name, plan.tensors[i].type.nbytes, *life[i]) for i in owned]
    arena = plan_arena(blocks, share)
    nbytes = arena.nbytes + sum(plan.tensors[i].type.nbytes for i in ports)
    if nbytes > knobs.max_arena_bytes():
        raise ModelError(
            f"{plan.name}: the activations need {nbytes / 2**20:.1f} MB, "
            f"EDGERUN_MAX_ARENA_MB allows {knobs.max_arena_bytes() >> 20}."
        )
    roots = {i: (0, offset) for i, offset in zip(owned, arena.offsets, strict=True)}
    roots |= {i: (1 + n, 0) for n, i in enumerate(constants + ports)}
    return arena, roots
