// What tile.inl wants to know of 256-bit vectors, apart from the dot product. Included after
// kernels/x86/avx2.inl.

inline Ints load_ints(const int32_t* p) {
  return to_ints(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline void store_ints(int32_t* p, Ints x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), to_raw(x));
}
inline Ints set_ints(int32_t x) { return to_ints(_mm256_set1_epi32(x)); }
inline Ints add_ints(Ints x, Ints y) { return to_ints(_mm256_add_epi32(to_raw(x), to_raw(y))); }
inline __m256 load_floats(const float* p) { return _mm256_loadu_ps(p); }

inline __m256i load_bytes(const int8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline __m256i broadcast_bytes(const uint8_t* p) {
  int32_t x;
  std::memcpy(&x, p, sizeof x);
  return _mm256_set1_epi32(x);
}

inline void store(uint8_t* out, const Raw (&x)[4], int columns, const Requantizer& requantizer) {
  const __m256i in_order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  const __m256i bytes =
      _mm256_permutevar8x32_epi32(requantizer.bytes(x[0], x[1], x[2], x[3]), in_order);
  if (columns == 32) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), bytes);
  } else {
    alignas(32) uint8_t buffer[32];
    _mm256_store_si256(reinterpret_cast<__m256i*>(buffer), bytes);
    std::memcpy(out, buffer, static_cast<size_t>(columns));
  }
}
