"""The arithmetic of TFLite's 8-bit LSTM, bit for bit: int8 values, an int16 cell, gates of 16 bits.

Before its function a gate has 12 fractional bits; afterwards all 15 bits are fractional. Gates are numbered
input, forget, cell, output. One thing is other than there: TFLite applies peepholes to as many cells as there
are outputs, which with a projection is not all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgerun.ir import fixed_point
from edgerun.ir.fixed_point import Ints, Multiplier
from edgerun.ir.op import expect, quantization_of, supported
from edgerun.ir.types import INT8, INT16, INT32, Array, Quantization, TensorType

GATE_SCALES = (2.0**-12,) * 4
_NONE: Multiplier = (0, 0)


@dataclass(frozen=True)
class Parameters:
    """Multipliers per gate, and of the outputs; absent ones are (0, 0)."""

    input: tuple[Multiplier, ...]
    recurrent: tuple[Multiplier, ...]
    peephole: tuple[Multiplier, ...]
    norm: tuple[Multiplier, ...]
    norm_guard: tuple[int, ...]  # the least variance
    hidden: Multiplier
    projection: Multiplier
    x_zero: int
    hidden_zero: int
    h_zero: int
    cell_exponent: int  # the cell's scale is 2^cell_exponent


def check(hidden: Quantization | None, types: Sequence[TensorType]) -> None:
    """Raises unless the types are those of the 8-bit LSTM with a 16-bit cell."""
    x, h, c = types[0], types[22], types[23]
    wanted = {INT8: (*range(1, 9), 16), INT16: (*range(9, 12), *range(18, 22)), INT32: (*range(12, 16), 17)}
    supported(
        h.dtype == INT8
        and c.dtype == INT16
        and all(types[i] is None or types[i].dtype == d for d, places in wanted.items() for i in places),
        f"Lstm has no arithmetic for {x}, {h} and {c} with these constants.",
    )
    for kind in (x, h, c, *(types[i] for d in (INT8, INT16) for i in wanted[d])):
        supported(kind is None or quantization_of(kind).per_tensor, f"Lstm needs {kind} per tensor.")
    expect(hidden is not None and hidden.per_tensor, "Lstm: the quantisation of its hidden value is missing.")
    fraction, exponent = math.frexp(quantization_of(c).step)
    supported(
        fraction == 0.5 and -15 <= exponent - 1 <= -9,
        f"Lstm needs a cell whose scale is a power of two from 2^-15 to 2^-9, got {c}.",
    )


def _step(kind: TensorType) -> np.float32:
    return quantization_of(kind).scale[0]  # type: ignore[no-any-return]


def parameters(
    types: Sequence[TensorType], hidden: Quantization | None, gate_scales: Sequence[float]
) -> Parameters:
    """What the scales say, in TFLite's own float32 steps."""
    assert hidden is not None
    x, h, c = types[0], types[22], types[23]
    norm_types = types[18:22]
    gates = [np.float32(s) for s in (gate_scales if norm_types[1] is not None else GATE_SCALES)]
    exponent = math.frexp(quantization_of(c).step)[1] - 1

    def multiplier(kind: TensorType | None, by: np.float32, gate: np.float32) -> Multiplier:
        return _NONE if kind is None else fixed_point.quantize_multiplier(float(_step(kind) * by / gate))

    def each(kinds: Sequence[TensorType | None], by: np.float32) -> tuple[Multiplier, ...]:
        return tuple(multiplier(k, by, g) for k, g in zip(kinds, gates, strict=True))

    hidden_step = hidden.scale[0]
    one = np.float32(1)
    return Parameters(
        each(types[1:5], _step(x)),
        each(types[5:9], _step(h)),
        each((*types[9:11], None, types[11]), np.float32(2.0**exponent)),
        tuple(multiplier(k, one, one) for k in norm_types),
        tuple(0 if k is None else max(1, int(np.float32(10000) * _step(k))) for k in norm_types),
        fixed_point.quantize_multiplier(float(np.float32(2.0**-15) / hidden_step * np.float32(2.0**-15))),
        multiplier(types[16], hidden_step, _step(h)),
        quantization_of(x).zero,
        hidden.zero,
        quantization_of(h).zero,
        exponent,
    )


def clips(types: Sequence[TensorType], cell: float, projection: float) -> tuple[int, int]:
    """The limits of the cell and of the projection in quanta; 0: none."""

    def quanta(limit: float, kind: TensorType, bits: int) -> int:
        most = (1 << (bits - 1)) - 1
        return int(min(np.float32(limit) / _step(kind), np.float32(most))) if limit > 0 else 0

    return quanta(cell, types[23], 16), quanta(projection, types[22], 8)


