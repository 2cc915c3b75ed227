// Bilinear resizing of quantised pixels in fixed point, one output row in two steps:
//
//   blend_rows      t[i] = top[i] * (2048 - weight) + bottom[i] * weight              |t| < 2^19
//   blend_columns   out[x][c] = (t[left + c] * (2048 - w) + t[right + c] * w + 2^21) >> 22
//                   with left, right, w of columns[x]
//
// Exact in int32, so every version gives the same bits; adding 128 to every input adds 128 to every
// output, so the signedness of the storage does not matter either.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/requantize.h"
#include "kernels/kernel.h"

namespace edgerun {

constexpr int32_t kResizeOne = 2048;  // a weight of 1

// blend_columns may read so many int32 beyond the last one of t that it needs.
constexpr int64_t kResizeSlack = 16;

struct ResizeColumn {
  int32_t left = 0, right = 0;  // where the two pixels start in t
  int32_t weight = 0;           // 0 .. kResizeOne, the right one's
};

struct BlendRowsArgs {
  const uint8_t* top = nullptr;
  const uint8_t* bottom = nullptr;
  int32_t weight = 0;  // 0 .. kResizeOne, the bottom's
  bool in_signed = false;
  ptrdiff_t n = 0;
  int32_t* t = nullptr;
};

struct BlendColumnsArgs {
  const int32_t* t = nullptr;
  const ResizeColumn* columns = nullptr;
  int count = 0;  // output pixels
  int channels = 0;
  uint8_t* out = nullptr;  // out[x * out_step + c]; no other byte is written
  ptrdiff_t out_step = 0;
};

struct ResizeKernel {
  KernelInfo info;
  void (*blend_rows)(const BlendRowsArgs& args);
  void (*blend_columns)(const BlendColumnsArgs& args);
};

#define KERNEL(name, isa) extern const ResizeKernel resize_##name;
#include "kernels/resize/kernels.inc"
#undef KERNEL

inline std::vector<const ResizeKernel*> resize_kernels() {
  return {
#define KERNEL(name, isa) &resize_##name,
#include "kernels/resize/kernels.inc"
#undef KERNEL
  };
}

}  // namespace edgerun
