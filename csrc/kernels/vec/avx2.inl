// Eight lanes of AVX2. Include it inside the unnamed namespace of a target region, after
// "kernels/vec/x86.h".
//
// The vector types of a kernel body that is written once as a template:
//   Int    kLanes int32            Float  kLanes float32            Byte  kBytes uint8
// All loads and stores are unaligned and touch exactly kLanes elements (kBytes bytes).
// max(a, b) = a > b ? a : b and min(a, b) = a < b ? a : b in this order: a NaN in `a` gives `b`.
// round() is round-half-even of a value inside int32. store_u8 keeps the low byte of each lane.
// Narrow is a type of fewer lanes for what is left of a run, NarrowBytes one of fewer bytes.

// Sixteen bytes of SSE2.
struct Bytes16 {
  static constexpr int kBytes = 16;
  struct Byte {
    __m128i v;
  };
  static Byte set_byte(uint8_t x) { return {_mm_set1_epi8(static_cast<char>(x))}; }
  static Byte load_bytes(const uint8_t* p) {
    return {_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))};
  }
  static void store_bytes(uint8_t* p, Byte x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), x.v);
  }
  static Byte bit_xor(Byte a, Byte b) { return {_mm_xor_si128(a.v, b.v)}; }
  static Byte max(Byte a, Byte b) { return {_mm_max_epu8(a.v, b.v)}; }
  static Byte min(Byte a, Byte b) { return {_mm_min_epu8(a.v, b.v)}; }
};

struct Avx2Vec {
  static constexpr int kLanes = 8;
  static constexpr int kBytes = 32;
  using Int = __m256i;
  using Float = __m256;
  struct Byte {  // a type of its own: __m256i is taken by Int
    __m256i v;
  };
  using Narrow = ScalarVec;
  using NarrowBytes = Bytes16;

  static Int set_int(int32_t x) { return _mm256_set1_epi32(x); }
  static Int load_u8(const uint8_t* p) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  }
  static Int load_int(const int32_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  static void store_int(int32_t* p, Int x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x);
  }
  static Int add(Int a, Int b) { return _mm256_add_epi32(a, b); }
  static Int sub(Int a, Int b) { return _mm256_sub_epi32(a, b); }
  static Int mul(Int a, Int b) { return _mm256_mullo_epi32(a, b); }
  static Int bit_xor(Int a, Int b) { return _mm256_xor_si256(a, b); }
  template <int kBits>
  static Int shift_right(Int a) {
    return _mm256_srai_epi32(a, kBits);
  }
  static void store_u8(uint8_t* p, Int x) {
    const __m256i first_bytes =
        _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,  //
                         0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    const __m256i bytes = _mm256_shuffle_epi8(x, first_bytes);
    const __m128i joined =
        _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), joined);
  }
  // a, b, c, d one after the other; lanes hold -128..255, so that packing to int16 loses nothing.
  static void store_u8x4(uint8_t* p, Int a, Int b, Int c, Int d) {
    const __m256i low_byte = _mm256_set1_epi16(0xff);
    const __m256i ab = _mm256_and_si256(_mm256_packs_epi32(a, b), low_byte);
    const __m256i cd = _mm256_and_si256(_mm256_packs_epi32(c, d), low_byte);
    // a0 b0 c0 d0 | a1 b1 c1 d1, four bytes each
    const __m256i by_half = _mm256_packus_epi16(ab, cd);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permutevar8x32_epi32(by_half, order));
  }

  static Float set(float x) { return _mm256_set1_ps(x); }
  static Float load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, Float x) { _mm256_storeu_ps(p, x); }
  static Float to_float(Int x) { return _mm256_cvtepi32_ps(x); }
  static Float add(Float a, Float b) { return _mm256_add_ps(a, b); }
  static Float mul(Float a, Float b) { return _mm256_mul_ps(a, b); }
  static Float div(Float a, Float b) { return _mm256_div_ps(a, b); }
  static Float max(Float a, Float b) { return _mm256_max_ps(a, b); }
  static Float min(Float a, Float b) { return _mm256_min_ps(a, b); }
  static Int round(Float x) { return _mm256_cvtps_epi32(x); }

  static Byte set_byte(uint8_t x) { return {_mm256_set1_epi8(static_cast<char>(x))}; }
  static Byte load_bytes(const uint8_t* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
  }
  static void store_bytes(uint8_t* p, Byte x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x.v);
  }
  static Byte bit_xor(Byte a, Byte b) { return {_mm256_xor_si256(a.v, b.v)}; }
  static Byte max(Byte a, Byte b) { return {_mm256_max_epu8(a.v, b.v)}; }
  static Byte min(Byte a, Byte b) { return {_mm256_min_epu8(a.v, b.v)}; }
};
