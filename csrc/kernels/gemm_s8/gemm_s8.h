// Quantised matrix product with requantisation:
//
//   acc[i][j] = bias[j] + row_offset[i] + sum_k a[i][k] * w[j][k]          (exact, modulo 2^32)
//   out[i][j] = requantize(acc[i][j], multiplier[j], range)                (base/requantize.h)
//
// a: rows of 8-bit activations as stored on this machine (u8 or s8, see a_signedness); w: int8 weights,
// packed once by pack(). The zero point of the activations is already in bias; that of asymmetric weights
// is in row_offset (minus the weights' zero point times the row's sum), or row_offset is null.
//
// Convolution is this product over rows of gathered pixels; a 1x1 convolution reads its input in place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/requantize.h"
#include "kernels/kernel.h"

namespace edgerun {

struct GemmS8Args {
  const uint8_t* a = nullptr;   // m rows; each readable for round_up(k, k_unit) bytes
  ptrdiff_t a_stride = 0;       // bytes from row to row
  bool a_signed = false;        // how to read a; only kAny kernels look at it
  int m = 0;                    // rows, >= 1
  int n = 0;                    // all columns, >= 1
  int n_begin = 0, n_end = 0;   // the columns to compute: n_begin a multiple of n_block, n_end that or n
  int k = 0;                    // true depth, >= 1
  const void* packed = nullptr;          // what pack() made of the whole w
  const int32_t* bias = nullptr;         // [n], readable up to round_up(n, n_block)
  const float* multiplier = nullptr;     // [n], readable up to round_up(n, n_block)
  const int32_t* row_offset = nullptr;   // [m] or null
  OutputRange range;
  uint8_t* out = nullptr;       // out[i * out_stride + j], written only for i < m, n_begin <= j < n_end
  ptrdiff_t out_stride = 0;
  // Where not null, the sums themselves are wanted: acc[i][j] goes to sums[i * sums_stride + j], and multiplier,
  // range and out are not looked at. A row may be written up to round_up(n_end, n_block).
  int32_t* sums = nullptr;
  ptrdiff_t sums_stride = 0;  // int32 from row to row
};

struct GemmS8Kernel {
  KernelInfo info;
  Signedness a_signedness;  // what `a` must be
  int k_unit;   // rows of `a` are read in units of so many bytes (what lies beyond k meets zero weights)
  int n_block;  // columns come in blocks of so many; parts of n start at multiples of it
  int m_tile;   // a number of rows that it likes to be given multiples of
  // Bytes of the packed form of w[n][k], and the packing itself (into zeroed memory aligned to 64).
  size_t (*packed_bytes)(int n, int k);
  void (*pack)(const int8_t* w, int n, int k, void* packed);
  void (*run)(const GemmS8Args& args);
  // Whether this kernel is worth its set-up and padding for a product of this size; null: always.
  bool (*pays)(int64_t m, int64_t n, int64_t k);
  // Called per thread around a series of run() calls (AMX configures its tiles); may be null.
  void (*enter)();
  void (*leave)();
};

#define KERNEL(name, isa) extern const GemmS8Kernel gemm_s8_##name;
#include "kernels/gemm_s8/kernels.inc"
#undef KERNEL

inline std::vector<const GemmS8Kernel*> gemm_s8_kernels() {
  return {
#define KERNEL(name, isa) &gemm_s8_##name,
#include "kernels/gemm_s8/kernels.inc"
#undef KERNEL
  };
}

}  // namespace edgerun
