"""The audio front end of TFLite Micro: what turns samples into features, in its own integer arithmetic.

The custom operators Signal* of tflite-micro (signal/micro/kernels), bit for bit: C's widths, shifts and
wrap-around included. csrc/ops/signal_*.cc have the same arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgerun.ir.fft import FixedFft, is_length
from edgerun.ir.op import Op, expect, supported
from edgerun.ir.types import FLOAT32, INT16, INT32, UINT32, UINT64, Array, TensorType

_MASK32, _MASK64 = (1 << 32) - 1, (1 << 64) - 1


def _wrap16(values: Array) -> Array:
    """int64 -> int16 modulo 2^16."""
    return values.astype(np.uint64).astype(np.uint16).view(np.int16)


def _expect_types(op: Op, types: Sequence[TensorType], *dtypes: np.dtype[np.generic]) -> None:
    for kind, dtype in zip(types, dtypes, strict=True):
        expect(kind.dtype == dtype, f"{op.name} needs {', '.join(map(str, dtypes))}, got {kind}.")


def _expect_vector(op: Op, kind: TensorType) -> int:
    expect(len(kind.shape) == 1, f"{op.name} needs a vector, got {kind}.")
    return kind.shape[0]


def _expect_bits(op: Op, bits: int, below: int) -> None:
    expect(0 <= bits < below, f"{op} shifts by a number of bits that is not from 0 to {below - 1}.")


@dataclass(frozen=True)
class SignalWindow(Op):
    """x [..., n], weights [n] -> x * weights >> shift, saturated; all int16."""

    shift: int

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, weights = types
        _expect_types(self, types, INT16, INT16)
        _expect_vector(self, weights)
        expect(x.shape[-1:] == weights.shape, f"{self.name}: {x} and {weights} have different lengths.")
        _expect_bits(self, self.shift, 32)
        return (TensorType(x.shape, INT16),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, weights = (a.astype(np.int32) for a in arrays)
        return (np.clip(x * weights >> self.shift, -32768, 32767).astype(np.int16),)


@dataclass(frozen=True)
class SignalFftAutoScale(Op):
    """x int16 [n] -> x << bits, bits int32 scalar: as many as the largest magnitude leaves free."""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        _expect_types(self, types, INT16)
        _expect_vector(self, types[0])
        return TensorType(types[0].shape, INT16), TensorType((), INT32)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        largest = 0
        for value in arrays[0].tolist():
            if value > largest:
                largest = value
            elif -value > largest:
                largest = -value if value != -32768 else value  # 32768 does not fit int16
        # Of nothing, and of what is below zero as that -32768 is, all 32 bits count as used.
        bits = max(0, 15 - largest.bit_length()) if largest > 0 else 0
        return _wrap16(arrays[0].astype(np.int64) << bits), np.array(bits, np.int32)


@dataclass(frozen=True)
class _Transform(Op, abstract=True):
    fft_length: int
    dtype: str

    def _check(self, x: TensorType) -> None:
        expect(x.dtype == np.dtype(self.dtype) and x.shape != (), f"{self} does not fit {x}.")
        message = f"{self} has a length that is not twice a product of 2, 3 and 5."
        supported(is_length(self.fft_length), message)

    @property
    def bins(self) -> int:
        return self.fft_length // 2 + 1


@dataclass(frozen=True)
class SignalRfft(_Transform):
    """x [..., n], zeros behind it up to fft_length -> spectrum [..., 2 * bins], pairs of real and imaginary
    part; int16 and int32 divided by fft_length, in kissfft's arithmetic; or float32, not divided."""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x = types[0]
        self._check(x)
        expect(x.shape[-1] <= self.fft_length, f"{self} does not fit {x}.")
        return (x.with_shape((*x.shape[:-1], 2 * self.bins)),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x = arrays[0].reshape(-1, arrays[0].shape[-1])
        x = np.pad(x, ((0, 0), (0, self.fft_length - x.shape[1])))
        if x.dtype == FLOAT32:
            spectrum = np.fft.rfft(x.astype(np.float64))
            y: Array = np.stack([spectrum.real, spectrum.imag], axis=-1).astype(np.float32)
        else:
            y = FixedFft(self.fft_length, self.dtype).rfft(x)
        return (y.reshape(self.infer(*types)[0].shape),)

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        total = np.abs(arrays[0].astype(np.float64)).sum(axis=-1, keepdims=True)
        return (np.broadcast_to(np.maximum(total, 1e-6), self.infer(*types)[0].shape),)


@dataclass(frozen=True)
class SignalIrfft(_Transform):
    """spectrum [..., 2 * bins], pairs of real and imaginary part -> x [..., fft_length]; int16 and int32
    in kissfft's arithmetic, or float32: 1 / fft_length times the sum, as the integers are."""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x = types[0]
        self._check(x)
        expect(x.shape[-1] == 2 * self.bins, f"{self} does not fit {x}.")
        return (x.with_shape((*x.shape[:-1], self.fft_length)),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x = arrays[0].reshape(-1, self.bins, 2)
        if x.dtype == FLOAT32:
            wide = x.astype(np.float64)
            y: Array = np.fft.irfft(wide[..., 0] + 1j * wide[..., 1], self.fft_length).astype(np.float32)
        else:
            y = FixedFft(self.fft_length, self.dtype, inverse=True).irfft(x)
        return (y.reshape(self.infer(*types)[0].shape),)

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        total = np.abs(arrays[0].astype(np.float64)).sum(axis=-1, keepdims=True) * 2 / self.fft_length
        return (np.broadcast_to(np.maximum(total, 1e-6), self.infer(*types)[0].shape),)


@dataclass(frozen=True)
class SignalEnergy(Op):
    """spectrum int16 [2 * n] -> real^2 + imaginary^2 as uint32 [n], of the bins from start to end; the
    others, which TFLite Micro does not write, are 0."""

    start: int
    end: int

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        _expect_types(self, types, INT16)
        n, odd = divmod(_expect_vector(self, types[0]), 2)
        expect(not odd and 0 <= self.start <= self.end <= n, f"{self} does not fit {types[0]}.")
        return (TensorType((n,), UINT32),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        energy = (arrays[0].astype(np.int64).reshape(-1, 2) ** 2).sum(axis=1)
        energy[: self.start] = energy[self.end :] = 0
        return (energy.astype(np.uint32),)


@dataclass(frozen=True)
class SignalFilterBank(Op):
    """energy uint32 [n], weights and unweights int16 [m], frequency_starts, weight_starts and widths int16
    [num_channels + 1] -> uint64 [num_channels].

    Each band adds its weighted energies to its channel and its unweighted ones to the next: the triangles
    of a mel filter bank. The first band has no channel of its own. Modulo 2^64.
    """

    num_channels: int

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        _expect_types(self, types, UINT32, *[INT16] * 5)
        for kind in types:
            _expect_vector(self, kind)
        bands = {kind.shape for kind in types[3:]}
        expect(
            self.num_channels > 0
            and bands == {(self.num_channels + 1,)}
            and types[1].shape == types[2].shape,
            f"{self} does not fit {', '.join(map(str, types))}.",
        )
        return (TensorType((self.num_channels,), UINT64),)

    def bands(self, types: Sequence[TensorType], *arrays: Array) -> list[tuple[int, int, int]]:
        """(frequency_start, weight_start, width) of each band; ModelError for one outside its tensors.
        arrays: the last three operands."""
        bands = list(zip(*(a.tolist() for a in arrays), strict=True))
        for frequency, weight, width in bands:
            expect(
                width >= 0
                and 0 <= frequency <= types[0].shape[0] - width
                and 0 <= weight <= types[1].shape[0] - width,
                f"{self.name}: a band of {width} from frequency {frequency} and weight {weight} on does not "
                f"fit {types[0].shape[0]} frequencies and {types[1].shape[0]} weights.",
            )
        return bands

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        energy, weights, unweights = (a.astype(np.int64).tolist() for a in arrays[:3])
        sums, carried = [], 0
        for frequency, weight, width in self.bands(types, *arrays[3:]):
            total, carried = carried, 0
            for i in range(width):
                total += weights[weight + i] * energy[frequency + i]
                carried += unweights[weight + i] * energy[frequency + i]
            sums.append(total & _MASK64)
        return (np.array(sums[1:], np.uint64),)


@dataclass(frozen=True)
class SignalFilterBankSquareRoot(Op):
    """x uint64 [n], bits int32 scalar -> round(sqrt(x)) >> bits as uint32 [n].

    Rounded up only as far as 65535 below 2^32 and 2^32 - 1 from there on; bits modulo 32.
    """

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        _expect_types(self, types, UINT64, INT32)
        _expect_vector(self, types[0])
        expect(types[1].shape == (), f"{self.name} needs a scalar of bits, got {types[1]}.")
        return (TensorType(types[0].shape, UINT32),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        def root(x: int) -> int:
            down = math.isqrt(x)
            top = (1 << (16 if x <= _MASK32 else 32)) - 1
            return down + (x - down * down > down and down != top)

        roots = [root(x) >> (int(arrays[1]) & 31) for x in arrays[0].tolist()]
        return (np.array(roots, np.uint32),)


@dataclass(frozen=True)
class SignalFilterBankSpectralSubtraction(Op):
    """x, noise uint32 [num_channels] -> x less the noise, the noise of this run, and that again as the
    operand of the next run; it is 0 at first.

    noise' = smoothing * x + one_minus_smoothing * noise, with the alternate factors in odd channels, as
    numbers with spectral_subtraction_bits behind the point; x has smoothing_bits more in it. At least
    min_signal_remaining of x is left. clamping: noise' is at most x.
    """

    num_channels: int
    smoothing: int
    one_minus_smoothing: int
    alternate_smoothing: int
    alternate_one_minus_smoothing: int
    min_signal_remaining: int
    smoothing_bits: int
    spectral_subtraction_bits: int
    clamping: bool

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        _expect_types(self, types, UINT32, UINT32)
        shape = (self.num_channels,)
        expect(types[0].shape == shape == types[1].shape, f"{self} does not fit {types[0]} and {types[1]}.")
        _expect_bits(self, self.smoothing_bits, 32)
        _expect_bits(self, self.spectral_subtraction_bits, 64)
        return (TensorType(shape, UINT32),) * 3

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        smoothing = (self.smoothing & _MASK32, self.alternate_smoothing & _MASK32)
        keeping = (self.one_minus_smoothing & _MASK32, self.alternate_one_minus_smoothing & _MASK32)
        bits, least = self.spectral_subtraction_bits, self.min_signal_remaining & _MASK32
        outputs, noises = [], []
        for i, (x, noise) in enumerate(zip(arrays[0].tolist(), arrays[1].tolist(), strict=True)):
            signal = x << self.smoothing_bits & _MASK32
            noise = (signal * smoothing[i % 2] + noise * keeping[i % 2] & _MASK64) >> bits & _MASK32
            estimate = min(noise, signal)
            noises.append(estimate if self.clamping else noise)
            outputs.append(max((signal - estimate) >> self.smoothing_bits, x * least >> bits & _MASK32))
        estimated = np.array(noises, np.uint32)
        return np.array(outputs, np.uint32), estimated, estimated


PCAN_TABLE = 125  # entries: 2, then 4 for each of 31 powers of two, of which the last is not used
_SNR_BITS, _PCAN_BITS = 12, 6


@dataclass(frozen=True)
class SignalPCAN(Op):
    """Per-channel amplitude normalisation. x, noise uint32 [n], gains int16 [125] -> uint32 [n]:
    shrink(x * gain(noise) >> snr_shift); gain is piecewise quadratic over powers of two, shrink(s) is
    s^2 / 4 below 2 and s - 1 above, of 12 bits behind the point and with 6."""

    snr_shift: int

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        _expect_types(self, types, UINT32, UINT32, INT16)
        _expect_vector(self, types[0])
        gains = _expect_vector(self, types[2])
        expect(
            types[0].shape == types[1].shape and gains >= PCAN_TABLE,
            f"{self.name}: {', '.join(map(str, types))} do not fit.",
        )
        _expect_bits(self, self.snr_shift, 64)
        return (types[0],)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        gains = arrays[2].tolist()

        def gain(x: int) -> int:
            if x <= 2:
                return int(gains[x])
            interval = x.bit_length()
            a, b, c = gains[4 * interval - 6 : 4 * interval - 3]
            fraction = (x << 11 >> interval) & 0x3FF
            y = ((c * fraction >> 5) + (b << 5)) * fraction
            y = (y + (1 << 14) + (1 << 31) & _MASK32) - (1 << 31)
            result: int = ((y >> 15) + a + (1 << 15) & 0xFFFF) - (1 << 15)
            return result

        def shrink(s: int) -> int:
            if s < 2 << _SNR_BITS:
                return s * s >> (2 + 2 * _SNR_BITS - _PCAN_BITS)
            return (s >> (_SNR_BITS - _PCAN_BITS)) - (1 << _PCAN_BITS)

        pairs = zip(arrays[0].tolist(), arrays[1].tolist(), strict=True)
        ratios = [(x * (gain(noise) & _MASK32) >> self.snr_shift) & _MASK32 for x, noise in pairs]
        return (np.array([shrink(s) for s in ratios], np.uint32),)


# How far log2(1 + i / 128) is above i / 128, in 1 / 65536; no entry is near a tie of the rounding.
LOG_TABLE = tuple(round(65536 * (math.log2(1 + i / 128) - i / 128)) for i in range(129))
_LN_2 = 45426  # in 1 / 65536


@dataclass(frozen=True)
class SignalFilterBankLog(Op):
    """x uint32 [n] -> ln(x << input_correction_bits) * output_scale as int16 [n], saturated; 0 up to 1."""

    output_scale: int
    input_correction_bits: int

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        _expect_types(self, types, UINT32)
        _expect_vector(self, types[0])
        _expect_bits(self, self.input_correction_bits, 32)
        return (TensorType(types[0].shape, INT16),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        def log(x: int) -> int:
            if x <= 1:
                return 0
            integer = x.bit_length() - 1
            fraction = (x << 16 >> integer) & 0xFFFF
            segment = fraction >> 9
            low, high = LOG_TABLE[segment : segment + 2]
            fraction += low + ((high - low) * (fraction & 511) >> 16)
            natural = (_LN_2 * ((integer << 16) + fraction) + 32768) >> 16
            scaled: int = (self.output_scale * natural + 32768 & _MASK32) >> 16
            return min(scaled, 32767)

        logs = [log(x << self.input_correction_bits & _MASK32) for x in arrays[0].tolist()]
        return (np.array(logs, np.int16),)
