#include "kernels/picture/scalar.h"

#if EDGERUN_X86
#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx2,fma")
namespace edgerun {
namespace {

__m256i load(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
__m128i load_half(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }
__m128i load_eight(const void* from) { return _mm_loadl_epi64(static_cast<const __m128i*>(from)); }
void store(void* to, __m256i x) { _mm256_storeu_si256(static_cast<__m256i*>(to), x); }
void store_half(void* to, __m128i x) { _mm_storeu_si128(static_cast<__m128i*>(to), x); }
void store_eight(void* to, __m128i x) { _mm_storel_epi64(static_cast<__m128i*>(to), x); }

// Eight 32-bit numbers as bytes 0 .. 255 or, saturated, as their sign says.
__m128i narrow(__m256i x, bool is_signed = false) {
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  return is_signed ? _mm_packs_epi16(words, words) : _mm_packus_epi16(words, words);
}

// Bytes of eight pixels, one plane each, to 24 of all.
void store_interleaved(uint8_t* out, __m128i b, __m128i g, __m128i r) {
  const __m128i bg = _mm_unpacklo_epi8(b, g);  // b0 g0 b1 g1 ..
  const __m128i low = _mm_or_si128(
      _mm_shuffle_epi8(bg, _mm_setr_epi8(0, 1, -1, 2, 3, -1, 4, 5, -1, 6, 7, -1, 8, 9, -1, 10)),
      _mm_shuffle_epi8(r, _mm_setr_epi8(-1, -1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1)));
  const __m128i high = _mm_or_si128(
      _mm_shuffle_epi8(bg,
                       _mm_setr_epi8(11, -1, 12, 13, -1, 14, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1)),
      _mm_shuffle_epi8(r, _mm_setr_epi8(-1, 5, -1, -1, 6, -1, -1, 7, -1, -1, -1, -1, -1, -1, -1, -1)));
  store_half(out, low);
  store_eight(out + 16, high);
}

__m256i times(__m256i value, int32_t factor) { return _mm256_mullo_epi32(value, _mm256_set1_epi32(factor)); }

void from_yuv(const YuvRowArgs& a) {
  const __m256i half = _mm256_set1_epi32(1 << 19), middle = _mm256_set1_epi32(128);
  const __m128i even = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, -1, -1, -1, -1, -1, -1, -1, -1);
  const __m128i pairs = _mm_setr_epi8(0, 0, 1, 1, 2, 2, 3, 3, -1, -1, -1, -1, -1, -1, -1, -1);
  const __m128i second = _mm_setr_epi8(0, 0, 2, 2, 4, 4, 6, 6, -1, -1, -1, -1, -1, -1, -1, -1);
  const __m128i fourth = _mm_setr_epi8(0, 0, 4, 4, 8, 8, 12, 12, -1, -1, -1, -1, -1, -1, -1, -1);
  const __m128i spread = a.chroma_step == 1 ? pairs : a.chroma_step == 2 ? second : fourth;
  int x = 0;
  for (; x + 32 <= a.n; x += 8) {  // as many bytes as are read are there
    __m128i luma = load_half(a.y + x * a.y_step);
    if (a.y_step == 2) luma = _mm_shuffle_epi8(luma, even);
    const ptrdiff_t pair = static_cast<ptrdiff_t>(x / 2) * a.chroma_step;
    const __m128i cb = _mm_shuffle_epi8(load_half(a.u + pair), spread);
    const __m128i cr = _mm_shuffle_epi8(load_half(a.v + pair), spread);
    const __m256i u = _mm256_sub_epi32(_mm256_cvtepu8_epi32(cb), middle);
    const __m256i v = _mm256_sub_epi32(_mm256_cvtepu8_epi32(cr), middle);
    const __m256i above = _mm256_cvtepu8_epi32(_mm_subs_epu8(luma, _mm_set1_epi8(16)));
    const __m256i y = _mm256_add_epi32(_mm256_mullo_epi32(above, _mm256_set1_epi32(kLuma)), half);
    const __m256i blue = _mm256_add_epi32(y, times(u, kBlueU));
    const __m256i green = _mm256_add_epi32(_mm256_add_epi32(y, times(u, kGreenU)), times(v, kGreenV));
    const __m256i red = _mm256_add_epi32(y, times(v, kRedV));
    store_interleaved(a.out + 3 * x, narrow(_mm256_srai_epi32(blue, 20)),
                      narrow(_mm256_srai_epi32(green, 20)), narrow(_mm256_srai_epi32(red, 20)));
  }
  yuv_pixels(a, x);
}

__m256i words(const uint8_t* from) { return _mm256_cvtepu8_epi16(load_half(from)); }

void blend_one(const uint8_t* row, int n, int16_t* out) {
  for (int i = 0; i < n; i += 16) store(out + i, _mm256_slli_epi16(words(row + i), 7));
}

// (a * (2^14 - w) + b * w + 2^6) >> 7 is a * 2^7 + ((b - a) * w + 2^6 >> 7), and that is what the
// rounding product of 16 bits gives for (b - a) * 2^7 and 2 * w, which must be below 2^15.
void blend_two(const uint8_t* a, const uint8_t* b, int16_t weight, int n, int16_t* out) {
  const __m256i w = _mm256_set1_epi16(static_cast<int16_t>(2 * weight));
  for (int i = 0; i < n; i += 16) {
    const __m256i x = _mm256_slli_epi16(words(a + i), 7), y = _mm256_slli_epi16(words(b + i), 7);
    store(out + i, _mm256_add_epi16(x, _mm256_mulhrs_epi16(_mm256_sub_epi16(y, x), w)));
  }
}

void blend_many(const BlendArgs& a, int n) {
  const __m256i zero = _mm256_setzero_si256(), half = _mm256_set1_epi32(1 << 6);
  for (int i = 0; i < n; i += 32) {
    __m256i sum0 = half, sum1 = half, sum2 = half, sum3 = half;
    for (int r = 0; r < a.count; r += 2) {
      const bool two = r + 1 < a.count;
      const uint32_t second = two ? static_cast<uint16_t>(a.weights[r + 1]) : 0;
      const auto pair = static_cast<int32_t>(static_cast<uint16_t>(a.weights[r]) | second << 16);
      const __m256i w = _mm256_set1_epi32(pair);
      const __m256i x = load(a.rows[r] + i), y = two ? load(a.rows[r + 1] + i) : zero;
      const __m256i low = _mm256_unpacklo_epi8(x, y), high = _mm256_unpackhi_epi8(x, y);
      sum0 = _mm256_add_epi32(sum0, _mm256_madd_epi16(_mm256_unpacklo_epi8(low, zero), w));
      sum1 = _mm256_add_epi32(sum1, _mm256_madd_epi16(_mm256_unpackhi_epi8(low, zero), w));
      sum2 = _mm256_add_epi32(sum2, _mm256_madd_epi16(_mm256_unpacklo_epi8(high, zero), w));
      sum3 = _mm256_add_epi32(sum3, _mm256_madd_epi16(_mm256_unpackhi_epi8(high, zero), w));
    }
    const __m256i low = _mm256_packs_epi32(_mm256_srai_epi32(sum0, 7), _mm256_srai_epi32(sum1, 7));
    const __m256i high = _mm256_packs_epi32(_mm256_srai_epi32(sum2, 7), _mm256_srai_epi32(sum3, 7));
    store(a.out + i, _mm256_permute2x128_si256(low, high, 0x20));
    store(a.out + i + 16, _mm256_permute2x128_si256(low, high, 0x31));
  }
}

void blend(const BlendArgs& a) {
  const bool one = a.count == 1 || (a.count == 2 && a.weights[1] == 0);
  int whole = a.n / 16 * 16;
  if (one) {
    blend_one(a.rows[0], whole, a.out);
  } else if (a.count == 2 && a.weights[0] == 0) {
    blend_one(a.rows[1], whole, a.out);
  } else if (a.count == 2) {
    blend_two(a.rows[0], a.rows[1], a.weights[1], whole, a.out);
  } else {
    whole = a.n / 32 * 32;
    blend_many(a, whole);
  }
  blend_bytes(a, whole);
}

// (first, first) (second, second) pairs of 16 bits: one in each half, four times.
__m256i pair_of_weights(const int16_t* from) {
  const __m256i both = _mm256_broadcastq_epi64(load_eight(from));
  return _mm256_shuffle_epi8(both, _mm256_setr_epi8(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5,
                                                    6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7));
}

// b g r b' g' r' of each half as (b, b') (g, g') (r, r') (r, r').
__m256i channel_pairs(const int16_t* first, const int16_t* second) {
  const __m256i x =
      _mm256_inserti128_si256(_mm256_castsi128_si256(load_half(first)), load_half(second), 1);
  return _mm256_shuffle_epi8(
      x, _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11, 4, 5, 10, 11)));
}

