// Bilinear resizing of float32 pixels, one output row in two steps:
//
//   blend_rows      t[i] = top[i] * (1 - weight) + bottom[i] * weight
//   blend_columns   out[x][c] = t[left + c] * (1 - w) + t[right + c] * w
//                   with left, right, w of columns[x]
//
// The first product and 1 - w are rounded; the second product is fused with the sum.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel.h"

namespace edgerun {

struct ResizeColumnF32 {
  int32_t left = 0, right = 0;  // where the two pixels start in t
  float weight = 0;             // the right one's
};

struct BlendRowsF32Args {
  const float* top = nullptr;
  const float* bottom = nullptr;
  float weight = 0;  // the bottom's
  ptrdiff_t n = 0;
  float* t = nullptr;
};

struct BlendColumnsF32Args {
  const float* t = nullptr;
  const ResizeColumnF32* columns = nullptr;
  int count = 0;  // output pixels
  int channels = 0;
  float* out = nullptr;  // out[x * out_step + c]; no other element is written
  ptrdiff_t out_step = 0;
};

struct ResizeF32Kernel {
  KernelInfo info;
  void (*blend_rows)(const BlendRowsF32Args& args);
  void (*blend_columns)(const BlendColumnsF32Args& args);
};

#define KERNEL(name, isa) extern const ResizeF32Kernel resize_f32_##name;
#include "kernels/resize_f32/kernels.inc"
#undef KERNEL

inline std::vector<const ResizeF32Kernel*> resize_f32_kernels() {
  return {
#define KERNEL(name, isa) &resize_f32_##name,
#include "kernels/resize_f32/kernels.inc"
#undef KERNEL
  };
}

}  // namespace edgerun
