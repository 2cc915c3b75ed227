// Softmax of one row of float32, or its logarithm, with m = max(in):
//
//   softmax       e[i] = exp((in[i] - m) * beta),   out[i] = e[i] / sum_i e[i]
//   log_softmax   out[i] = (in[i] - m) - log(sum_i exp(in[i] - m))
//
// The sum has the order of kernels/vec/cascade.inl.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel.h"

namespace edgerun {

struct SoftmaxF32Args {
  const float* in = nullptr;
  float* out = nullptr;  // may be `in` itself
  ptrdiff_t n = 0;       // >= 1
  float beta = 1;        // softmax only
};

struct SoftmaxF32Kernel {
  KernelInfo info;
  void (*softmax)(const SoftmaxF32Args& args);
  void (*log_softmax)(const SoftmaxF32Args& args);
};

#define KERNEL(name, isa) extern const SoftmaxF32Kernel softmax_f32_##name;
#include "kernels/softmax_f32/kernels.inc"
#undef KERNEL

inline std::vector<const SoftmaxF32Kernel*> softmax_f32_kernels() {
  return {
#define KERNEL(name, isa) &softmax_f32_##name,
#include "kernels/softmax_f32/kernels.inc"
#undef KERNEL
  };
}

}  // namespace edgerun
