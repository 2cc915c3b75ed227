"""The FFT of real signals in the arithmetic of kissfft, which TFLite Micro computes with.

n real numbers are n/2 complex ones (even places real, odd ones imaginary); one complex FFT of them by mixed
radices (4, 2, 3, 5) and a last step that takes the two spectra apart. In fixed point every butterfly
divides by its radix first, every product is rounded (half up) and every stored number wraps around.
csrc/kernels/fft has the same arithmetic.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgerun.ir.types import Array

Integers = npt.NDArray[np.int64]  # complex numbers: [2, ...], the real parts first
Factors = tuple[tuple[int, int], ...]

MAX_LENGTH = 1 << 15


def factors(n: int) -> Factors | None:
    """(radix, what is left) of each stage of a complex FFT of length n: fours, then twos, threes and fives;
    None when it has other factors, or none."""
    stages = []
    for radix in (4, 2, 3, 5):
        while n > 1 and n % radix == 0:
            n //= radix
            stages.append((radix, n))
    return tuple(stages) if stages and n == 1 else None


def is_length(length: int) -> bool:
    """Whether a real FFT has this length: at most MAX_LENGTH, twice a product of twos, threes and fives."""
    return 0 < length <= MAX_LENGTH and length % 2 == 0 and factors(length // 2) is not None


def _circle(angle: float) -> tuple[float, float]:
    """(cos, sin), rounded correctly: the Taylor series in integers with 160 bits behind the point.

    The last bit counts: cos(pi/3) decides whether half of 32767 is rounded up or down.
    """
    numerator, denominator = angle.as_integer_ratio()
    x = (numerator << 160) // denominator
    sums, term, k = [0, 0], 1 << 160, 0
    while term not in (0, -1):
        sums[k % 2] += term if k % 4 < 2 else -term
        k += 1
        term = (term * x >> 160) // k
    return sums[0] / (1 << 160), sums[1] / (1 << 160)


@functools.lru_cache(32)
def twiddles(length: int, dtype: str, inverse: bool) -> tuple[Array, Array]:
    """The roots of unity of a real FFT of even `length`, as [n, 2] pairs of real and imaginary part: those
    of the complex FFT of half the length, and those of the last step."""
    n = length // 2
    sign = 1.0 if inverse else -1.0
    stage = [sign * 2 * math.pi * i / n for i in range(n)]
    last = [sign * math.pi * ((i + 1) / n + 0.5) for i in range(n // 2)]

    def table(angles: Sequence[float]) -> Array:
        roots = np.array([_circle(a) for a in angles], np.float64).reshape(-1, 2)
        if dtype != "float32":
            roots = np.floor(0.5 + float(np.iinfo(dtype).max) * roots)
        result: Array = roots.astype(dtype)
        result.flags.writeable = False
        return result

    return table(stage), table(last)


@dataclass(frozen=True)
class FixedFft:
    """Transforms of int16 or int32, over the last axis: rfft [b, length] -> [b, 2 * (length / 2 + 1)],
    irfft the other way round; spectra are pairs of real and imaginary part."""

    length: int
    dtype: str
    inverse: bool = False

    @property
    def _bits(self) -> int:
        return np.iinfo(self.dtype).bits

    def _wrap(self, x: Integers, bits: int = 0) -> Integers:
        half = 1 << ((bits or self._bits) - 1)
        return ((x + half) & (2 * half - 1)) - half

    def _round(self, product: Integers) -> Integers:
        point = self._bits - 1
        return self._wrap((product + (1 << (point - 1))) >> point)

    def _divide(self, x: Integers, divisor: int) -> Integers:
        return self._round(x * (np.iinfo(self.dtype).max // divisor))

    def _half(self, total: Integers) -> Integers:
        return self._wrap(self._wrap(total, 32) >> 1)  # C adds 16-bit numbers in 32 bits

    def _times(self, a: Integers, b: Integers) -> Integers:
        return np.stack([self._round(a[0] * b[0] - a[1] * b[1]), self._round(a[0] * b[1] + a[1] * b[0])])

    def _roots(self) -> tuple[Integers, Integers]:
        stage, last = twiddles(self.length, self.dtype, self.inverse)
        return stage.T.astype(np.int64), last.T.astype(np.int64)

    def rfft(self, x: Array) -> Array:
        n = self.length // 2
        z = self._complex(np.moveaxis(x.astype(np.int64).reshape(-1, n, 2), 2, 0))
        last = self._roots()[1]
        y = np.zeros((*z.shape[1:-1], n + 1, 2), np.int64)
        real, imaginary = self._divide(z[:, :, 0], 2)
        y[:, 0, 0], y[:, n, 0] = self._wrap(real + imaginary), self._wrap(real - imaginary)
        k = np.arange(1, n // 2 + 1)
        a, b = self._divide(z[:, :, k], 2), self._divide(self._conjugate(z[:, :, n - k]), 2)
        even, odd = self._wrap(a + b), self._times(self._wrap(a - b), last[:, None, k - 1])
        y[:, k] = np.moveaxis(self._half(even + odd), 0, -1)
        y[:, n - k] = np.stack([self._half(even[0] - odd[0]), self._half(odd[1] - even[1])], -1)
        return y.reshape(-1, 2 * (n + 1)).astype(self.dtype)

    def irfft(self, spectrum: Array) -> Array:
        n = self.length // 2
        f = np.moveaxis(spectrum.astype(np.int64).reshape(-1, n + 1, 2), 2, 0)
        last = self._roots()[1]
        z = np.zeros_like(f[:, :, :n])
        first, nyquist = f[0, :, 0], f[0, :, n]
        z[:, :, 0] = self._divide(self._wrap(np.stack([first + nyquist, first - nyquist])), 2)
        k = np.arange(1, n // 2 + 1)
        a, b = self._divide(f[:, :, k], 2), self._divide(self._conjugate(f[:, :, n - k]), 2)
        even, odd = self._wrap(a + b), self._times(self._wrap(a - b), last[:, None, k - 1])
        z[:, :, k] = self._wrap(even + odd)
        z[:, :, n - k] = self._conjugate(self._wrap(even - odd))
        return np.moveaxis(self._complex(z), 0, -1).reshape(-1, 2 * n).astype(self.dtype)

    def _conjugate(self, z: Integers) -> Integers:
        return np.stack([z[0], self._wrap(-z[1])])

    def _complex(self, z: Integers) -> Integers:
        stages = factors(self.length // 2)
        assert stages is not None
        return self._work(z, stages, 1, self._roots()[0])

    def _work(self, z: Integers, stages: Factors, stride: int, roots: Integers) -> Integers:
        """The FFT of z [2, b, n]: radix p joins the FFTs of every p-th number; `stride` steps through the
        roots of unity."""
        (p, m), rest = stages[0], stages[1:]
        parts = [z[:, :, q::p] for q in range(p)]
        if m > 1:
            parts = [self._work(part, rest, stride * p, roots) for part in parts]
        x = self._divide(np.stack(parts), p)
        turn = np.arange(p)[:, None] * np.arange(m) * stride
        t = [x[0], *(self._times(x[q], roots[:, None, turn[q]]) for q in range(1, p))]
        butterfly = {2: self._radix_2, 3: self._radix_3, 4: self._radix_4, 5: self._radix_5}[p]
        return np.concatenate(butterfly(t, roots, stride * m), axis=-1)

    def _radix_2(self, t: list[Integers], roots: Integers, third: int) -> list[Integers]:
        return [self._wrap(t[0] + t[1]), self._wrap(t[0] - t[1])]

    def _radix_4(self, t: list[Integers], roots: Integers, third: int) -> list[Integers]:
        difference, total = self._wrap(t[0] - t[2]), self._wrap(t[0] + t[2])
        odd, turned = self._wrap(t[1] + t[3]), self._wrap(t[1] - t[3])
        quarter = np.stack([turned[1], -turned[0]]) * (-1 if self.inverse else 1)
        return [self._wrap(x) for x in (total + odd, difference + quarter, total - odd, difference - quarter)]

    def _radix_3(self, t: list[Integers], roots: Integers, third: int) -> list[Integers]:
        total, difference = self._wrap(t[1] + t[2]), self._wrap(t[1] - t[2])
        middle = t[0] - (total >> 1)
        turned = self._round(difference * roots[1, third])
        quarter = np.stack([-turned[1], turned[0]])
        return [self._wrap(x) for x in (t[0] + total, middle + quarter, middle - quarter)]

    def _radix_5(self, t: list[Integers], roots: Integers, fifth: int) -> list[Integers]:
        a, b = roots[:, fifth], roots[:, 2 * fifth]
        outer, inner = self._wrap(t[1] + t[4]), self._wrap(t[2] + t[3])
        outer_turn, inner_turn = self._wrap(t[1] - t[4]), self._wrap(t[2] - t[3])

        def part(c: Integers, d: Integers, sign: int) -> tuple[Integers, Integers]:
            level = self._wrap(t[0] + self._round(outer * c[0]) + self._round(inner * d[0]))
            turned = self._round(outer_turn * c[1]) + sign * self._round(inner_turn * d[1])
            return level, np.stack([turned[1], -turned[0]])

        near, near_turn = part(a, b, 1)
        far, far_turn = part(b, a, -1)
        results = (t[0] + outer + inner, near - near_turn, far - far_turn, far + far_turn, near + near_turn)
        return [self._wrap(x) for x in results]
