// Depthwise convolution by vpdpbusd: four taps of a channel in a 32-bit lane. Weights of more than
// 8 bits are left to avx2.cc.
#include "kernels/dwconv_s8/dwconv_s8.h"

#if EDGERUN_X86
#include <algorithm>
#include <type_traits>
#include <utility>

#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avxvnni,avx2,fma")
namespace edgerun {
namespace {

#include "kernels/x86/avx2.inl"

#include "kernels/x86/unrolled.inl"

using Weight = int8_t;
constexpr int kTaps = 4;

struct Quarters {
  Raw quarter[4];
};
inline Quarters expand(const Raw (&taps)[kTaps]) {
  const Raw low = _mm256_unpacklo_epi8(taps[0], taps[1]),
            high = _mm256_unpackhi_epi8(taps[0], taps[1]);
  const Raw low2 = _mm256_unpacklo_epi8(taps[2], taps[3]),
            high2 = _mm256_unpackhi_epi8(taps[2], taps[3]);
  return {{_mm256_unpacklo_epi16(low, low2), _mm256_unpackhi_epi16(low, low2),
           _mm256_unpacklo_epi16(high, high2), _mm256_unpackhi_epi16(high, high2)}};
}
inline Ints dot(Ints acc, Raw x, Raw y) {
  return to_ints(_mm256_dpbusd_avx_epi32(to_raw(acc), x, y));
}

#include "kernels/dwconv_s8/pixels_256.inl"

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const DwconvS8Kernel dwconv_s8_avxvnni = {
    {"avxvnni", Isa::kAvxVnni}, Signedness::kUnsigned, kBlock, packed_bytes, pack, run,
};

}  // namespace edgerun
#endif
