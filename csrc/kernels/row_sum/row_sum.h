// Sums of rows of bytes:
//
//   out[i] = sum_k a[i][k]
//
// What a product with asymmetric weights subtracts from each row (times the weights' zero point):
// see row_offset in kernels/gemm_s8/gemm_s8.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel.h"

namespace edgerun {

struct RowSumArgs {
  const uint8_t* a = nullptr;  // m rows; no byte beyond k of a row is read
  ptrdiff_t a_stride = 0;      // bytes from row to row
  bool a_signed = false;       // how to read a
  int m = 0;                   // rows, >= 1
  int k = 0;                   // bytes of a row, 1 .. 2^23
  int32_t* out = nullptr;      // [m]
};

struct RowSumKernel {
  KernelInfo info;
  void (*run)(const RowSumArgs& args);
};

#define KERNEL(name, isa) extern const RowSumKernel row_sum_##name;
#include "kernels/row_sum/kernels.inc"
#undef KERNEL

inline std::vector<const RowSumKernel*> row_sum_kernels() {
  return {
#define KERNEL(name, isa) &row_sum_##name,
#include "kernels/row_sum/kernels.inc"
#undef KERNEL
  };
}

}  // namespace edgerun
