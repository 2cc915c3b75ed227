// Eight lanes of float32 with AVX2 and FMA. Include it inside the unnamed namespace of a target
// region, after "kernels/vec/x86.h".
//
// The vector types of a float kernel's body that is written once as a template:
//   Float  kLanes float32        Int  kLanes int32        Mask  kLanes truth values
// load and store are unaligned and touch exactly kLanes elements; the partial ones touch the first
// n (0 .. kLanes) and give `fill` for the rest. fma(a, b, c) is a * b + c with one rounding.
// max(a, b) = a > b ? a : b and min(a, b) = a < b ? a : b in this order: a NaN gives `b`.
// round() is half to even. select(m, a, b) is m ? a : b. Integer shifts to the right keep the sign.
// test(a, bit) asks whether the one bit of `bit` is set. All but the bit operations and select()
// treat subnormals as zeros of their sign while a program runs (base/float_mode.h).

struct Avx2F32 {
  static constexpr int kLanes = 8;
  using Int = __m256i;
  using Float = __m256;
  using Mask = __m256;

  static Float set(float x) { return _mm256_set1_ps(x); }
  static Float load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, Float x) { _mm256_storeu_ps(p, x); }
  static Float load_partial(const float* p, int n, float fill) {
    const __m256i first = first_lanes(n);
    return _mm256_blendv_ps(set(fill), _mm256_maskload_ps(p, first), _mm256_castsi256_ps(first));
  }
  static void store_partial(float* p, Float x, int n) { _mm256_maskstore_ps(p, first_lanes(n), x); }

  static Float add(Float a, Float b) { return _mm256_add_ps(a, b); }
  static Float sub(Float a, Float b) { return _mm256_sub_ps(a, b); }
  static Float mul(Float a, Float b) { return _mm256_mul_ps(a, b); }
  static Float div(Float a, Float b) { return _mm256_div_ps(a, b); }
  static Float fma(Float a, Float b, Float c) { return _mm256_fmadd_ps(a, b, c); }
  static Float sqrt(Float x) { return _mm256_sqrt_ps(x); }
  static Float max(Float a, Float b) { return _mm256_max_ps(a, b); }
  static Float min(Float a, Float b) { return _mm256_min_ps(a, b); }

  static Int bits(Float x) { return _mm256_castps_si256(x); }
  static Float from_bits(Int i) { return _mm256_castsi256_ps(i); }
  static Float bit_and(Float a, Float b) { return _mm256_and_ps(a, b); }
  static Float bit_or(Float a, Float b) { return _mm256_or_ps(a, b); }
  static Float bit_xor(Float a, Float b) { return _mm256_xor_ps(a, b); }

  static Float floor(Float x) { return _mm256_floor_ps(x); }
  static Float ceil(Float x) { return _mm256_ceil_ps(x); }
  static Float round(Float x) {
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }

  static Mask lt(Float a, Float b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
  static Mask le(Float a, Float b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
  static Mask unordered(Float x) { return _mm256_cmp_ps(x, x, _CMP_UNORD_Q); }
  static Float select(Mask mask, Float a, Float b) { return _mm256_blendv_ps(b, a, mask); }
  static bool any(Mask mask) { return _mm256_movemask_ps(mask) != 0; }

  static Int set_int(int32_t x) { return _mm256_set1_epi32(x); }
  static Float to_float(Int x) { return _mm256_cvtepi32_ps(x); }
  static Int add(Int a, Int b) { return _mm256_add_epi32(a, b); }
  static Int bit_and(Int a, Int b) { return _mm256_and_si256(a, b); }
  template <int kBits>
  static Int shift_left(Int a) {
    return _mm256_slli_epi32(a, kBits);
  }
  template <int kBits>
  static Int shift_right(Int a) {
    return _mm256_srai_epi32(a, kBits);
  }
  static Mask test(Int a, Int bit) {
    return _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(a, bit), bit));
  }

 private:
  static __m256i first_lanes(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
};
