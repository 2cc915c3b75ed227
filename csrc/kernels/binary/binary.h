// Binary operators on quantised values, one contiguous run:
//
//   x = a[i] - a_zero_point,  y = b[j] - b_zero_point
//   add   p = float32(x) * a_multiplier + float32(y) * b_multiplier
//         as two float32 products and one float32 sum; a difference is a sum with -b_multiplier
//   mul   p = float32(x * y) * a_multiplier
//   out[i] = clamp_round(p, range)                                         (base/requantize.h)
//
// for i = 0 .. n-1, with j = i, or j = 0 when b is a scalar. Both operators give the same bits when
// a and b change places, so there is no scalar a.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/requantize.h"
#include "kernels/kernel.h"

namespace edgerun {

struct BinaryArgs {
  const uint8_t* a = nullptr;
  const uint8_t* b = nullptr;
  uint8_t* out = nullptr;  // may be a or b itself
  ptrdiff_t n = 0;
  bool b_scalar = false;
  bool a_signed = false, b_signed = false;
  int32_t a_zero_point = 0, b_zero_point = 0;  // as stored
  float a_multiplier = 0, b_multiplier = 0;
  OutputRange range;
};

struct BinaryKernel {
  KernelInfo info;
  void (*add)(const BinaryArgs& args);
  void (*mul)(const BinaryArgs& args);
};

#define KERNEL(name, isa) extern const BinaryKernel binary_##name;
#include "kernels/binary/kernels.inc"
#undef KERNEL

inline std::vector<const BinaryKernel*> binary_kernels() {
  return {
#define KERNEL(name, isa) &binary_##name,
#include "kernels/binary/kernels.inc"
#undef KERNEL
  };
}

}  // namespace edgerun
