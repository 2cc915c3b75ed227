"""TFLite's fixed-point arithmetic: against exact fractions, real functions, and its twin in the engine."""

from __future__ import annotations

import math
import os
import shlex
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerun.ir import fixed_point

CSRC = Path(__file__).resolve().parents[2] / "csrc"
int32s = st.integers(-(2**31), 2**31 - 1)


def half_away(x: Fraction) -> int:
    floor = math.floor(abs(x) + Fraction(1, 2))
    return floor if x >= 0 else -floor


@given(st.floats(1e-9, 1e6))
def test_a_multiplier_is_within_its_last_bit(real: float) -> None:
    multiplier, shift = fixed_point.quantize_multiplier(real)
    assert 2**30 <= multiplier < 2**31
    assert abs(Fraction(multiplier) * Fraction(2) ** (shift - 31) / Fraction(real) - 1) <= Fraction(1, 2**31)


def test_multipliers_at_the_ends() -> None:
    assert fixed_point.quantize_multiplier(0.0) == (0, 0)
    assert fixed_point.quantize_multiplier(2.0**-33) == (0, 0)
    assert fixed_point.quantize_multiplier(1.0) == (2**30, 1)
    assert fixed_point.quantize_multiplier(1.0 - 2.0**-40) == (2**30, 1)


@given(int32s, st.integers(1, 31))
def test_rounding_divide(x: int, exponent: int) -> None:
    assert fixed_point.rounding_divide(np.array(x), exponent) == half_away(Fraction(x, 2**exponent))


@given(int32s, int32s)
def test_doubling_high_mul(a: int, b: int) -> None:
    exact = Fraction(a * b, 2**31)
    expected = math.floor(exact + Fraction(1, 2))
    assert fixed_point.doubling_high_mul(np.array(a), b) == min(expected, 2**31 - 1)


@given(st.integers(-(2**46), 2**46), st.integers(2**30, 2**31 - 1), st.integers(-31, -17))
def test_multiply_wide(x: int, multiplier: int, shift: int) -> None:
    reduced = min(half_away(Fraction(multiplier, 2**16)), 2**15 - 1)
    expected = math.floor(Fraction(x * reduced) * Fraction(2) ** (shift - 15) + Fraction(1, 2))
    assert fixed_point.multiply_wide(np.array(x), multiplier, shift) == expected


@pytest.mark.parametrize("integer_bits", range(7))
def test_functions_are_accurate(integer_bits: int) -> None:
    a = np.arange(-32768, 32768, dtype=np.int64)
    x = a / 2.0 ** (15 - integer_bits)
    assert np.abs(fixed_point.tanh(a, integer_bits) - 32768 * np.tanh(x)).max() < 13
    assert np.abs(fixed_point.logistic(a, integer_bits) - 32768 / (1 + np.exp(-x))).max() < 7


def test_exp_in_32_bits_is_accurate() -> None:
    a = -np.arange(0, 2**31, 9_999_991, dtype=np.int64)
    y = fixed_point.exp_of_negative(a, 5, 32)
    assert np.abs(y / 2.0**31 - np.exp(a / 2.0**26)).max() < 2e-7


@pytest.mark.parametrize("n", [1, 2, 3, 5, 17, 1000, 4096, 65535, 10**6, 10**9, 2**31 - 1])
def test_inverse_square_root(n: int) -> None:
    multiplier, shift = fixed_point.inverse_square_root(n)
    assert multiplier * 2.0 ** (shift - 31) == pytest.approx(1 / math.sqrt(n), rel=1e-5)


PROGRAM = """
#include <cstdio>
#include "base/fixed_point.h"
using namespace edgerun;
int main() {
  for (int bits = 0; bits <= 6; ++bits)
    for (int a = -32768; a < 32768; a += 3)
      std::printf("%d %d\\n", fixed16::tanh(a, bits), fixed16::logistic(a, bits));
  uint64_t state = 88172645463325252u;
  for (int i = 0; i < 20000; ++i) {
    state ^= state << 13; state ^= state >> 7; state ^= state << 17;
    const auto x = static_cast<int32_t>(state);
    const auto m = static_cast<int32_t>((state >> 33) | (1u << 30));
    const int shift = static_cast<int>(state % 45) - 31;
    const int64_t wide = static_cast<int64_t>(state) >> 17;
    std::printf("%d %d %d %d %lld %d\\n", x, m, shift, fixed_multiply(x, {m, shift}),
                static_cast<long long>(wide), fixed_multiply_wide(wide, {m, shift / 4 - 8}));
  }
  for (int n = 1; n < 2000000000; n = n + n / 7 + 1) {
    const FixedMultiplier root = inverse_square_root(n);
    std::printf("%d %d %d\\n", n, root.multiplier, root.shift);
  }
}
"""


def test_bits_are_those_of_the_engine(tmp_path: Path) -> None:
    compiler = shlex.split(os.environ.get("CXX", "")) or [shutil.which("g++") or shutil.which("c++") or ""]
    if not compiler[0]:
        pytest.skip("there is no C++ compiler")
    (tmp_path / "main.cc").write_text(PROGRAM)
    command = [*compiler, "-std=c++17", "-O1", f"-I{CSRC}", "main.cc", "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True)
    lines = subprocess.run([str(tmp_path / "main")], capture_output=True, text=True, check=True).stdout
    rows = [list(map(int, line.split())) for line in lines.splitlines()]
    pairs, products, roots = (np.array([r for r in rows if len(r) == n]) for n in (2, 6, 3))
    a = np.arange(-32768, 32768, 3, dtype=np.int64)
    for bits, found in enumerate(pairs.reshape(7, -1, 2)):
        np.testing.assert_array_equal(found[:, 0], fixed_point.tanh(a, bits))
        np.testing.assert_array_equal(found[:, 1], fixed_point.logistic(a, bits))
    x, m, shift, y, wide, z = products.T
    np.testing.assert_array_equal(y, fixed_point.multiply(x, m, shift))
    shift = np.trunc(shift / 4).astype(np.int64) - 8
    np.testing.assert_array_equal(z, fixed_point.multiply_wide(wide, m, shift))
    for n, multiplier, shift in roots.tolist():
        assert (multiplier, shift) == fixed_point.inverse_square_root(n)
