"""Recurrent layers as ONNX writes them: gated recurrent units, and a general layer for rare variants.

Formulas: the operators GRU, LSTM and RNN in ONNX's documentation. Sums and functions are in float64; states
are rounded to float32 at every step of time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgerun.ir import elementary
from edgerun.ir.op import Op, expect, supported
from edgerun.ir.types import FLOAT32, Array, TensorType

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Gru(Op):
    """x [time, batch, n], weights [3 units, n], recurrent weights [3 units, units], bias and recurrent bias
    [3 units], h [batch, units] -> y [time, batch, units], h; the gates are update, reset, candidate."""

    folds = False
    linear_before_reset: bool = False

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, w, r, bias, recurrent_bias, h = types
        supported(all(t.dtype == FLOAT32 for t in types), f"Gru has no arithmetic for {x} and {w}.")
        units = r.shape[-1] if r.shape else 0
        expect(
            len(x.shape) == 3
            and w.shape == (3 * units, x.shape[2])
            and r.shape == (3 * units, units)
            and bias.shape == recurrent_bias.shape == (3 * units,)
            and h.size == x.shape[1] * units,
            f"Gru: {w}, {r}, {bias}, {recurrent_bias} and {h} do not fit {x}.",
        )
        return x.with_shape((*x.shape[:2], units)), h

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, w, r, bias, recurrent_bias, state = (a.astype(np.float64) for a in arrays)
        units = r.shape[1]
        h, results = state.reshape(-1, units), []
        for step in x:
            of_x = step @ w.T + bias
            gates = elementary.logistic(
                of_x[:, : 2 * units] + h @ r[: 2 * units].T + recurrent_bias[: 2 * units]
            )
            update, reset = gates[:, :units], gates[:, units:]
            seen = h if self.linear_before_reset else (reset * h).astype(np.float32).astype(np.float64)
            of_h = seen @ r[2 * units :].T + recurrent_bias[2 * units :]
            fresh = elementary.tanh(
                of_x[:, 2 * units :] + (reset * of_h if self.linear_before_reset else of_h)
            )
            h = ((1 - update) * fresh + update * h).astype(np.float32).astype(np.float64)
            results.append(h)
        y = np.stack(results).astype(np.float32)
        return y, h.astype(np.float32).reshape(types[5].shape)

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return tuple(np.maximum(np.abs(y.astype(np.float64)), 1.0) for y in self.eval(types, *arrays))


# What ONNX has for gates and states, with the values of alpha and beta that it takes where none is given.
ACTIVATIONS: dict[str, tuple[Callable[[Reals, float, float], Reals], float, float]] = {
    "relu": (lambda x, a, b: np.maximum(x, 0), 0.0, 0.0),
    "tanh": (lambda x, a, b: elementary.tanh(x), 0.0, 0.0),
    "sigmoid": (lambda x, a, b: elementary.logistic(x), 0.0, 0.0),
    "affine": (lambda x, a, b: a * x + b, 1.0, 0.0),
    "leakyrelu": (lambda x, a, b: np.where(x < 0, a * x, x), 0.01, 0.0),
    "thresholdedrelu": (lambda x, a, b: np.where(x >= a, x, 0), 1.0, 0.0),
    "scaledtanh": (lambda x, a, b: a * elementary.tanh(b * x), 1.0, 1.0),
    "hardsigmoid": (lambda x, a, b: np.clip(a * x + b, 0, 1), 0.2, 0.5),
    "elu": (lambda x, a, b: np.where(x < 0, a * elementary.expm1(x), x), 1.0, 0.0),
    "softsign": (lambda x, a, b: x / (1 + np.abs(x)), 0.0, 0.0),
    "softplus": (lambda x, a, b: np.maximum(x, 0) + elementary.log(1 + elementary.exp(-np.abs(x))), 0.0, 0.0),
}
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
Activation = tuple[str, float, float]  # name, alpha, beta


@dataclass(frozen=True)
class RecurrentLayer(Op):
    """x [time, batch, n], w [gates * units, n], r [gates * units, units], bias [2 * gates * units], lengths
    [batch], h [batch, units], c [batch, units], peephole [3 * units] -> y [time, batch, units], h, c.

    Bias, lengths and peephole may be absent; c is absent, and no result, unless the kind is LSTM. Gates are
    in the order of ONNX: update, reset, hidden, or input, output, forget, cell. What lies beyond its length
    in a sequence gives zeros.
    """

    folds = False
    kind: str
    activations: tuple[Activation, ...]
    clip: float = 0.0
    reverse: bool = False
    input_forget: bool = False
    linear_before_reset: bool = False

    def infer(self, *types: TensorType | None) -> tuple[TensorType, ...]:
        x, w, r, bias, lengths, h, c, peephole = types
        assert x is not None
        assert w is not None
        assert r is not None
        assert h is not None
        kinds = [t for i, t in enumerate(types) if t is not None and i != 4]
        supported(all(t.dtype == FLOAT32 for t in kinds), f"{self.kind} has no arithmetic for {x}.")
        units, gates = (r.shape[-1] if r.shape else 0), GATES[self.kind]
        sizes = [(bias, 2 * gates * units), (lengths, x.shape[1]), (peephole, 3 * units)]
        sizes += [(h, x.shape[1] * units), (c, x.shape[1] * units)]
        expect(
            len(x.shape) == 3
            and w.shape == (gates * units, x.shape[2])
            and r.shape == (gates * units, units)
            and all(t is None or t.size == size for t, size in sizes),
            f"{self.kind}: its operands {', '.join(map(str, kinds))} do not fit each other.",
        )
        states = (h, c) if c is not None else (h,)
        return (x.with_shape((*x.shape[:2], units)), *states)

    def _apply(self, which: int, x: Reals) -> Reals:
        name, alpha, beta = self.activations[which]
        return ACTIVATIONS[name][0](np.clip(x, -self.clip, self.clip) if self.clip > 0 else x, alpha, beta)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, lengths, states = arrays[0], arrays[4], arrays[5:7]
        time, batch = x.shape[:2]
        w, r = (a.astype(np.float64) for a in arrays[1:3])
        units = r.shape[1]
        bias = np.zeros(2 * len(w)) if arrays[3] is None else arrays[3].astype(np.float64).reshape(-1)
        peephole = np.zeros(3 * units) if arrays[7] is None else arrays[7].astype(np.float64).reshape(-1)
        ends = np.full(batch, time) if lengths is None else np.clip(lengths.astype(np.int64), 0, time)
        h, c = (None if s is None else s.astype(np.float64).reshape(batch, units) for s in states)
        assert h is not None
        y = np.zeros((time, batch, units), np.float32)
        for t in range(time)[:: -1 if self.reverse else 1]:
            new_h, new_c = self._step(x[t].astype(np.float64), h, c, w, r, bias, peephole)
            live = (t < ends)[:, None]
            h = np.where(live, new_h.astype(np.float32), h).astype(np.float64)
            if c is not None and new_c is not None:
                c = np.where(live, new_c.astype(np.float32), c).astype(np.float64)
            y[t] = np.where(live, h, 0)
        finals = [s for s in (h, c) if s is not None]
        kinds = [t for t in types[5:7] if t is not None]
        shaped = (s.astype(np.float32).reshape(t.shape) for s, t in zip(finals, kinds, strict=True))
        return (y, *shaped)

    def _step(
        self, x: Reals, h: Reals, c: Reals | None, w: Reals, r: Reals, bias: Reals, peephole: Reals
    ) -> tuple[Reals, Reals | None]:
        n = len(w)
        of_x, units = x @ w.T + bias[:n], r.shape[1]
        if self.kind == "RNN":
            return self._apply(0, of_x + h @ r.T + bias[n:]), None
        if self.kind == "GRU":
            update, reset = np.split(self._apply(0, (of_x + h @ r.T + bias[n:])[:, : 2 * units]), 2, axis=1)
            seen = h if self.linear_before_reset else reset * h
            of_h = seen @ r[2 * units :].T + bias[n + 2 * units :]
            if self.linear_before_reset:
                of_h = reset * of_h
            return (1 - update) * self._apply(1, of_x[:, 2 * units :] + of_h) + update * h, None
        assert c is not None
        admit, emit, forget, cell = np.split(of_x + h @ r.T + bias[n:], 4, axis=1)
        of_admit, of_emit, of_forget = np.split(peephole, 3)
        admit = self._apply(0, admit + of_admit * c)
        forget = 1 - admit if self.input_forget else self._apply(0, forget + of_forget * c)
        new = forget * c + admit * self._apply(1, cell)
        name, alpha, beta = self.activations[2]  # the state is not clipped, as in ONNX Runtime
        return self._apply(0, emit + of_emit * new) * ACTIVATIONS[name][0](new, alpha, beta), new

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return tuple(np.maximum(np.abs(y.astype(np.float64)), 1.0) for y in self.eval(types, *arrays))