void resample_pairs(const ResampleArgs& a) {
  const __m256i half = _mm256_set1_epi32(1 << 20);
  const __m128i three_of_four = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
  int x = 0;
  for (; x + 4 <= a.n; x += 4) {
    const int32_t* at = a.at + x;
    const int16_t* weights = a.weights + 2 * x;
    const __m256i p01 =
        _mm256_madd_epi16(channel_pairs(a.row + at[0], a.row + at[1]), pair_of_weights(weights));
    const __m256i p23 =
        _mm256_madd_epi16(channel_pairs(a.row + at[2], a.row + at[3]), pair_of_weights(weights + 4));
    const __m256i words = _mm256_packs_epi32(_mm256_srai_epi32(_mm256_add_epi32(p01, half), 21),
                                             _mm256_srai_epi32(_mm256_add_epi32(p23, half), 21));
    const __m256i bytes = _mm256_packus_epi16(words, words);  // pixels 0 2 | 1 3
    const __m128i four =
        _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
    store_half(a.out + 3 * x, _mm_shuffle_epi8(four, three_of_four));
  }
  resample_pixels(a, x);
}

void resample_many(const ResampleArgs& a) {
  const __m128i half = _mm_set1_epi32(1 << 20);
  for (int x = 0; x < a.n; ++x) {
    const int16_t* row = a.row + a.at[x];
    const int16_t* weights = a.weights + static_cast<ptrdiff_t>(x) * a.taps;
    __m256i sums = _mm256_setzero_si256();
    for (int t = 0; t < a.taps; t += 4) {
      const __m256i pairs = channel_pairs(row + 3 * t, row + 3 * t + 6);
      sums = _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, pair_of_weights(weights + t)));
    }
    const __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    const __m128i pixel = _mm_srai_epi32(_mm_add_epi32(sum, half), 21);
    const __m128i words = _mm_packs_epi32(pixel, pixel);
    const int32_t bytes = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
    std::memcpy(a.out + 3 * x, &bytes, sizeof(bytes));
  }
}

