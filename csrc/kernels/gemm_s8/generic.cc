#include <cstring>

#include "kernels/gemm_s8/gemm_s8.h"

namespace edgerun {
namespace {

size_t packed_bytes(int n, int k) { return static_cast<size_t>(n) * static_cast<size_t>(k); }

void pack(const int8_t* w, int n, int k, void* packed) { std::memcpy(packed, w, packed_bytes(n, k)); }

void run(const GemmS8Args& args) {
  const auto* w = static_cast<const int8_t*>(args.packed);
  for (int i = 0; i < args.m; ++i) {
    const uint8_t* a = args.a + i * args.a_stride;
    const int32_t row_offset = args.row_offset == nullptr ? 0 : args.row_offset[i];
    for (int j = args.n_begin; j < args.n_end; ++j) {
      const int8_t* wj = w + static_cast<ptrdiff_t>(j) * args.k;
      uint32_t acc = static_cast<uint32_t>(args.bias[j]) + static_cast<uint32_t>(row_offset);
      for (int k = 0; k < args.k; ++k) {
        const int x = args.a_signed ? static_cast<int8_t>(a[k]) : a[k];
        acc += static_cast<uint32_t>(x * wj[k]);
      }
      if (args.sums != nullptr) {
        args.sums[i * args.sums_stride + j] = static_cast<int32_t>(acc);
        continue;
      }
      args.out[i * args.out_stride + j] =
          static_cast<uint8_t>(requantize(static_cast<int32_t>(acc), args.multiplier[j], args.range));
    }
  }
}

}  // namespace

const GemmS8Kernel gemm_s8_generic = {
    {"generic", Isa::kGeneric}, Signedness::kAny, 1, 1, 1, packed_bytes, pack, run, nullptr, nullptr, nullptr,
};

}  // namespace edgerun
