// Quantised depthwise convolution of one row of output pixels, with requantisation:
//
//   acc[i][c] = bias[c] + sum_{r,t} (x(r, t, i, c)) * w[r][t][c]           (exact, modulo 2^32)
//   x(r, t, i, c) = rows[r][(i * stride_w + t * dilation_w) * pixel_stride + c]
//   out[i][c] = requantize(acc[i][c], multiplier[c], range)
//
// The kernel knows no padding: the operator points rows that lie outside the image to a row of zero points,
// and hands it the pixels at the left and right border as small patches with count = 1.
// Weights are int16, w - weight_zero_point, so that asymmetric uint8 weights (-255..255) need no second
// correction; the activations' zero point is in bias. pack() may refuse weights it cannot hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/requantize.h"
#include "kernels/kernel.h"

namespace edgerun {

struct DwconvS8Args {
  const uint8_t* const* rows = nullptr;  // kernel_h pointers to the first tap of output pixel 0
  ptrdiff_t pixel_stride = 0;            // bytes from input pixel to input pixel
  bool a_signed = false;                 // only kAny kernels look at it
  int kernel_h = 1, kernel_w = 1;
  int stride_w = 1, dilation_w = 1;
  int channels = 0;
  int channel_begin = 0, channel_end = 0;  // the channels to compute: multiples of channel_block, or channels
  int count = 0;                           // output pixels, >= 1
  const void* packed = nullptr;
  const int32_t* bias = nullptr;      // [channels], readable up to round_up(channels, channel_block)
  const float* multiplier = nullptr;  // the same
  OutputRange range;
  uint8_t* out = nullptr;  // out[i * out_stride + c]; no byte outside of the channels to compute is written
  ptrdiff_t out_stride = 0;
};

struct DwconvS8Kernel {
  KernelInfo info;
  Signedness a_signedness;
  int channel_block;
  // Bytes of the packed form of w[kernel_h][kernel_w][channels]; 0 when this kernel has no form for this
  // kernel size, or for these weights. pack() writes into zeroed memory aligned to 64.
  size_t (*packed_bytes)(const int16_t* w, int kernel_h, int kernel_w, int channels);
  void (*pack)(const int16_t* w, int kernel_h, int kernel_w, int channels, void* packed);
  // Never reads a byte outside of the channels of the pixels it needs.
  void (*run)(const DwconvS8Args& args);
};

#define KERNEL(name, isa) extern const DwconvS8Kernel dwconv_s8_##name;
#include "kernels/dwconv_s8/kernels.inc"
#undef KERNEL

inline std::vector<const DwconvS8Kernel*> dwconv_s8_kernels() {
  return {
#define KERNEL(name, isa) &dwconv_s8_##name,
#include "kernels/dwconv_s8/kernels.inc"
#undef KERNEL
  };
}

}  // namespace edgerun