// Two neighbours of 16 bits are one of 32: gathered as pairs.
void resample_grey(const ResampleArgs& a) {
  const __m256i half = _mm256_set1_epi32(1 << 20), two = _mm256_set1_epi32(2);
  const int pairs = a.taps / 2;
  const __m256i lanes =
      _mm256_mullo_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(pairs));
  const int* row = reinterpret_cast<const int*>(a.row);
  const int* weights = reinterpret_cast<const int*>(a.weights);
  int x = 0;
  for (; x + 8 <= a.n; x += 8) {
    __m256i at = load(a.at + x), sums = half;
    for (int t = 0; t < pairs; ++t) {
      const __m256i w =
          _mm256_i32gather_epi32(weights + static_cast<ptrdiff_t>(x) * pairs + t, lanes, 4);
      sums = _mm256_add_epi32(sums, _mm256_madd_epi16(_mm256_i32gather_epi32(row, at, 2), w));
      at = _mm256_add_epi32(at, two);
    }
    store_eight(a.out + x, narrow(_mm256_srai_epi32(sums, 21)));
  }
  resample_pixels(a, x);
}

void resample(const ResampleArgs& a) {
  if (a.channels == 1)
    resample_grey(a);
  else if (a.taps == 2)
    resample_pairs(a);
  else
    resample_many(a);
}

