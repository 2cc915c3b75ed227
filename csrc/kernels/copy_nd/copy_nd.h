// A two-dimensional strided copy of units of bytes:
//
//   out[i * out_step[0] + j * out_step[1] .. + unit] = in[i * in_step[0] + j * in_step[1] .. +
//   unit]
//
// for i = 0 .. count[0]-1, j = 0 .. count[1]-1. Steps are bytes, of any sign, or 0. Input and
// output do not overlap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel.h"

namespace edgerun {

struct CopyNdArgs {
  const uint8_t* in = nullptr;
  uint8_t* out = nullptr;
  ptrdiff_t unit = 1;
  ptrdiff_t count[2] = {1, 1};
  ptrdiff_t in_step[2] = {0, 0};
  ptrdiff_t out_step[2] = {0, 0};
};

struct CopyNdKernel {
  KernelInfo info;
  void (*run)(const CopyNdArgs& args);
};

#define KERNEL(name, isa) extern const CopyNdKernel copy_nd_##name;
#include "kernels/copy_nd/kernels.inc"
#undef KERNEL

inline std::vector<const CopyNdKernel*> copy_nd_kernels() {
  return {
#define KERNEL(name, isa) &copy_nd_##name,
#include "kernels/copy_nd/kernels.inc"
#undef KERNEL
  };
}

}  // namespace edgerun
