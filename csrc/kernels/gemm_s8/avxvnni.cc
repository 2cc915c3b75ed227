#include "kernels/gemm_s8/gemm_s8.h"

#if EDGERUN_X86
#include <cstring>
#include <type_traits>
#include <utility>

#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avxvnni,avx2,fma")
namespace edgerun {
namespace {

#include "kernels/x86/avx2.inl"

#include "kernels/gemm_s8/vectors_256.inl"

// Tiles of 3 x 4, 4 x 3, 6 x 2 and 12 x 1, which leave four registers for weights and activations.
constexpr int kAccumulators = 12;

using Activations = __m256i;
using Weights = __m256i;

inline Activations broadcast(const uint8_t* p) { return broadcast_bytes(p); }
inline Weights load_weights(const int8_t* p) { return load_bytes(p); }
inline Ints dot(Ints acc, Activations x, Weights y) {
  return to_ints(_mm256_dpbusd_avx_epi32(to_raw(acc), x, y));
}

#include "kernels/x86/unrolled.inl"

#include "kernels/gemm_s8/tile.inl"

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const GemmS8Kernel gemm_s8_avxvnni = {
    {"avxvnni", Isa::kAvxVnni},
    Signedness::kUnsigned,
    kStep,
    kBlock,
    kAccumulators,
    packed_bytes,
    pack,
    run,
    nullptr,
    nullptr,
    nullptr,
};

}  // namespace edgerun
#endif
