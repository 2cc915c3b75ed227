"""Recurrent operators. Their states are ordinary inputs and outputs: what one run gives, the next one takes.

In 8 bits they follow TFLite's own arithmetic (contract 4.1.3: see ir/lstm_fixed.py); in floats all sums and
functions are in float64, and states and what is projected are rounded to float32 at every step of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerun.ir import elementary, fixed_point, lstm_fixed
from edgerun.ir.op import Op, expect, quantization_of, supported
from edgerun.ir.sums import as_quantised
from edgerun.ir.types import FLOAT32, INT8, INT16, INT32, Array, Element, Quantization, TensorType

Reals = npt.NDArray[np.float64]
FUNCTIONS = ("none", "relu", "relu_n1_to_1", "relu6", "tanh")


def activate(name: str, x: Reals) -> Reals:
    """A fused activation of a recurrent operator."""
    if name == "tanh":
        return elementary.tanh(x)
    low, high = {"relu": (0.0, np.inf), "relu6": (0.0, 6.0), "relu_n1_to_1": (-1.0, 1.0)}.get(
        name, (-np.inf, np.inf)
    )
    return np.minimum(np.maximum(x, low), high)


def clip(x: Reals, limit: float) -> Reals:
    """x within +-limit, where there is one."""
    return np.clip(x, -limit, limit) if limit > 0 else x


def _wide(array: Array | None) -> Any:
    return None if array is None else array.astype(np.float64)


def _per_step(x: Array, time_major: bool) -> Array:
    """A sequence as [time, batch, channels]; one without time is a single step."""
    if x.ndim == 2:
        return x[np.newaxis]
    return x if time_major else x.swapaxes(0, 1)


def _as_declared(steps: Array, rank: int, time_major: bool) -> Array:
    if rank == 2:
        steps, time_major = steps[0], True
    return np.ascontiguousarray(steps if time_major else steps.swapaxes(0, 1))


def _check_states(name: str, states: Sequence[TensorType], sizes: Sequence[int]) -> None:
    for kind, size in zip(states, sizes, strict=True):
        expect(kind.size == size, f"{name}: the state {kind} should have {size} elements.")


# How an operator of floats with int8 weights quantises what it multiplies with them: by the range of each
# row, without or with a zero point. Its weights are the real ones here.
DYNAMIC = ("none", "symmetric", "asymmetric")


def _seen(x: Array, dynamic: str) -> Reals:
    """What the rows of x count as in a product."""
    if dynamic == "none":
        return x.astype(np.float64)
    return as_quantised(x.astype(np.float32), dynamic == "asymmetric").astype(np.float64)


@dataclass(frozen=True)
class Lstm(Op):
    """x, 24 - 3 constants, h0, c0 -> y, h1, c1: a sequence through a long short-term memory.

    x: [batch, time, n], [time, batch, n] with time_major, or [batch, n]. The constants, in the order of
    the gates input, forget, cell, output, are: 4 input weights [cells, n], 4 recurrent weights [cells, out],
    3 peepholes [cells] (none for the cell gate), 4 biases [cells], the projection [out, cells] and its bias
    [out], 4 coefficients [cells] of layer normalisation. Absent (None) may be: all of the input gate, which
    is then 1 - the forget gate; the peepholes; the projection; the normalisation.

    int8 has an int8 h and an int16 c. `hidden` is the quantisation before the projection, `gate_scales` what
    the gates are scaled with before normalisation; `activation` is that of floats, 8 bits have tanh.
    """

    folds = False
    out: Element
    cell_clip: float = 0.0
    projection_clip: float = 0.0
    time_major: bool = False
    activation: str = "tanh"
    hidden: Quantization | None = None
    gate_scales: tuple[float, float, float, float] = lstm_fixed.GATE_SCALES
    dynamic: str = "none"

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        expect(len(types) == 24, f"Lstm has 24 inputs, got {len(types)}.")
        x, h, c = types[0], types[22], types[23]
        expect(len(x.shape) in (2, 3), f"Lstm: {x} is neither a sequence nor one step.")
        batch = x.shape[1] if self.time_major and len(x.shape) == 3 else x.shape[0]
        cells, outputs = self.sizes(types)
        self._check_constants(types, x.shape[-1], cells, outputs)
        _check_states("Lstm", (h, c), (batch * outputs, batch * cells))
        supported(self.activation in FUNCTIONS, f"Lstm has no activation {self.activation!r}.")
        if x.dtype == INT8:
            lstm_fixed.check(self.hidden, types)
        else:
            supported(
                all(t is None or t.dtype == FLOAT32 for t in types), f"Lstm has no arithmetic for {x}."
            )
        return (TensorType((*x.shape[:-1], outputs), self.out.dtype, self.out.quantization), h, c)

    def sizes(self, types: Sequence[TensorType]) -> tuple[int, int]:
        """The number of cells, and of outputs."""
        for i in (*range(2, 5), *range(6, 9), *range(13, 16)):
            expect(types[i] is not None, f"Lstm: the constant {i} is missing.")
        expect(len(types[8].shape) == 2, f"Lstm: recurrent weights must be a matrix, got {types[8]}.")
        return types[8].shape[0], types[8].shape[1]

    def _check_constants(self, types: Sequence[TensorType], n: int, cells: int, outputs: int) -> None:
        gates = (None, *types[1:22])
        cifg, peephole, norm = types[1] is None, types[11] is not None, types[19] is not None
        shapes: list[tuple[int, ...]] = [(cells, n)] * 4 + [(cells, outputs)] * 4 + [(cells,)] * 7
        shapes += [(outputs, cells), (outputs,)] + [(cells,)] * 4
        for i, shape in enumerate(shapes, start=1):
            t = gates[i]
            expect(t is None or t.shape == shape, f"Lstm: the constant {i} is {t}, expected {shape}.")
        wanted = {1: not cifg, 5: not cifg, 12: not cifg, 9: peephole and not cifg, 10: peephole}
        wanted |= {18: norm and not cifg, 20: norm, 21: norm}
        for i, there in wanted.items():
            expect((gates[i] is not None) == there, f"Lstm: the constant {i} is missing, or one too many.")
        expect(types[16] is not None or (types[17] is None and cells == outputs), "Lstm: no projection.")

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, h, c = arrays[0], arrays[22], arrays[23]
        cells, outputs = self.sizes(types)
        steps = _per_step(x, self.time_major)
        h, c = h.reshape(-1, outputs), c.reshape(-1, cells)
        if types[0].dtype == INT8:
            fixed = lstm_fixed.parameters(types, self.hidden, self.gate_scales)
            clips = lstm_fixed.clips(types, self.cell_clip, self.projection_clip)
            results, h, c = lstm_fixed.run(fixed, clips, steps, arrays[1:22], h, c)
        else:
            results, h, c = self._run_float(steps, arrays[1:22], h, c)
        y = _as_declared(results, x.ndim, self.time_major)
        return y, h.reshape(types[22].shape), c.reshape(types[23].shape)

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        """Functions of sums that squash to 1: an error there is not relative to their result."""
        return tuple(np.maximum(np.abs(y.astype(np.float64)), 1.0) for y in self.eval(types, *arrays))

    def _run_float(
        self, steps: Array, constants: Sequence[Array], h: Array, c: Array
    ) -> tuple[Array, Array, Array]:
        w, r, p = constants[:4], constants[4:8], (*constants[8:10], None, constants[10])
        bias, norm = constants[11:15], constants[17:21]

        def gate(i: int, x: Reals, h: Reals, c: Reals) -> Reals:
            total = x @ _wide(w[i]).T + h @ _wide(r[i]).T
            if p[i] is not None:
                total = total + _wide(p[i]) * c
            if norm[i] is not None:
                centred = total - total.mean(axis=-1, keepdims=True)
                variance = (centred * centred).mean(axis=-1, keepdims=True)
                total = centred / np.sqrt(variance + 1e-8) * _wide(norm[i])
            return total + _wide(bias[i])  # type: ignore[no-any-return]

        results = []
        for step in steps.astype(np.float64):
            old_h, old_c = _seen(h, self.dynamic), c.astype(np.float64)
            step = _seen(step, self.dynamic)
            forget = elementary.logistic(gate(1, step, old_h, old_c))
            update = activate(self.activation, gate(2, step, old_h, old_c))
            admit = 1.0 - forget if w[0] is None else elementary.logistic(gate(0, step, old_h, old_c))
            c = clip(forget * old_c + admit * update, self.cell_clip).astype(np.float32)
            new_c = c.astype(np.float64)
            emit = elementary.logistic(gate(3, step, old_h, new_c))
            h = (emit * activate(self.activation, new_c)).astype(np.float32)
            if constants[15] is not None:
                projected = _seen(h, self.dynamic) @ _wide(constants[15]).T
                if constants[16] is not None:
                    projected = projected + _wide(constants[16])
                h = clip(projected, self.projection_clip).astype(np.float32)
            results.append(h)
        return np.stack(results), h, c


@dataclass(frozen=True)
class Svdf(Op):
    """x [batch, n], features [filters, n], time [filters, memory], optional bias [units], state -> y, state.

    Each filter is a number per run; the state [batch, filters * memory] holds the last `memory` of them,
    newest last. y [batch, units] is their product with `time`, summed over `rank` filters per unit.
    8 bits: an int16 or int8 state with time weights of the same type. `activation` is that of floats: in
    8 bits the limits of the output do it.
    """

    folds = False
    out: Element
    rank: int = 1
    activation: str = "none"
    dynamic: str = "none"

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, features, time, bias, state = types
        expect(
            len(x.shape) == len(features.shape) == len(time.shape) == 2
            and features.shape[1] == x.shape[1]
            and time.shape[0] == features.shape[0]
            and self.rank > 0
            and features.shape[0] % self.rank == 0,
            f"Svdf: {x}, {features} and {time} do not fit together with rank {self.rank}.",
        )
        filters, units = features.shape[0], features.shape[0] // self.rank
        _check_states("Svdf", (state,), (x.shape[0] * filters * time.shape[1],))
        expect(bias is None or bias.size == units, f"Svdf: a bias of {units} is needed, got {bias}.")
        supported(self.activation in FUNCTIONS, f"Svdf has no activation {self.activation!r}.")
        if x.dtype == INT8:
            supported(
                features.dtype == INT8
                and time.dtype == state.dtype
                and time.dtype in (INT8, INT16)
                and self.out.dtype == INT8
                and (bias is None or bias.dtype == INT32),
                f"Svdf has no arithmetic for {x}, {features}, {time} and {state}.",
            )
            for kind in (x, features, time, state):
                supported(quantization_of(kind).per_tensor, f"Svdf needs {kind} per tensor.")
            supported(self.activation in ("none", "relu"), "Svdf has only RELU in 8 bits.")
        else:
            supported(
                all(t is None or t.dtype == FLOAT32 for t in types), f"Svdf has no arithmetic for {x}."
            )
        return (TensorType((x.shape[0], units), self.out.dtype, self.out.quantization), state)

    def multipliers(self, types: Sequence[TensorType]) -> tuple[fixed_point.Multiplier, ...]:
        """From the products of x and features to the state, and from there to the output."""
        x, features, time, state = (np.float64(quantization_of(types[i]).step) for i in (0, 1, 2, 4))
        first = x * features / state
        second = state * time / np.float64(quantization_of(self.out).step)
        return fixed_point.quantize_multiplier(first), fixed_point.quantize_multiplier(second)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, features, time, bias, state = arrays
        filters, memory = time.shape
        old = state.reshape(-1, filters, memory)
        if types[0].dtype == INT8:
            first, second = self.multipliers(types)
            zero = quantization_of(types[4]).zero
            products = (x.astype(np.int64) - quantization_of(types[0]).zero) @ features.T.astype(np.int64)
            newest = fixed_point.multiply(fixed_point.wrap(products, 32), *first) + zero
            newest = fixed_point.saturate(newest, state.dtype.itemsize * 8)
            new = np.concatenate([old[..., 1:], newest[..., np.newaxis].astype(state.dtype)], axis=-1)
            sums: fixed_point.Ints = ((new.astype(np.int64) - zero) * time.astype(np.int64)).sum(axis=-1)
            total = sums.reshape(len(x), -1, self.rank).sum(axis=-1)
            total = fixed_point.wrap(total + (0 if bias is None else bias.astype(np.int64)), 32)
            out = quantization_of(self.out)
            y = fixed_point.multiply(total, *second) + out.zero
            y = fixed_point.saturate(y, 8).astype(np.int8)
        else:
            newest = (_seen(x, self.dynamic) @ _wide(features).T).astype(np.float32)
            new = np.concatenate([old[..., 1:], newest[..., np.newaxis]], axis=-1)
            real = (new.astype(np.float64) * _wide(time)).sum(axis=-1)
            real = real.reshape(len(x), -1, self.rank).sum(axis=-1)
            y = activate(self.activation, real + (0.0 if bias is None else _wide(bias))).astype(np.float32)
        return y, new.reshape(state.shape)

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        absolute = tuple(None if a is None else np.abs(a) for a in arrays)
        results = Svdf(self.out, self.rank).eval(types, *absolute)
        return tuple(np.maximum(y.astype(np.float64), 1e-6) for y in results)


@dataclass(frozen=True)
class Rnn(Op):
    """x, weights [units, n], recurrent weights [units, units], bias [units], h0 -> y, h1: float32.

    h = activation(W x + R h + b) for every step of x, which is as Lstm's.
    """

    folds = False
    out: Element
    time_major: bool = False
    activation: str = "tanh"
    dynamic: str = "none"

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, w, r, bias, h = types
        supported(all(t.dtype == FLOAT32 for t in types), f"Rnn has no arithmetic for {x} and {w}.")
        expect(len(x.shape) in (2, 3), f"Rnn: {x} is neither a sequence nor one step.")
        batch = x.shape[1] if self.time_major and len(x.shape) == 3 else x.shape[0]
        units = w.shape[0]
        expect(
            w.shape == (units, x.shape[-1]) and r.shape == (units, units) and bias.shape == (units,),
            f"Rnn: {w}, {r} and {bias} do not fit {x}.",
        )
        _check_states("Rnn", (h,), (batch * units,))
        supported(self.activation in FUNCTIONS, f"Rnn has no activation {self.activation!r}.")
        return (TensorType((*x.shape[:-1], units), self.out.dtype), h)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, w, r, bias, h = arrays
        h, results = h.reshape(-1, w.shape[0]), []
        for step in _per_step(x, self.time_major).astype(np.float64):
            products = _seen(step, self.dynamic) @ _wide(w).T + _seen(h, self.dynamic) @ _wide(r).T
            total = products + _wide(bias)
            h = activate(self.activation, total).astype(np.float32)
            results.append(h)
        y = _as_declared(np.stack(results), x.ndim, self.time_major)
        return y, h.reshape(types[4].shape)

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return tuple(np.maximum(np.abs(y.astype(np.float64)), 1.0) for y in self.eval(types, *arrays))
