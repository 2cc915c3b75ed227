// Unary functions of float32, one contiguous run: out[i] = f(in[i]), i = 0 .. n-1.
//
//   kClamp       min(max(x, low), high); a NaN stays
//   kRound       to the nearest integer, half to even
//   kSign        -1, 0 or 1; a NaN gives 0
//   kGelu        x * Phi(x);  kGeluTanh: its usual approximation by tanh
//   kElu         x < 0 ? exp(x) - 1 : x
//   kHardSwish   x * (min(max(x + 3, 0), 6) / 6)
//   kLeakyRelu   x < 0 ? x * alpha : x
//
// The others are what they are called. abs, neg, clamp, sign, sqrt, square and the roundings are
// exact or correctly rounded; the rest are polynomials (kernels/vec/elementary.inl), within a
// relative error of 2e-6.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel.h"

namespace edgerun {

enum class UnaryF32 {
  kAbs,
  kNeg,
  kClamp,
  kFloor,
  kCeil,
  kRound,
  kSign,
  kSquare,
  kSqrt,
  kRsqrt,
  kExp,
  kLog,
  kLogistic,
  kTanh,
  kErf,
  kSin,
  kCos,
  kGelu,
  kGeluTanh,
  kElu,
  kHardSwish,
  kLeakyRelu,
};

struct UnaryF32Args {
  const float* in = nullptr;
  float* out = nullptr;  // may be `in` itself
  ptrdiff_t n = 0;
  UnaryF32 kind = UnaryF32::kAbs;
  float low = 0, high = 0;  // kClamp
  float alpha = 0;          // kLeakyRelu
};

struct UnaryF32Kernel {
  KernelInfo info;
  void (*run)(const UnaryF32Args& args);
};

#define KERNEL(name, isa) extern const UnaryF32Kernel unary_f32_##name;
#include "kernels/unary_f32/kernels.inc"
#undef KERNEL

inline std::vector<const UnaryF32Kernel*> unary_f32_kernels() {
  return {
#define KERNEL(name, isa) &unary_f32_##name,
#include "kernels/unary_f32/kernels.inc"
#undef KERNEL
  };
}

}  // namespace edgerun
