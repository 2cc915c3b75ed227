#include "kernels/row_sum/row_sum.h"

#if EDGERUN_X86
#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
namespace edgerun {
namespace {

// A signed byte x is the unsigned byte x ^ 0x80, minus 128.
void run(const RowSumArgs& args) {
  const __m512i ones = _mm512_set1_epi8(1);
  const __m512i flip = _mm512_set1_epi8(args.a_signed ? -128 : 0);
  const int whole = args.k / 64 * 64;
  const __mmask64 tail = (uint64_t{1} << (args.k - whole)) - 1;
  const int32_t excess = args.a_signed ? 128 * args.k : 0;
  for (int i = 0; i < args.m; ++i) {
    const uint8_t* a = args.a + i * args.a_stride;
    __m512i even = _mm512_setzero_si512(), odd = even;
    int k = 0;
    for (; k + 128 <= whole; k += 128) {
      even = _mm512_dpbusd_epi32(even, _mm512_xor_si512(_mm512_loadu_si512(a + k), flip), ones);
      odd = _mm512_dpbusd_epi32(odd, _mm512_xor_si512(_mm512_loadu_si512(a + k + 64), flip), ones);
    }
    if (k < whole)
      even = _mm512_dpbusd_epi32(even, _mm512_xor_si512(_mm512_loadu_si512(a + k), flip), ones);
    const __m512i rest = _mm512_maskz_loadu_epi8(tail, a + whole);
    odd = _mm512_dpbusd_epi32(odd, _mm512_maskz_mov_epi8(tail, _mm512_xor_si512(rest, flip)), ones);
    args.out[i] = _mm512_reduce_add_epi32(_mm512_add_epi32(even, odd)) - excess;
  }
}

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const RowSumKernel row_sum_avx512vnni = {{"avx512vnni", Isa::kAvx512Vnni}, run};

}  // namespace edgerun
#endif
