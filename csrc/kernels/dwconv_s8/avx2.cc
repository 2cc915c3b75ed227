// Depthwise convolution by vpmaddwd: two taps of a channel, widened to 16 bits, in a 32-bit lane.
// Exact for any weights.
#include "kernels/dwconv_s8/dwconv_s8.h"

#if EDGERUN_X86
#include <algorithm>
#include <type_traits>
#include <utility>

#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx2,fma")
namespace edgerun {
namespace {

#include "kernels/x86/avx2.inl"

#include "kernels/x86/unrolled.inl"

using Weight = int16_t;
constexpr int kTaps = 2;

struct Quarters {
  Raw quarter[4];
};
inline Quarters expand(const Raw (&taps)[kTaps]) {
  const Raw low = _mm256_unpacklo_epi8(taps[0], taps[1]),
            high = _mm256_unpackhi_epi8(taps[0], taps[1]);
  const Raw zero = _mm256_setzero_si256();
  return {{_mm256_unpacklo_epi8(low, zero), _mm256_unpackhi_epi8(low, zero),
           _mm256_unpacklo_epi8(high, zero), _mm256_unpackhi_epi8(high, zero)}};
}
inline Ints dot(Ints acc, Raw x, Raw y) {
  return to_ints(_mm256_add_epi32(to_raw(acc), _mm256_madd_epi16(x, y)));
}

#include "kernels/dwconv_s8/pixels_256.inl"

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const DwconvS8Kernel dwconv_s8_avx2 = {
    {"avx2", Isa::kAvx2}, Signedness::kUnsigned, kBlock, packed_bytes, pack, run,
};

}  // namespace edgerun
#endif
