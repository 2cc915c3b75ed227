#include "kernels/gemm_s8/gemm_s8.h"

#if EDGERUN_X86
#include <cstring>
#include <type_traits>
#include <utility>

#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx2,fma")
namespace edgerun {
namespace {

#include "kernels/x86/avx2.inl"

#include "kernels/gemm_s8/vectors_256.inl"

// Products of bytes widened to 16 bits, in pairs: exact, where vpmaddubsw would saturate. The first
// and third byte of each four are one pair, the second and fourth the other.
struct Pairs {
  __m256i even, odd;
};
using Activations = Pairs;
using Weights = Pairs;

// Tiles of 3 x 4, 4 x 3, 6 x 2 and 12 x 1, measured: spilling some operands costs less than smaller
// tiles.
constexpr int kAccumulators = 12;

inline Activations broadcast(const uint8_t* p) {
  const __m256i x = broadcast_bytes(p);
  return {_mm256_and_si256(x, _mm256_set1_epi16(0xff)), _mm256_srli_epi16(x, 8)};
}
inline Weights load_weights(const int8_t* p) {
  const __m256i y = load_bytes(p);
  return {_mm256_srai_epi16(_mm256_slli_epi16(y, 8), 8), _mm256_srai_epi16(y, 8)};
}
inline Ints dot(Ints acc, Activations x, Weights y) {
  acc = add_ints(acc, to_ints(_mm256_madd_epi16(x.even, y.even)));
  return add_ints(acc, to_ints(_mm256_madd_epi16(x.odd, y.odd)));
}

#include "kernels/x86/unrolled.inl"

#include "kernels/gemm_s8/tile.inl"

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const GemmS8Kernel gemm_s8_avx2 = {
    {"avx2", Isa::kAvx2},
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
