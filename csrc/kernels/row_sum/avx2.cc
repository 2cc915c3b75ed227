#include "kernels/row_sum/row_sum.h"

#if EDGERUN_X86
#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx2,fma")
namespace edgerun {
namespace {

// vpsadbw against zero sums eight unsigned bytes; a signed byte x is the unsigned byte x ^ 0x80,
// minus 128.
void run(const RowSumArgs& args) {
  const __m256i zero = _mm256_setzero_si256();
  const int flip_byte = args.a_signed ? 0x80 : 0;
  const __m256i flip = _mm256_set1_epi8(static_cast<char>(flip_byte));
  const int whole = args.k / 32 * 32;
  const int32_t excess = flip_byte * args.k;
  for (int i = 0; i < args.m; ++i) {
    const uint8_t* a = args.a + i * args.a_stride;
    __m256i sums = zero;
    for (int k = 0; k < whole; k += 32) {
      const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(a + k));
      sums = _mm256_add_epi64(sums, _mm256_sad_epu8(_mm256_xor_si256(x, flip), zero));
    }
    const __m128i halves =
        _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    int32_t sum = _mm_cvtsi128_si32(_mm_add_epi64(halves, _mm_unpackhi_epi64(halves, halves)));
    for (int k = whole; k < args.k; ++k) sum += a[k] ^ flip_byte;
    args.out[i] = sum - excess;
  }
}

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const RowSumKernel row_sum_avx2 = {{"avx2", Isa::kAvx2}, run};

}  // namespace edgerun
#endif
