// Requantisation in AVX-512 registers, sixty-four at a time. Include it INSIDE the unnamed
// namespace of a target region, after "kernels/vec/x86.h" and "base/requantize.h".

constexpr int kLanes = 16;  // int32 lanes of a vector

// Sixteen int32. Not __m512i, whose elements are of 64 bits: where a sum goes round a loop as one
// type and leaves it as the other, g++ keeps two copies of it, and has no registers for them.
typedef int32_t Ints __attribute__((vector_size(64)));

using Raw = __m512i;
inline Raw to_raw(Ints x) { return reinterpret_cast<Raw>(x); }
inline Ints to_ints(Raw x) { return reinterpret_cast<Ints>(x); }

inline uint64_t mask_of(int bytes) {
  return bytes >= 64 ? ~uint64_t{0} : (uint64_t{1} << bytes) - 1;
}

// base/requantize.h on vectors, in two steps: scale() each vector of sums, then bytes() of four of
// them. Only the upper bound must hold before the conversion, which turns what is too large into
// INT_MIN; the lower one is cheaper on 16-bit lanes, where INT_MIN is very low still.
struct Requantizer {
  __m512 hi, low;
  __m512i lo, zero_point;  // 16-bit lanes
  __m512i flip;            // signed storage is packed as unsigned, 128 higher

  explicit Requantizer(const OutputRange& range) {
    const int offset = range.lo + static_cast<float>(range.zero_point) < 0 ? 128 : 0;
    hi = _mm512_set1_ps(range.hi);
    low = _mm512_set1_ps(range.lo);
    lo = _mm512_set1_epi16(static_cast<int16_t>(range.lo));
    zero_point = _mm512_set1_epi16(static_cast<int16_t>(range.zero_point + offset));
    flip = _mm512_set1_epi8(static_cast<char>(offset));
  }

  Raw scale(Raw acc, __m512 multiplier) const {
    return _mm512_cvtps_epi32(
        _mm512_min_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(acc), multiplier), hi));
  }

  // All but the zero point at once, for a vector on its own.
  Raw round(Raw acc, __m512 multiplier) const {
    const __m512 p = _mm512_mul_ps(_mm512_cvtepi32_ps(acc), multiplier);
    return _mm512_cvtps_epi32(_mm512_min_ps(_mm512_max_ps(p, low), hi));
  }

  // Within each 128-bit lane of the result: four bytes of x0, of x1, of x2, of x3.
  Raw bytes(Raw x0, Raw x1, Raw x2, Raw x3) const {
    const __m512i a =
        _mm512_add_epi16(_mm512_max_epi16(_mm512_packs_epi32(x0, x1), lo), zero_point);
    const __m512i b =
        _mm512_add_epi16(_mm512_max_epi16(_mm512_packs_epi32(x2, x3), lo), zero_point);
    return _mm512_xor_si512(_mm512_packus_epi16(a, b), flip);
  }
};
