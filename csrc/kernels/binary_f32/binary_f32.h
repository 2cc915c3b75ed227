// Binary functions of float32, one contiguous run:
//
//   out[i] = min(max(f(a[i or 0], b[i or 0]), low), high)        a NaN of f stays
//
//   kMaximum            a > b ? a : b;  kMinimum: a < b ? a : b
//   kSquaredDifference  (a - b)^2
//   kPrelu              a < 0 ? a * b : a
//   kPow                as in C
//   kFloorMod           what is left of a, with the sign of b: C's exact fmod, plus b where signs
//   differ
//
// for i = 0 .. n-1. All but pow are one or two correctly rounded operations; pow is the rounded
// value of base/table.h in every version.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel.h"

namespace edgerun {

enum class BinaryF32 {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMaximum,
  kMinimum,
  kSquaredDifference,
  kPrelu,
  kPow,
  kFloorMod,
};

struct BinaryF32Args {
  const float* a = nullptr;
  const float* b = nullptr;
  float* out = nullptr;  // may be a or b itself
  ptrdiff_t n = 0;
  bool a_scalar = false, b_scalar = false;
  BinaryF32 kind = BinaryF32::kAdd;
  float low = 0, high = 0;  // infinities for no clamp
};

struct BinaryF32Kernel {
  KernelInfo info;
  void (*run)(const BinaryF32Args& args);
};

#define KERNEL(name, isa) extern const BinaryF32Kernel binary_f32_##name;
#include "kernels/binary_f32/kernels.inc"
#undef KERNEL

inline std::vector<const BinaryF32Kernel*> binary_f32_kernels() {
  return {
#define KERNEL(name, isa) &binary_f32_##name,
#include "kernels/binary_f32/kernels.inc"
#undef KERNEL
  };
}

}  // namespace edgerun
