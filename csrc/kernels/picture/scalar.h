// One element of each step: what the generic kernel is made of, and the ends of rows of the others.
#pragma once

#include <cstring>

#include "kernels/picture/picture.h"

namespace edgerun {
namespace {

inline uint8_t picture_byte(int32_t value) {
  return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

// BT.601 in units of 2^-20: the constants of OpenCV's cvtColor.
constexpr int32_t kLuma = 1220542, kBlueU = 2116026, kGreenU = -409993, kGreenV = -852492,
                  kRedV = 1673527;

inline void yuv_pixels(const YuvRowArgs& a, int begin) {
  for (int x = begin; x < a.n; ++x) {
    const int32_t u = a.u[x / 2 * a.chroma_step] - 128, v = a.v[x / 2 * a.chroma_step] - 128;
    const int32_t above_black = a.y[x * a.y_step] - 16;
    const int32_t y = (above_black < 0 ? 0 : above_black) * kLuma + (1 << 19);
    uint8_t* out = a.out + 3 * x;
    out[0] = picture_byte((y + kBlueU * u) >> 20);
    out[1] = picture_byte((y + kGreenU * u + kGreenV * v) >> 20);
    out[2] = picture_byte((y + kRedV * v) >> 20);
  }
}

inline void blend_bytes(const BlendArgs& a, int begin) {
  for (int i = begin; i < a.n; ++i) {
    int32_t sum = 1 << 6;
    for (int r = 0; r < a.count; ++r) sum += a.weights[r] * a.rows[r][i];
    a.out[i] = static_cast<int16_t>(sum >> 7);
  }
}

inline void resample_pixels(const ResampleArgs& a, int begin) {
  for (int x = begin; x < a.n; ++x) {
    const int16_t* weights = a.weights + static_cast<ptrdiff_t>(x) * a.taps;
    for (int c = 0; c < a.channels; ++c) {
      int32_t sum = 1 << 20;
      for (int t = 0; t < a.taps; ++t) sum += weights[t] * a.row[a.at[x] + t * a.channels + c];
      a.out[x * a.channels + c] = static_cast<uint8_t>(sum >> 21);
    }
  }
}

inline void shrink_pixels(const ShrinkArgs& a, int begin, int end) {
  for (int x = begin; x < end; ++x) {
    for (int c = 0; c < 3; ++c) {
      int32_t sum = 1 << 20;
      for (int t = 0; t < 2; ++t) {
        if (a.weights[2 * x + t] == 0) continue;  // behind the last pixel of the row
        const int at = a.at[x] + 3 * t + c;
        const int32_t blended = a.row_weights[0] * a.rows[0][at] + a.row_weights[1] * a.rows[1][at];
        sum += a.weights[2 * x + t] * ((blended + (1 << 6)) >> 7);
      }
      a.out[3 * x + c] = static_cast<uint8_t>(sum >> 21);
    }
  }
}

inline void swap_pixels(const uint8_t* in, int begin, int n, uint8_t* out) {
  for (int x = begin; x < n; ++x)
    for (int c = 0; c < 3; ++c) out[3 * x + c] = in[3 * x + 2 - c];
}

inline void split_pixels(const uint8_t* in, int begin, int n, uint8_t* const* planes) {
  for (int x = begin; x < n; ++x)
    for (int c = 0; c < 3; ++c) planes[c][x] = in[3 * x + c];
}

inline void quantize_bytes(const QuantizeRowArgs& a, int begin) {
  const int32_t low = a.is_signed ? -128 : 0;
  for (int i = begin; i < a.n; ++i) {
    const int32_t y = (a.in[i] * a.multiplier[i % 3] + a.offset[i % 3]) >> 20;
    a.out[i] = static_cast<uint8_t>(y < low ? low : y > low + 255 ? low + 255 : y);
  }
}

inline void normalize_bytes(const NormalizeRowArgs& a, int begin) {
  for (int i = begin; i < a.n; ++i) {
    const float scaled = static_cast<float>(a.in[i]) * a.gain[i % 3];
    a.out[i] = scaled + a.bias[i % 3];
  }
}

}  // namespace
}  // namespace edgerun