// Of two pixels, one in each half: two neighbours of 8 bits as 128 times that, in 16.
__m256i neighbours(const uint8_t* first, const uint8_t* second) {
  const __m128i bytes = _mm_unpacklo_epi64(load_eight(first), load_eight(second));
  return _mm256_slli_epi16(_mm256_cvtepu8_epi16(bytes), 7);
}

void shrink(const ShrinkArgs& a) {
  const __m256i half = _mm256_set1_epi32(1 << 20);
  const __m256i down = _mm256_set1_epi16(static_cast<int16_t>(2 * a.row_weights[1]));
  const __m256i pairs =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11, 4, 5, 10, 11));
  const __m128i three_of_four = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
  const uint8_t *r0 = a.rows[0], *r1 = a.rows[1];
  int end = a.n;  // of the pixels whose eight bytes are there
  while (end > 0 && a.at[end - 1] + 8 > a.row_bytes) --end;
  const auto two = [&](int x) {
    const int32_t i = a.at[x], j = a.at[x + 1];
    _mm_prefetch(reinterpret_cast<const char*>(r0 + a.ahead + i), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(r1 + a.ahead + i), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(r0 + a.ahead + j), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(r1 + a.ahead + j), _MM_HINT_T0);
    const __m256i upper = neighbours(r0 + i, r0 + j), lower = neighbours(r1 + i, r1 + j);
    const __m256i row =
        _mm256_add_epi16(upper, _mm256_mulhrs_epi16(_mm256_sub_epi16(lower, upper), down));
    const __m256i sums =
        _mm256_madd_epi16(_mm256_shuffle_epi8(row, pairs), pair_of_weights(a.weights + 2 * x));
    return _mm256_srai_epi32(_mm256_add_epi32(sums, half), 21);
  };
  int x = 0;
  for (; x + 4 <= end; x += 4) {
    const __m256i words = _mm256_packs_epi32(two(x), two(x + 2));
    const __m256i bytes = _mm256_packus_epi16(words, words);  // pixels 0 2 | 1 3
    const __m128i four =
        _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
    store_half(a.out + 3 * x, _mm_shuffle_epi8(four, three_of_four));
  }
  shrink_pixels(a, x, a.n);
}

void swap(const uint8_t* in, int n, uint8_t* out) {
  const __m128i order = _mm_setr_epi8(2, 1, 0, 5, 4, 3, 8, 7, 6, 11, 10, 9, 14, 13, 12, -1);
  int x = 0;
  for (; x + 6 <= n; x += 5) store_half(out + 3 * x, _mm_shuffle_epi8(load_half(in + 3 * x), order));
  swap_pixels(in, x, n, out);
}

