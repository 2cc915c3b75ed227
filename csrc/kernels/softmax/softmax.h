// Softmax of one row of quantised values:
//
//   d[i] = max(in) - in[i]                                     0 .. 255
//   sum  = sum_i table[d[i]]                                   exact
//   out[i] = clamp_round(float32(table[d[i]]) * float32(out_inverse_scale / double(sum)), range)
//
// The table holds e(d) = exp(-d * scale) in fixed point (base/table.h): non-negative, table[0] > 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/requantize.h"
#include "kernels/kernel.h"

namespace edgerun {

struct SoftmaxArgs {
  const uint8_t* in = nullptr;
  uint8_t* out = nullptr;
  ptrdiff_t n = 0;  // >= 1
  bool in_signed = false;
  const int32_t* table = nullptr;  // [256]
  double out_inverse_scale = 0;
  OutputRange range;
};

struct SoftmaxKernel {
  KernelInfo info;
  void (*run)(const SoftmaxArgs& args);
};

#define KERNEL(name, isa) extern const SoftmaxKernel softmax_##name;
#include "kernels/softmax/kernels.inc"
#undef KERNEL

inline std::vector<const SoftmaxKernel*> softmax_kernels() {
  return {
#define KERNEL(name, isa) &softmax_##name,
#include "kernels/softmax/kernels.inc"
#undef KERNEL
  };
}

}  // namespace edgerun
