// Between float32 and quantised values, one contiguous run, i = 0 .. n-1:
//
//   quantize     out[i] = clamp_round(in[i] / scale, range)     true division; a NaN gives the
//   lowest value dequantize   out[i] = float32(in[i] - zero_point) * scale
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/requantize.h"
#include "kernels/kernel.h"

namespace edgerun {

struct QuantizeArgs {
  const float* in = nullptr;
  uint8_t* out = nullptr;
  ptrdiff_t n = 0;
  float scale = 1;
  OutputRange range;
};

struct DequantizeArgs {
  const uint8_t* in = nullptr;
  float* out = nullptr;
  ptrdiff_t n = 0;
  bool in_signed = false;
  int32_t zero_point = 0;  // as stored
  float scale = 1;
};

struct QuantizeKernel {
  KernelInfo info;
  void (*quantize)(const QuantizeArgs& args);
  void (*dequantize)(const DequantizeArgs& args);
};

#define KERNEL(name, isa) extern const QuantizeKernel quantize_##name;
#include "kernels/quantize/kernels.inc"
#undef KERNEL

inline std::vector<const QuantizeKernel*> quantize_kernels() {
  return {
#define KERNEL(name, isa) &quantize_##name,
#include "kernels/quantize/kernels.inc"
#undef KERNEL
  };
}

}  // namespace edgerun
