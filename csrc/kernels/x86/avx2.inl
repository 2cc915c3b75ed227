// Requantisation in AVX2 registers, thirty-two at a time. Include it INSIDE the unnamed namespace
// of a target region, after "kernels/vec/x86.h" and "base/requantize.h".

constexpr int kLanes = 8;  // int32 lanes of a vector

// Eight int32. Not __m256i, whose elements are of 64 bits: where a sum goes round a loop as one
// type and leaves it as the other, g++ keeps two copies of it, and has no registers for them.
typedef int32_t Ints __attribute__((vector_size(32)));

using Raw = __m256i;
inline Raw to_raw(Ints x) { return reinterpret_cast<Raw>(x); }
inline Ints to_ints(Raw x) { return reinterpret_cast<Ints>(x); }

// base/requantize.h on vectors, in two steps: scale() each vector of sums, then bytes() of four of
// them. Only the upper bound must hold before the conversion, which turns what is too large into
// INT_MIN; the lower one is cheaper on 16-bit lanes, where INT_MIN is very low still.
struct Requantizer {
  __m256 hi;
  __m256i lo, zero_point;  // 16-bit lanes
  __m256i flip;            // signed storage is packed as unsigned, 128 higher

  explicit Requantizer(const OutputRange& range) {
    const int offset = range.lo + static_cast<float>(range.zero_point) < 0 ? 128 : 0;
    hi = _mm256_set1_ps(range.hi);
    lo = _mm256_set1_epi16(static_cast<int16_t>(range.lo));
    zero_point = _mm256_set1_epi16(static_cast<int16_t>(range.zero_point + offset));
    flip = _mm256_set1_epi8(static_cast<char>(offset));
  }

  Raw scale(Raw acc, __m256 multiplier) const {
    return _mm256_cvtps_epi32(
        _mm256_min_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(acc), multiplier), hi));
  }

  // Within each 128-bit lane of the result: four bytes of x0, of x1, of x2, of x3.
  Raw bytes(Raw x0, Raw x1, Raw x2, Raw x3) const {
    const __m256i a =
        _mm256_add_epi16(_mm256_max_epi16(_mm256_packs_epi32(x0, x1), lo), zero_point);
    const __m256i b =
        _mm256_add_epi16(_mm256_max_epi16(_mm256_packs_epi32(x2, x3), lo), zero_point);
    return _mm256_xor_si256(_mm256_packus_epi16(a, b), flip);
  }
};
