// IEEE half precision in integer arithmetic: the same on every machine, with or without
// instructions for it.
#pragma once

#include <cstdint>
#include <cstring>

namespace edgerun {

inline float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  uint32_t exponent = (half >> 10) & 0x1fu, fraction = half & 0x3ffu;
  uint32_t bits;
  if (exponent == 31) {
    bits = sign | 0x7f800000u | (fraction << 13);
  } else if (exponent == 0 && fraction == 0) {
    bits = sign;
  } else {
    if (exponent == 0) {  // subnormal: shift the leading bit to its place
      exponent = 1;
      while ((fraction & 0x400u) == 0) fraction <<= 1, --exponent;
      fraction &= 0x3ffu;
    }
    bits = sign | ((exponent + 112) << 23) | (fraction << 13);
  }
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

// Rounded half to even; beyond the largest half, infinity.
inline uint16_t float_to_half(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const uint32_t sign = (bits >> 16) & 0x8000u, size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);
  if (size >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);
  const int exponent = static_cast<int>(size >> 23) - 112;
  if (exponent < -10) return static_cast<uint16_t>(sign);
  // A subnormal half keeps its leading bit and loses more of the others.
  const uint32_t fraction = exponent > 0 ? size - (112u << 23) : (size & 0x7fffffu) | 0x800000u;
  const uint32_t shift = exponent > 0 ? 13 : static_cast<uint32_t>(14 - exponent);
  const uint32_t kept = fraction >> shift, lost = fraction & ((1u << shift) - 1);
  const uint32_t half = 1u << (shift - 1);
  const uint32_t up = lost > half || (lost == half && (kept & 1) != 0) ? 1 : 0;
  return static_cast<uint16_t>(sign | (kept + up));
}

}  // namespace edgerun