void split(const uint8_t* in, int n, uint8_t* const* planes) {
  const __m128i order = _mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1);
  int x = 0;
  for (; x + 18 <= n; x += 16) {
    const uint8_t* from = in + 3 * x;  // the last read goes four bytes beyond the sixteenth pixel
    const __m128i p0 = _mm_shuffle_epi8(load_half(from), order),
                  p1 = _mm_shuffle_epi8(load_half(from + 12), order);
    const __m128i p2 = _mm_shuffle_epi8(load_half(from + 24), order);
    const __m128i p3 = _mm_shuffle_epi8(load_half(from + 36), order);
    const __m128i low01 = _mm_unpacklo_epi32(p0, p1), low23 = _mm_unpacklo_epi32(p2, p3);
    store_half(planes[0] + x, _mm_unpacklo_epi64(low01, low23));
    store_half(planes[1] + x, _mm_unpackhi_epi64(low01, low23));
    store_half(planes[2] + x,
               _mm_unpacklo_epi64(_mm_unpackhi_epi32(p0, p1), _mm_unpackhi_epi32(p2, p3)));
  }
  split_pixels(in, x, n, planes);
}

// The constants of as many bytes in a row as a vector has lanes, in three vectors.
template <class T>
void in_threes(const T* constants, T (*vectors)[8]) {
  for (int i = 0; i < 24; ++i) vectors[i / 8][i % 8] = constants[i % 3];
}

// p * multiplier in 30 bits: p and p << 7 in the halves of 32, the multiplier's lower 7 and upper 15
// bits.
template <bool kSigned>
void quantize_as(const QuantizeRowArgs& a) {
  int32_t halves[3], offsets[3][8], multipliers[3][8];
  for (int c = 0; c < 3; ++c) halves[c] = (a.multiplier[c] & 127) | (a.multiplier[c] >> 7) << 16;
  in_threes(halves, multipliers);
  in_threes(a.offset, offsets);
  const __m256i m[3] = {load(multipliers[0]), load(multipliers[1]), load(multipliers[2])};
  const __m256i b[3] = {load(offsets[0]), load(offsets[1]), load(offsets[2])};
  int i = 0;
  for (; i + 24 <= a.n; i += 24) {
    for (int v = 0; v < 3; ++v) {
      const __m256i p = _mm256_cvtepu8_epi32(load_eight(a.in + i + 8 * v));
      const __m256i both = _mm256_or_si256(p, _mm256_slli_epi32(p, 23));
      const __m256i y = _mm256_add_epi32(_mm256_madd_epi16(both, m[v]), b[v]);
      store_eight(a.out + i + 8 * v, narrow(_mm256_srai_epi32(y, 20), kSigned));
    }
  }
  quantize_bytes(a, i);
}

void quantize(const QuantizeRowArgs& a) {
  constexpr int32_t kOne = 1 << 20;
  const int32_t shift = a.is_signed ? -128 * kOne : 0;
  bool plain = true;  // y is the pixel, but for a sign bit
  for (int c = 0; c < 3; ++c) plain &= a.multiplier[c] == kOne && a.offset[c] == shift + kOne / 2;
  if (!plain) return a.is_signed ? quantize_as<true>(a) : quantize_as<false>(a);
  const __m256i flip = _mm256_set1_epi8(static_cast<char>(a.is_signed ? 0x80 : 0));
  int i = 0;
  for (; i + 32 <= a.n; i += 32) store(a.out + i, _mm256_xor_si256(load(a.in + i), flip));
  quantize_bytes(a, i);
}

void normalize(const NormalizeRowArgs& a) {
  float gains[3][8], biases[3][8];
  in_threes(a.gain, gains);
  in_threes(a.bias, biases);
  int i = 0;
  for (; i + 24 <= a.n; i += 24) {
    for (int v = 0; v < 3; ++v) {
      const __m256 p = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(load_eight(a.in + i + 8 * v)));
      const __m256 scaled = _mm256_mul_ps(p, _mm256_loadu_ps(gains[v]));
      _mm256_storeu_ps(a.out + i + 8 * v, _mm256_add_ps(scaled, _mm256_loadu_ps(biases[v])));
    }
  }
  normalize_bytes(a, i);
}

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const PictureKernel picture_avx2 = {
    {"avx2", Isa::kAvx2}, from_yuv, blend, resample, shrink, swap, split, quantize, normalize};

}  // namespace edgerun
#endif
