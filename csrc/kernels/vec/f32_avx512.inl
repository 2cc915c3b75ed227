// Sixteen lanes of float32 with AVX-512 (F, DQ). Read f32_avx2.inl for the meaning of the
// operations. Include it inside the unnamed namespace of a target region, after
// "kernels/vec/x86.h".

struct Avx512F32 {
  static constexpr int kLanes = 16;
  using Int = __m512i;
  using Float = __m512;
  using Mask = __mmask16;

  static Float set(float x) { return _mm512_set1_ps(x); }
  static Float load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, Float x) { _mm512_storeu_ps(p, x); }
  static Float load_partial(const float* p, int n, float fill) {
    return _mm512_mask_loadu_ps(set(fill), first_lanes(n), p);
  }
  static void store_partial(float* p, Float x, int n) {
    _mm512_mask_storeu_ps(p, first_lanes(n), x);
  }

  static Float add(Float a, Float b) { return _mm512_add_ps(a, b); }
  static Float sub(Float a, Float b) { return _mm512_sub_ps(a, b); }
  static Float mul(Float a, Float b) { return _mm512_mul_ps(a, b); }
  static Float div(Float a, Float b) { return _mm512_div_ps(a, b); }
  static Float fma(Float a, Float b, Float c) { return _mm512_fmadd_ps(a, b, c); }
  static Float sqrt(Float x) { return _mm512_sqrt_ps(x); }
  static Float max(Float a, Float b) { return _mm512_max_ps(a, b); }
  static Float min(Float a, Float b) { return _mm512_min_ps(a, b); }

  static Int bits(Float x) { return _mm512_castps_si512(x); }
  static Float from_bits(Int i) { return _mm512_castsi512_ps(i); }
  static Float bit_and(Float a, Float b) { return _mm512_and_ps(a, b); }
  static Float bit_or(Float a, Float b) { return _mm512_or_ps(a, b); }
  static Float bit_xor(Float a, Float b) { return _mm512_xor_ps(a, b); }

  static Float floor(Float x) {
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  }
  static Float ceil(Float x) {
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
  }
  static Float round(Float x) {
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }

  static Mask lt(Float a, Float b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
  static Mask le(Float a, Float b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
  static Mask unordered(Float x) { return _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q); }
  static Float select(Mask mask, Float a, Float b) { return _mm512_mask_blend_ps(mask, b, a); }
  static bool any(Mask mask) { return mask != 0; }

  static Int set_int(int32_t x) { return _mm512_set1_epi32(x); }
  static Float to_float(Int x) { return _mm512_cvtepi32_ps(x); }
  static Int add(Int a, Int b) { return _mm512_add_epi32(a, b); }
  static Int bit_and(Int a, Int b) { return _mm512_and_si512(a, b); }
  template <int kBits>
  static Int shift_left(Int a) {
    return _mm512_slli_epi32(a, kBits);
  }
  template <int kBits>
  static Int shift_right(Int a) {
    return _mm512_srai_epi32(a, kBits);
  }
  static Mask test(Int a, Int bit) { return _mm512_test_epi32_mask(a, bit); }

 private:
  static __mmask16 first_lanes(int n) { return static_cast<__mmask16>((1u << n) - 1); }
};
