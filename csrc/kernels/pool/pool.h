// Pooling of a run of output pixels that see the same taps, moved:
//
//   x(t, i, c) = taps[t][i * tap_step + c]
//   max:      out[i][c] = min(max(max_t x(t, i, c), low), high)
//   average:  out[i][c] = clamp_round(float32(sum_t (x(t, i, c) - zero_point)) * multiplier, range)
//
// for i = 0 .. count-1, c = 0 .. channels-1. The sum is exact: at most 2^16 taps. Input and output
// do not overlap; a kernel may compute a channel twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/requantize.h"
#include "kernels/kernel.h"

namespace edgerun {

constexpr int64_t kMaxPoolTaps = 1 << 16;

struct PoolArgs {
  const uint8_t* const* taps = nullptr;  // the first output pixel's
  int tap_count = 0;                     // 1 .. kMaxPoolTaps
  ptrdiff_t tap_step = 0;                // bytes from one output pixel's tap to the next one's
  int count = 0;                         // output pixels
  int channels = 0;
  bool in_signed = false;
  uint8_t* out = nullptr;  // out[i * out_step + c]; max: same signedness as the input
  ptrdiff_t out_step = 0;
  int32_t low = 0, high = 0;  // max only, as stored
  int32_t zero_point = 0;     // average only, as stored
  float multiplier = 0;       // average only: scale ratio divided by the number of taps
  OutputRange range;          // average only
};

struct PoolKernel {
  KernelInfo info;
  void (*max)(const PoolArgs& args);
  void (*average)(const PoolArgs& args);
};

#define KERNEL(name, isa) extern const PoolKernel pool_##name;
#include "kernels/pool/kernels.inc"
#undef KERNEL

inline std::vector<const PoolKernel*> pool_kernels() {
  return {
#define KERNEL(name, isa) &pool_##name,
#include "kernels/pool/kernels.inc"
#undef KERNEL
  };
}

}  // namespace edgerun
