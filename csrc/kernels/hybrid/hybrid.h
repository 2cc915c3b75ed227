// What stands around the integer sums of a hybrid product (float activations, int8 weights): the activations are
// quantised by their own range, and the sums become floats again. All in float32 and in TFLite's order, without
// fused multiply-adds, so that the bits are equal everywhere.
//
//   min_max      lo, hi = the least and greatest of lo, hi and x[0 .. n-1]      (a NaN counts as nothing)
//   quantize     q = clamp(round(x[i] * inverse) + zero, lo, hi)                round(p) = trunc(p +- 1/2), the
//                out8[i] = uint8(q + shift), or outf[i] = float(q - zero)       sum in float32; 0 of a NaN
//                or, with a divisor, q = clamp(round_half_even(x[i] / divisor) + zero, lo, hi), lo of a NaN
//   finish       s = float(sums[j] - zero * weight_sums[j]), or acc[j]
//                s = s * (weight_scale[j] * x_scale), or (s * weight_scale[j]) * x_scale
//                out[j] = clamp(s + bias[j], lo, hi)                            (a NaN stays one)
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel.h"

namespace edgerun {

struct DynamicQuantizeArgs {
  const float* x = nullptr;
  ptrdiff_t n = 0;
  float inverse = 1;  // finite
  float divisor = 0;  // where not 0, what x is divided by
  float lo = -127, hi = 127;      // quanta within [-128, 127]
  int32_t shift = 0, zero = 0;
  uint8_t* out8 = nullptr;  // one of the two is null
  float* outf = nullptr;
};

struct HybridFinishArgs {
  const int32_t* sums = nullptr;         // one of sums and acc is null
  const int32_t* weight_sums = nullptr;  // with sums only
  int32_t zero = 0;
  const float* acc = nullptr;  // may be out
  const float* weight_scale = nullptr;
  float x_scale = 1;
  bool in_turn = false;  // whether the two scales are multiplied one after the other
  const float* bias = nullptr;
  float lo = 0, hi = 0;
  float* out = nullptr;
  ptrdiff_t n = 0;
};

struct HybridKernel {
  KernelInfo info;
  void (*min_max)(const float* x, ptrdiff_t n, float* lo, float* hi);
  void (*quantize)(const DynamicQuantizeArgs& args);
  void (*finish)(const HybridFinishArgs& args);
};

#define KERNEL(name, isa) extern const HybridKernel hybrid_##name;
#include "kernels/hybrid/kernels.inc"
#undef KERNEL

inline std::vector<const HybridKernel*> hybrid_kernels() {
  return {
#define KERNEL(name, isa) &hybrid_##name,
#include "kernels/hybrid/kernels.inc"
#undef KERNEL
  };
}

}  // namespace edgerun
