// Vectors of float32 for kernels that are chains of fused multiply-adds. Include it INSIDE the
// unnamed namespace of a target region, after "kernels/vec/x86.h". Every float_*.inl has:
//
//   Floats, kLanes                     the vector and its lanes
//   load(p), store(p, x)               kLanes floats, unaligned
//   first(n)                           a Mask of the first n lanes, 0 <= n <= kLanes
//   load(p, mask), store(p, x, mask)   touch those only; the other lanes are loaded as zero
//   broadcast(x)                       x in every lane
//   fused(a, b, c)                     a * b + c, rounded once
//   clamp(x, lo, hi)                   clamp_float of base/multiply_add.h: a NaN stays one

constexpr int kLanes = 8;
using Floats = __m256;
using Mask = __m256i;

inline Floats load(const float* p) { return _mm256_loadu_ps(p); }
inline void store(float* p, Floats x) { _mm256_storeu_ps(p, x); }
inline Mask first(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline Floats load(const float* p, Mask mask) { return _mm256_maskload_ps(p, mask); }
inline void store(float* p, Floats x, Mask mask) { _mm256_maskstore_ps(p, mask, x); }
inline Floats broadcast(float x) { return _mm256_set1_ps(x); }
inline Floats fused(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
// maxps and minps give their second operand where either is a NaN.
inline Floats clamp(Floats x, Floats lo, Floats hi) {
  return _mm256_min_ps(hi, _mm256_max_ps(lo, x));
}
