// Float32 depthwise convolution of one row of output pixels, with bias and clamp:
//
//   out[i][c] = clamp(bias[c] + sum_{r,t} x(r, t, i, c) * w[r][t][c], lo, hi)      (a NaN stays one)
//   x(r, t, i, c) = rows[r][(i * stride_w + (t - tap_begin) * dilation_w) * pixel_stride + c]
//
// over the rows r of the kernel whose pointer is not null and its columns tap_begin <= t < tap_end: taps
// outside of the image are left out, not multiplied by zero. Each output is ONE chain of fused multiply-adds
// in ascending (r, t) that starts from the bias, so its bits are equal on every CPU that has them; the generic
// version rounds twice where the CPU has none (base/multiply_add.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel.h"

namespace edgerun {

// Strides are counted in floats.
struct DwconvF32Args {
  const float* const* rows = nullptr;  // kernel_h pointers to tap tap_begin of output pixel 0, or null
  ptrdiff_t pixel_stride = 0;
  int kernel_h = 1, kernel_w = 1;
  int tap_begin = 0, tap_end = 1;  // 0 <= tap_begin, tap_end <= kernel_w
  int stride_w = 1, dilation_w = 1;
  int channels = 0;
  int count = 0;                  // output pixels, >= 1
  const float* packed = nullptr;  // what pack() made of w, aligned to 64 bytes
  const float* bias = nullptr;    // [channels], readable up to round_up(channels, channel_block)
  float lo = 0, hi = 0;           // lo <= hi; infinite where there is no bound
  float* out = nullptr;           // out[i * out_stride + c]
  ptrdiff_t out_stride = 0;
};

struct DwconvF32Kernel {
  KernelInfo info;
  int channel_block;
  // Floats of the packed form of w[kernel_h][kernel_w][channels], and the packing, every float of it.
  size_t (*packed_floats)(int taps, int channels);
  void (*pack)(const float* w, int taps, int channels, float* packed);
  // Never reads a float outside of the channels of the pixels it needs.
  void (*run)(const DwconvF32Args& args);
};

#define KERNEL(name, isa) extern const DwconvF32Kernel dwconv_f32_##name;
#include "kernels/dwconv_f32/kernels.inc"
#undef KERNEL

inline std::vector<const DwconvF32Kernel*> dwconv_f32_kernels() {
  return {
#define KERNEL(name, isa) &dwconv_f32_##name,
#include "kernels/dwconv_f32/kernels.inc"
#undef KERNEL
  };
}

}  // namespace edgerun
