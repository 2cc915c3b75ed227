// Sixteen float32 of AVX-512. float_avx2.inl says what the operations mean. Include it INSIDE the
// unnamed namespace of a target region, after "kernels/vec/x86.h".

constexpr int kLanes = 16;
using Floats = __m512;
using Mask = __mmask16;

inline Floats load(const float* p) { return _mm512_loadu_ps(p); }
inline void store(float* p, Floats x) { _mm512_storeu_ps(p, x); }
inline Mask first(int n) { return static_cast<Mask>((1u << n) - 1); }
inline Floats load(const float* p, Mask mask) { return _mm512_maskz_loadu_ps(mask, p); }
inline void store(float* p, Floats x, Mask mask) { _mm512_mask_storeu_ps(p, mask, x); }
inline Floats broadcast(float x) { return _mm512_set1_ps(x); }
inline Floats fused(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
inline Floats clamp(Floats x, Floats lo, Floats hi) {
  return _mm512_min_ps(hi, _mm512_max_ps(lo, x));
}
