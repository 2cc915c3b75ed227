// TFLite's fixed-point arithmetic, bit for bit: what 16-bit operators, LSTM and SVDF compute with.
// edgerun/ir/fixed_point.py is its twin in numpy, with the same names.
//
// A real multiplier is an integer of 31 fractional bits times 2^shift. What TFLite lets overflow wraps.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

namespace edgerun {

struct FixedMultiplier {
  int32_t multiplier = 0;  // of 31 fractional bits, not negative
  int32_t shift = 0;       // power of two: -31 .. 30
};

template <class T>
inline T saturate(int64_t x) {
  return static_cast<T>(
      std::min<int64_t>(std::max<int64_t>(x, std::numeric_limits<T>::min()), std::numeric_limits<T>::max()));
}

// x / 2^exponent, rounded to nearest, halves away from zero.
inline int64_t rounding_divide(int64_t x, int exponent) {
  const int64_t mask = (int64_t{1} << exponent) - 1;
  const int64_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return (x >> exponent) + ((x & mask) > threshold ? 1 : 0);
}

// a * b / 2^(Bits - 1), rounded to nearest, the negative halves up; the one overflow saturates.
template <int Bits>
inline int32_t doubling_high_mul(int32_t a, int32_t b) {
  constexpr int64_t kHalf = int64_t{1} << (Bits - 2), kOne = int64_t{1} << (Bits - 1);
  const int64_t product = static_cast<int64_t>(a) * b;
  const int64_t quotient = (product + (product >= 0 ? kHalf : 1 - kHalf)) / kOne;
  return static_cast<int32_t>(std::min(quotient, kOne - 1));
}

// x * multiplier * 2^(shift - 31), rounded twice, as the 8-bit operators of TFLite do.
inline int32_t fixed_multiply(int32_t x, FixedMultiplier by) {
  const int left = std::max(by.shift, 0), right = std::max(-by.shift, 0);
  const auto shifted = static_cast<int32_t>(static_cast<uint32_t>(x) << left);
  return static_cast<int32_t>(rounding_divide(doubling_high_mul<32>(shifted, by.multiplier), right));
}

// The same for |x| < 2^47, as the 16-bit operators do: the multiplier in 15 bits, one rounding, halves up.
// shift <= 14. For other x, modulo 2^64 before the shift.
inline int32_t fixed_multiply_wide(int64_t x, FixedMultiplier by) {
  const int64_t reduced = by.multiplier < 0x7FFF0000 ? (by.multiplier + (1 << 15)) >> 16 : 0x7FFF;
  const int total = 15 - by.shift;
  const uint64_t product = static_cast<uint64_t>(x) * static_cast<uint64_t>(reduced);
  return static_cast<int32_t>(static_cast<int64_t>(product + (uint64_t{1} << (total - 1))) >> total);
}

// x * 2^exponent in Bits bits, saturating; exponent > 0.
template <int Bits>
inline int32_t scale_up(int32_t x, int exponent) {
  const int32_t threshold = static_cast<int32_t>((int64_t{1} << (Bits - 1 - exponent)) - 1);
  if (x > threshold) return static_cast<int32_t>((int64_t{1} << (Bits - 1)) - 1);
  if (x < -threshold) return static_cast<int32_t>(-(int64_t{1} << (Bits - 1)));
  return x * (1 << exponent);
}

// 1 / sqrt(n), by Newton's iteration with three integer bits; 1 for n <= 1.
inline FixedMultiplier inverse_square_root(int32_t n) {
  if (n <= 1) return {std::numeric_limits<int32_t>::max(), 0};
  int shift = 11;
  for (; n >= 1 << 29; n /= 4) ++shift;
  int bits = 0;  // that n has
  while (bits < 31 && n >> bits != 0) ++bits;
  const int pairs = (31 - bits) / 2 - 1;
  shift -= pairs;
  const auto half = static_cast<int32_t>(rounding_divide(n << (2 * pairs) >> 1, 1));
  const auto mul = doubling_high_mul<32>;
  int32_t x = 1 << 28;
  for (int i = 0; i < 5; ++i) {
    const int32_t cube = scale_up<32>(mul(mul(x, x), x), 6);
    x = scale_up<32>(mul(3 << 27, x) - mul(half, cube), 3);
  }
  x = mul(x, 1518500250);  // sqrt(1/2)
  if (shift < 0) return {x << -shift, 0};
  return {x, -shift};
}

// 1 / (1 + a) for a in [0, 1), in 31 fractional bits: Newton's iteration with two integer bits.
inline int32_t reciprocal(int32_t a) {
  const auto mul = doubling_high_mul<32>;
  const auto half = static_cast<int32_t>((int64_t{a} + (int64_t{1} << 31)) >> 1);
  int32_t x = 1515870810 + mul(half, -1010580540);
  for (int i = 0; i < 3; ++i) x += scale_up<32>(mul(x, (1 << 29) - mul(half, x)), 2);
  return scale_up<32>(x, 1);
}

// ---- gemmlowp's functions of a 16-bit number with IntegerBits bits above the binary point ----

namespace fixed16 {

inline int32_t mul(int32_t a, int32_t b) { return doubling_high_mul<16>(a, b); }

inline int32_t scale_up(int32_t x, int exponent) { return edgerun::scale_up<16>(x, exponent); }

inline int32_t halve(int32_t x, int exponent) { return static_cast<int32_t>(rounding_divide(x, exponent)); }

// A constant of 31 fractional bits in 15.
constexpr int32_t constant(int32_t value) { return (value + (1 << 15)) >> 16; }

// e^a for a <= 0, without integer bits: a polynomial below 1/4, then a factor for each bit above.
inline int32_t exp_of_negative(int32_t a, int integer_bits) {
  if (a == 0) return 32767;
  const int fraction_bits = 15 - integer_bits;
  if (integer_bits > 5 && a < -(32 << fraction_bits)) return 0;
  const int32_t quarter = 1 << (fraction_bits - 2);
  const int32_t rest = (a & (quarter - 1)) - quarter;
  const int32_t x = (integer_bits > 0 ? scale_up(rest, integer_bits) : rest) + (1 << 12);
  const int32_t x2 = mul(x, x), x3 = mul(x2, x), x4 = mul(x2, x2);
  const int32_t cubic = mul(halve(x4, 2) + x3, constant(715827883));
  const int32_t tail = halve(cubic + x2, 1);
  constexpr int32_t kStart = constant(1895147668);  // e^(-1/8)
  int32_t y = std::min(kStart + mul(kStart, x + tail), 32767);
  constexpr int32_t kFactors[] = {constant(1672461947), constant(1302514674), constant(790015084),
                                  constant(290630308),  constant(39332535),   constant(720401),
                                  constant(242)};
  const int32_t remainder = rest - a;
  for (int i = 0; i < 7 && i - 2 < integer_bits; ++i) {
    if ((remainder >> (fraction_bits + i - 2) & 1) != 0) y = mul(y, kFactors[i]);
  }
  return y;
}

// 2 / (1 + a) for a in [0, 1), with two integer bits: Newton's iteration.
inline int32_t reciprocal_of_half_sum(int32_t a) {
  const int32_t half = (a + 32767 + 1) >> 1;
  int32_t x = constant(1515870810) + mul(half, constant(-1010580540));
  for (int i = 0; i < 3; ++i) x += scale_up(mul(x, (1 << 13) - mul(half, x)), 2);
  return x;
}

inline int16_t logistic(int32_t a, int integer_bits) {
  if (a == 0) return 1 << 14;
  const int32_t y = scale_up(reciprocal_of_half_sum(exp_of_negative(a < 0 ? a : -a, integer_bits)), 1);
  return static_cast<int16_t>(a > 0 ? y : 32767 - y);
}

inline int16_t tanh(int32_t a, int integer_bits) {
  if (a == 0) return 0;
  const int32_t x = reciprocal_of_half_sum(exp_of_negative(a < 0 ? a : -a, integer_bits + 1));
  const int32_t y = scale_up(x - (1 << 13), 2);
  return static_cast<int16_t>(a < 0 ? -y : y);
}

}  // namespace fixed16
}  // namespace edgerun
