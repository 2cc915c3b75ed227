// Reductions of float32 along one axis, in the order of kernels/vec/cascade.inl:
//
//   row       out[0] = in[0] (+) in[1] (+) .. (+) in[taps - 1]
//   columns   out[c] = in[c] (+) in[tap_step + c] (+) .. ,  c = 0 .. columns-1
//
// where (+) is a sum, product, maximum or minimum; a mean is the sum divided by float32(taps).
// Maximum and minimum pass over NaN.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel.h"

namespace edgerun {

enum class ReduceF32 { kSum, kMean, kProd, kMax, kMin };

struct ReduceF32Args {
  const float* in = nullptr;
  float* out = nullptr;
  ptrdiff_t taps = 0;      // >= 1
  ptrdiff_t tap_step = 0;  // columns only: elements from one tap to the next
  ptrdiff_t columns = 0;   // columns only
  ReduceF32 kind = ReduceF32::kSum;
};

struct ReduceF32Kernel {
  KernelInfo info;
  void (*row)(const ReduceF32Args& args);
  void (*columns)(const ReduceF32Args& args);
};

#define KERNEL(name, isa) extern const ReduceF32Kernel reduce_f32_##name;
#include "kernels/reduce_f32/kernels.inc"
#undef KERNEL

inline std::vector<const ReduceF32Kernel*> reduce_f32_kernels() {
  return {
#define KERNEL(name, isa) &reduce_f32_##name,
#include "kernels/reduce_f32/kernels.inc"
#undef KERNEL
  };
}

}  // namespace edgerun