def bias_of(weights: Array, zero: int, bias: Array | None) -> Ints:
    """bias - zero * sum(weights), which makes W q + bias the sum over q - zero."""
    sums: Ints = weights.astype(np.int64).sum(axis=-1) * zero
    total: Ints = -sums if bias is None else bias.astype(np.int64) - sums
    return total


def _accumulate(y: Ints, x: Ints, weights: Array, bias: Ints, by: Multiplier, bits: int, zero: int) -> Ints:
    acc = fixed_point.wrap(x @ weights.T.astype(np.int64) + bias, 32)
    return fixed_point.saturate(fixed_point.multiply(acc, *by) + zero + y, bits)


def _truncated(x: Ints, divisor: int) -> Ints:
    """C's division."""
    quotient: Ints = np.sign(x) * (np.abs(x) // divisor)
    return quotient


def normalize(gate: Ints, coefficients: Array, bias: Array, by: Multiplier, guard: int) -> Ints:
    """Each row of `gate`, less its mean, over its deviation, times the coefficients, plus the bias."""
    n = gate.shape[-1]
    result = np.empty_like(gate)
    for i, row in enumerate(gate):
        mean = _truncated(row.sum() * 1024, n)
        variance = int(_truncated((row * row).sum() * ((1 << 20) // n) - mean * mean, 1 << 20))
        root = fixed_point.inverse_square_root(variance if variance >= 1 else guard)
        scaled = fixed_point.multiply(1024 * row - mean, *root)
        scaled = fixed_point.wrap(scaled * coefficients.astype(np.int64) + bias.astype(np.int64), 32)
        scaled = _truncated(scaled + np.where(scaled > 0, 512, -512), 1024)
        result[i] = fixed_point.saturate(fixed_point.multiply(scaled, by[0], by[1] + 12), 16)
    return result


def run(
    fixed: Parameters, limits: tuple[int, int], steps: Array, constants: Sequence[Array], h: Array, c: Array
) -> tuple[Array, Array, Array]:
    """The outputs of all steps [time, batch, out], and the states behind the last one."""
    w, r, p = constants[:4], constants[4:8], (*constants[8:10], None, constants[10])
    bias, (projection, projection_bias), norm = constants[11:15], constants[15:17], constants[17:21]
    cell_clip, projection_clip = limits
    plain = norm[1] is None
    present = [i for i in range(4) if w[i] is not None]
    input_bias = {i: bias_of(w[i], fixed.x_zero, bias[i] if plain else None) for i in present}
    recurrent_bias = {i: bias_of(r[i], fixed.h_zero, None) for i in present}

    def gate(i: int, x: Ints, h: Ints, c: Ints) -> Ints:
        total = np.zeros((len(x), len(w[i])), np.int64)
        total = _accumulate(total, x, w[i], input_bias[i], fixed.input[i], 16, 0)
        total = _accumulate(total, h, r[i], recurrent_bias[i], fixed.recurrent[i], 16, 0)
        peephole = p[i]
        if peephole is not None:
            through = fixed_point.multiply(peephole.astype(np.int64) * c, *fixed.peephole[i])
            total = fixed_point.saturate(total + through, 16)
        if not plain:
            total = normalize(total, norm[i], bias[i], fixed.norm[i], fixed.norm_guard[i])
        return fixed_point.tanh(total, 3) if i == 2 else fixed_point.logistic(total, 3)

    hs, cs, results = h.astype(np.int64), c.astype(np.int64), []
    for x in steps.astype(np.int64):
        forget, update = gate(1, x, hs, cs), gate(2, x, hs, cs)
        admit = 32767 - forget if w[0] is None else gate(0, x, hs, cs)
        kept = fixed_point.rounding_divide(forget * cs, 15)
        added = fixed_point.rounding_divide(admit * update, 30 + fixed.cell_exponent)
        cs = fixed_point.saturate(kept + fixed_point.wrap(added, 16), 16)
        if cell_clip > 0:
            cs = np.clip(cs, -cell_clip, cell_clip)
        emit = gate(3, x, hs, cs)
        squashed = fixed_point.tanh(cs, 15 + fixed.cell_exponent)
        hidden = fixed_point.multiply(emit * squashed, *fixed.hidden)
        hs = fixed_point.saturate(hidden + fixed.hidden_zero, 8)
        if projection is not None:
            start = bias_of(projection, fixed.hidden_zero, projection_bias)
            nothing = np.zeros((len(x), len(projection)), np.int64)
            hs = _accumulate(nothing, hs, projection, start, fixed.projection, 8, fixed.h_zero)
            if projection_clip > 0:
                hs = np.clip(hs, -projection_clip, projection_clip)
        results.append(hs.astype(np.int8))
    return np.stack(results), hs.astype(np.int8), cs.astype(np.int16)
