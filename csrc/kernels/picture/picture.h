// The steps of a picture's row on its way to an input tensor, all in integers: the same bits everywhere.
// csrc/vision/preprocess.h puts them together, docs/preprocessing.md is the whole definition.
//
//   from_yuv  Y, Cb, Cr -> B, G, R                                    BT.601, as OpenCV's cvtColor
//   blend     row[i]  = (sum_r weight[r] * rows[r][i] + 2^6) >> 7     128 times the pixel, 15 bits
//   resample  p[x][c] = (sum_t weight[x][t] * row[at[x] + t*C + c] + 2^20) >> 21          8 bits
//   shrink    the two at once, for pixels that are far apart in two rows
//   swap      p[x][c] -> p[x][2 - c];  split: p[x][c] -> plane[c][x]
//   quantize  y[i] = min(max((p[i] * multiplier[c] + offset[c]) >> 20, low), high)
//   normalize y[i] = float32(float32(p[i]) * gain[c]) + bias[c]
//
// Weights are not negative and their sum is 2^14, that of the rows as that of each column.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel.h"

namespace edgerun {

constexpr int kPictureWeight = 1 << 14;  // what all weights of one sum are together
constexpr int kPictureSlack = 64;  // bytes beyond a row that may be read, and written where it says so

struct YuvRowArgs {
  const uint8_t* y = nullptr;                // the first pixel's
  const uint8_t *u = nullptr, *v = nullptr;  // of the pair that the first pixel, an even one, is in
  int y_step = 1, chroma_step = 1;           // bytes from pixel to pixel, and from pair to pair
  int n = 0;                                 // pixels, >= 1
  uint8_t* out = nullptr;                    // [n][3], blue first
};

struct BlendArgs {
  const uint8_t* const* rows = nullptr;  // [count]; no byte beyond n of a row is read
  const int16_t* weights = nullptr;      // [count]
  int count = 0;                         // >= 1
  int n = 0;                             // bytes of a row, >= 1
  int16_t* out = nullptr;                // [n]
};

struct ResampleArgs {
  const int16_t* row = nullptr;      // kPictureSlack bytes behind the last tap are read, and ignored
  const int32_t* at = nullptr;       // [n]: where in `row` the first tap of a pixel is
  const int16_t* weights = nullptr;  // [n][taps]
  int taps = 0;                      // 2, or a multiple of 4
  int n = 0;                         // pixels, >= 1
  int channels = 0;                  // 1 or 3
  uint8_t* out = nullptr;            // [n][channels]; kPictureSlack bytes behind may be written
};

// Of two rows and two columns, three channels: no other pixels are touched.
struct ShrinkArgs {
  const uint8_t* rows[2] = {};
  int16_t row_weights[2] = {};       // the first is not 0
  int row_bytes = 0;                 // none beyond is read
  const int32_t* at = nullptr;       // [n]: the byte where the first of the two pixels is
  const int16_t* weights = nullptr;  // [n][2]
  int n = 0;
  ptrdiff_t ahead = 0;     // where, from here, the rows lie that come next
  uint8_t* out = nullptr;  // [n][3]; kPictureSlack bytes behind may be written
};

// Constants come in threes, for the bytes 0, 1 and 2 of each three.
struct QuantizeRowArgs {
  const uint8_t* in = nullptr;
  int n = 0;                                   // bytes, >= 1
  int32_t multiplier[3] = {}, offset[3] = {};  // 0 <= multiplier < 2^22, |offset| <= 2^30
  bool is_signed = false;                      // y is int8, uint8 otherwise; low and high are its limits
  uint8_t* out = nullptr;                      // [n]
};

struct NormalizeRowArgs {
  const uint8_t* in = nullptr;
  int n = 0;
  float gain[3] = {}, bias[3] = {};
  float* out = nullptr;  // [n]
};

struct PictureKernel {
  KernelInfo info;
  void (*from_yuv)(const YuvRowArgs& args);
  void (*blend)(const BlendArgs& args);
  void (*resample)(const ResampleArgs& args);
  void (*shrink)(const ShrinkArgs& args);
  void (*swap)(const uint8_t* in, int n, uint8_t* out);             // n pixels; not in place
  void (*split)(const uint8_t* in, int n, uint8_t* const* planes);  // n pixels to 3 planes
  void (*quantize)(const QuantizeRowArgs& args);
  void (*normalize)(const NormalizeRowArgs& args);
};

#define KERNEL(name, isa) extern const PictureKernel picture_##name;
#include "kernels/picture/kernels.inc"
#undef KERNEL

inline std::vector<const PictureKernel*> picture_kernels() {
  return {
#define KERNEL(name, isa) &picture_##name,
#include "kernels/picture/kernels.inc"
#undef KERNEL
  };
}

}  // namespace edgerun
