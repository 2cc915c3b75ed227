// The one rule that turns an exact integer accumulator into a stored quantum (XNNPACK's scheme):
//
//   p = float32(acc) * multiplier                 one rounding; never fused with an addition
//   p = min(max(p, lo), hi)                       lo = qmin - zero_point, hi = qmax - zero_point
//   q = int(round_half_even(p)) + zero_point
//
// Clamped before the conversion, because x86 turns an overflow into INT_MIN. Every vector version of every
// kernel computes exactly this; CPUs without a round-to-even conversion add and subtract 1.5 * 2^23.
#pragma once

#include <cstdint>

namespace edgerun {

// Where a requantised value may lie, in the storage domain (unsigned storage: 0..255).
struct OutputRange {
  float lo = 0;            // lowest stored value minus zero_point
  float hi = 0;            // highest stored value minus zero_point
  int32_t zero_point = 0;  // as stored
};

// round_half_even for |x| < 2^22, in the round-to-nearest mode that run() sets.
inline float round_half_even(float x) {
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23
  return (x + kMagic) - kMagic;
}

// A NaN becomes `lo`, as it does with x86's maxps(p, lo) and ARM's fmaxnm.
inline int32_t clamp_round(float p, const OutputRange& range) {
  p = p > range.lo ? p : range.lo;
  p = p < range.hi ? p : range.hi;
  return static_cast<int32_t>(round_half_even(p)) + range.zero_point;
}

inline int32_t requantize(int32_t acc, float multiplier, const OutputRange& range) {
  return clamp_round(static_cast<float>(acc) * multiplier, range);
}

}  // namespace edgerun
