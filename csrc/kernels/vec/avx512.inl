// Sixteen lanes of AVX-512 (F, BW). Read avx2.inl for the meaning of the operations. Include it
// inside the unnamed namespace of a target region, after "kernels/vec/x86.h".

#include "kernels/vec/avx2.inl"

struct Avx512Vec {
  static constexpr int kLanes = 16;
  static constexpr int kBytes = 64;
  using Int = __m512i;
  using Float = __m512;
  struct Byte {
    __m512i v;
  };
  using Narrow = Avx2Vec;
  using NarrowBytes = Bytes16;

  static Int set_int(int32_t x) { return _mm512_set1_epi32(x); }
  static Int load_u8(const uint8_t* p) {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static Int load_int(const int32_t* p) { return _mm512_loadu_si512(p); }
  static void store_int(int32_t* p, Int x) { _mm512_storeu_si512(p, x); }
  static Int add(Int a, Int b) { return _mm512_add_epi32(a, b); }
  static Int sub(Int a, Int b) { return _mm512_sub_epi32(a, b); }
  static Int mul(Int a, Int b) { return _mm512_mullo_epi32(a, b); }
  static Int bit_xor(Int a, Int b) { return _mm512_xor_si512(a, b); }
  template <int kBits>
  static Int shift_right(Int a) {
    return _mm512_srai_epi32(a, kBits);
  }
  static void store_u8(uint8_t* p, Int x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(x));
  }
  static void store_u8x4(uint8_t* p, Int a, Int b, Int c, Int d) {
    store_u8(p, a);
    store_u8(p + 16, b);
    store_u8(p + 32, c);
    store_u8(p + 48, d);
  }

  static Float set(float x) { return _mm512_set1_ps(x); }
  static Float load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, Float x) { _mm512_storeu_ps(p, x); }
  static Float to_float(Int x) { return _mm512_cvtepi32_ps(x); }
  static Float add(Float a, Float b) { return _mm512_add_ps(a, b); }
  static Float mul(Float a, Float b) { return _mm512_mul_ps(a, b); }
  static Float div(Float a, Float b) { return _mm512_div_ps(a, b); }
  static Float max(Float a, Float b) { return _mm512_max_ps(a, b); }
  static Float min(Float a, Float b) { return _mm512_min_ps(a, b); }
  static Int round(Float x) { return _mm512_cvtps_epi32(x); }

  static Byte set_byte(uint8_t x) { return {_mm512_set1_epi8(static_cast<char>(x))}; }
  static Byte load_bytes(const uint8_t* p) { return {_mm512_loadu_si512(p)}; }
  static void store_bytes(uint8_t* p, Byte x) { _mm512_storeu_si512(p, x.v); }
  static Byte bit_xor(Byte a, Byte b) { return {_mm512_xor_si512(a.v, b.v)}; }
  static Byte max(Byte a, Byte b) { return {_mm512_max_epu8(a.v, b.v)}; }
  static Byte min(Byte a, Byte b) { return {_mm512_min_epu8(a.v, b.v)}; }
};
