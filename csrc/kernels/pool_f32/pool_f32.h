// Pooling of a run of float32 output pixels that see the same taps, moved:
//
//   x(t, i, c) = taps[t][i * tap_step + c]
//   max:      out[i][c] = min(max(max_t x(t, i, c), low), high)               NaN is passed over
//   average:  out[i][c] = min(max(sum_t x(t, i, c) / tap_count, low), high)
//
// for i = 0 .. count-1, c = 0 .. channels-1; the sum has the order of kernels/vec/cascade.inl.
// Input and output do not overlap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel.h"

namespace edgerun {

struct PoolF32Args {
  const float* const* taps = nullptr;  // the first output pixel's
  int tap_count = 0;                   // >= 1
  ptrdiff_t tap_step = 0;              // elements from one output pixel's tap to the next one's
  int count = 0;                       // output pixels
  int channels = 0;
  float* out = nullptr;  // out[i * out_step + c]
  ptrdiff_t out_step = 0;
  float low = 0, high = 0;  // infinities for no clamp
};

struct PoolF32Kernel {
  KernelInfo info;
  void (*max)(const PoolF32Args& args);
  void (*average)(const PoolF32Args& args);
};

#define KERNEL(name, isa) extern const PoolF32Kernel pool_f32_##name;
#include "kernels/pool_f32/kernels.inc"
#undef KERNEL

inline std::vector<const PoolF32Kernel*> pool_f32_kernels() {
  return {
#define KERNEL(name, isa) &pool_f32_##name,
#include "kernels/pool_f32/kernels.inc"
#undef KERNEL
  };
}

}  // namespace edgerun
