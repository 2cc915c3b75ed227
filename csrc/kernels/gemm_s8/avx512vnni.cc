#include "kernels/gemm_s8/gemm_s8.h"

#if EDGERUN_X86
#include <cstring>
#include <type_traits>
#include <utility>

#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
namespace edgerun {
namespace {

#include "kernels/x86/avx512.inl"

// Tiles of 6 x 4, 8 x 3, 12 x 2 and 12 x 1; the other registers hold weights and activations.
constexpr int kAccumulators = 24;

using Activations = __m512i;
using Weights = __m512i;

inline Ints load_ints(const int32_t* p) { return to_ints(_mm512_loadu_si512(p)); }
inline void store_ints(int32_t* p, Ints x) { _mm512_storeu_si512(p, to_raw(x)); }
inline Ints set_ints(int32_t x) { return to_ints(_mm512_set1_epi32(x)); }
inline Ints add_ints(Ints x, Ints y) { return to_ints(_mm512_add_epi32(to_raw(x), to_raw(y))); }
inline __m512 load_floats(const float* p) { return _mm512_loadu_ps(p); }

inline Activations broadcast(const uint8_t* p) {
  int32_t x;
  std::memcpy(&x, p, sizeof x);
  return _mm512_set1_epi32(x);
}
inline Weights load_weights(const int8_t* p) { return _mm512_loadu_si512(p); }
inline Ints dot(Ints acc, Activations x, Weights y) {
  return to_ints(_mm512_dpbusd_epi32(to_raw(acc), x, y));
}

inline void store(uint8_t* out, const Raw (&x)[4], int columns, const Requantizer& requantizer) {
  const __m512i in_order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i bytes =
      _mm512_permutexvar_epi32(in_order, requantizer.bytes(x[0], x[1], x[2], x[3]));
  if (columns == 64) {
    _mm512_storeu_si512(out, bytes);
  } else {
    _mm512_mask_storeu_epi8(out, mask_of(columns), bytes);
  }
}

#include "kernels/x86/unrolled.inl"

#include "kernels/gemm_s8/tile.inl"

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const GemmS8Kernel gemm_s8_avx512vnni = {
    {"avx512vnni", Isa::kAvx512Vnni},
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
