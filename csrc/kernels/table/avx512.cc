#include "kernels/table/table.h"

#if EDGERUN_X86
#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx512f,avx512bw")
namespace edgerun {
namespace {

#include "kernels/table/shuffle.inl"

struct ByteVec {
  static constexpr ptrdiff_t kBytes = 64;
  using Byte = __m512i;
  static Byte set(char x) { return _mm512_set1_epi8(x); }
  static Byte load(const uint8_t* p) { return _mm512_loadu_si512(p); }
  static void store(uint8_t* p, Byte x) { _mm512_storeu_si512(p, x); }
  static Byte broadcast(const uint8_t* p) {
    return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static Byte shuffle(Byte table, Byte index) { return _mm512_shuffle_epi8(table, index); }
  static Byte bit_xor(Byte a, Byte b) { return _mm512_xor_si512(a, b); }
  static Byte sub(Byte a, Byte b) { return _mm512_sub_epi8(a, b); }
  static Byte sub_saturating(Byte a, Byte b) { return _mm512_subs_epi8(a, b); }
};

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const TableKernel table_avx512 = {{"avx512", Isa::kAvx512Vnni}, shuffle_lookup<ByteVec>};

}  // namespace edgerun
#endif
