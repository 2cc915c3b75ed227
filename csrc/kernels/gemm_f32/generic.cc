#include "base/multiply_add.h"
#include "kernels/gemm_f32/gemm_f32.h"

namespace edgerun {
namespace {

size_t packed_floats(int n, int k) { return static_cast<size_t>(n) * static_cast<size_t>(k); }

void pack(const float* w, ptrdiff_t column_stride, ptrdiff_t depth_stride, int n, int k, float* packed) {
  for (int j = 0; j < n; ++j) {
    for (int d = 0; d < k; ++d) *packed++ = w[j * column_stride + d * depth_stride];
  }
}

void run(const GemmF32Args& args) {
  for (int i = 0; i < args.m; ++i) {
    const float* a = args.a + i * args.a_stride;
    for (int j = args.n_begin; j < args.n_end; ++j) {
      const float* w = args.packed + static_cast<ptrdiff_t>(j) * args.k;
      float acc = args.bias[j];
      for (int k = 0; k < args.k; ++k) acc = multiply_add(a[k], w[k], acc);
      args.out[i * args.out_stride + j] = clamp_float(acc, args.lo, args.hi);
    }
  }
}

}  // namespace

const GemmF32Kernel gemm_f32_generic = {
    {"generic", Isa::kGeneric}, 1, 1, packed_floats, pack, run,
};

}  // namespace edgerun
