// Float32 matrix product with bias and clamp:
//
//   out[i][j] = clamp(bias[j] + sum_k a[i][k] * w[j][k], lo, hi)           (a NaN stays one)
//
// Each output is ONE chain in ascending k that starts from the bias, acc = fma(a[i][k], w[j][k], acc), never
// split: so its bits do not depend on the tile it is in, and are equal on every instruction set that has a
// fused multiply-add. Only the generic version rounds twice, where the CPU has none (base/multiply_add.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel.h"

namespace edgerun {

// Strides are counted in floats.
struct GemmF32Args {
  const float* a = nullptr;     // m rows of k
  ptrdiff_t a_stride = 0;       // from row to row
  int m = 0;                    // rows, >= 1
  int n = 0;                    // all columns, >= 1
  int n_begin = 0, n_end = 0;   // the columns to compute: n_begin a multiple of n_block, n_end that or n
  int k = 0;                    // depth, >= 1
  const float* packed = nullptr;  // what pack() made of the whole w, aligned to 64 bytes
  const float* bias = nullptr;    // [n], readable up to round_up(n, n_block)
  float lo = 0, hi = 0;           // lo <= hi; infinite where there is no bound
  float* out = nullptr;           // out[i * out_stride + j], written only for i < m, n_begin <= j < n_end
  ptrdiff_t out_stride = 0;
};

struct GemmF32Kernel {
  KernelInfo info;
  int n_block;  // columns come in blocks of so many; parts of n start at multiples of it
  int m_tile;   // a number of rows that it likes to be given multiples of
  // Floats of the packed form of w[n][k], and the packing itself, every float of it:
  // w[j][k] = w[j * column_stride + k * depth_stride].
  size_t (*packed_floats)(int n, int k);
  void (*pack)(const float* w, ptrdiff_t column_stride, ptrdiff_t depth_stride, int n, int k, float* packed);
  void (*run)(const GemmF32Args& args);
};

#define KERNEL(name, isa) extern const GemmF32Kernel gemm_f32_##name;
#include "kernels/gemm_f32/kernels.inc"
#undef KERNEL

inline std::vector<const GemmF32Kernel*> gemm_f32_kernels() {
  return {
#define KERNEL(name, isa) &gemm_f32_##name,
#include "kernels/gemm_f32/kernels.inc"
#undef KERNEL
  };
}

}  // namespace edgerun
