#include "kernels/table/table.h"

#if EDGERUN_X86
#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx2")
namespace edgerun {
namespace {

#include "kernels/table/shuffle.inl"

struct ByteVec {
  static constexpr ptrdiff_t kBytes = 32;
  using Byte = __m256i;
  static Byte set(char x) { return _mm256_set1_epi8(x); }
  static Byte load(const uint8_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  static void store(uint8_t* p, Byte x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x); }
  static Byte broadcast(const uint8_t* p) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static Byte shuffle(Byte table, Byte index) { return _mm256_shuffle_epi8(table, index); }
  static Byte bit_xor(Byte a, Byte b) { return _mm256_xor_si256(a, b); }
  static Byte sub(Byte a, Byte b) { return _mm256_sub_epi8(a, b); }
  static Byte sub_saturating(Byte a, Byte b) { return _mm256_subs_epi8(a, b); }
};

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const TableKernel table_avx2 = {{"avx2", Isa::kAvx2}, shuffle_lookup<ByteVec>};

}  // namespace edgerun
#endif
