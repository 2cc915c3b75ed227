// Depthwise convolution by vpmaddwd: two taps of a channel, widened to 16 bits, lie side by side in a 32-bit
// lane, which is exact for any weights.
//
// A vector holds 16 channels of two neighbouring output pixels, one in each half. Interleaving the bytes
// of two taps and widening makes four vectors: quarter q holds channels 4 q .. 4 q + 3 of both pixels.
// Packing the results undoes it.
//
// Packed: for each block of 16 channels [pairs of taps, row by row][4 quarters][2 halves, equal][4 channels]
// [2 taps]. With an odd number of taps the last one has a neighbour of zeros.
#include "kernels/dwconv_s8/dwconv_s8.h"

#if EDGERUN_X86
#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx2,fma")
namespace edgerun {
namespace {

#include "kernels/x86/avx2.inl"

#include "kernels/x86/unrolled.inl"

constexpr int kBlock = 16;
constexpr int kQuarters = 4;
constexpr int kPairWords = kQuarters * 16;
constexpr int kMaxPairs = 128;  // of taps, up to 16 x 16 of them

int pair_count(int kernel_h, int kernel_w) { return (kernel_h * kernel_w + 1) / 2; }

size_t packed_bytes(const int16_t*, int kernel_h, int kernel_w, int channels) {
  if (pair_count(kernel_h, kernel_w) > kMaxPairs) return 0;
  return static_cast<size_t>((channels + kBlock - 1) / kBlock) *
         static_cast<size_t>(pair_count(kernel_h, kernel_w)) * kPairWords * sizeof(int16_t);
}

void pack(const int16_t* w, int kernel_h, int kernel_w, int channels, void* packed) {
  auto* to = static_cast<int16_t*>(packed);
  const ptrdiff_t block_words = static_cast<ptrdiff_t>(pair_count(kernel_h, kernel_w)) * kPairWords;
  for (int tap = 0; tap < kernel_h * kernel_w; ++tap) {
    for (int c = 0; c < channels; ++c) {
      int16_t* quarter = to + c / kBlock * block_words + tap / 2 * kPairWords + c % kBlock / 4 * 16;
      const int word = c % 4 * 2 + tap % 2;
      quarter[word] = quarter[8 + word] = w[static_cast<ptrdiff_t>(tap) * channels + c];
    }
  }
}

// One block of channels of one call, as the loops below see it.
struct Job {
  const DwconvS8Args& args;
  const uint8_t* const* taps;  // the first pixel's, pair by pair
  int pairs;
  const int16_t* weights;
  int channel;
  int count;  // of channels, up to 16
  Requantizer requantizer;
};

template <bool kWhole>
EDGERUN_INLINE __m128i load_pixel(const uint8_t* p, int count) {
  if (kWhole) return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  if (count == 8) return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  alignas(16) uint8_t buffer[16] = {};
  for (int c = 0; c < count; ++c) buffer[c] = p[c];
  return _mm_load_si128(reinterpret_cast<const __m128i*>(buffer));
}

template <bool kWhole>
EDGERUN_INLINE void store_pixel(uint8_t* p, __m128i x, int count) {
  if (kWhole) return _mm_storeu_si128(reinterpret_cast<__m128i*>(p), x);
  if (count == 8) return _mm_storel_epi64(reinterpret_cast<__m128i*>(p), x);
  alignas(16) uint8_t buffer[16];
  _mm_store_si128(reinterpret_cast<__m128i*>(buffer), x);
  for (int c = 0; c < count; ++c) p[c] = buffer[c];
}

EDGERUN_INLINE __m256i broadcast_quarter(const void* values, int q) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(values) + q));
}

// Output pixels i .. i + 2 kVectors - 1, of which `count` count; beyond the last pixel it is computed again.
template <int kVectors, bool kWhole>
EDGERUN_INLINE void pixels(const Job& job, int i, int count) {
  const DwconvS8Args& args = job.args;
  const ptrdiff_t step = args.stride_w * args.pixel_stride, first = i * step + job.channel;
  ptrdiff_t at[2 * kVectors];
  for (int p = 0; p < 2 * kVectors; ++p) at[p] = first + std::min(p, count - 1) * step;

  Raw acc[kVectors][kQuarters];
  unrolled<kQuarters>([&](auto q) EDGERUN_LAMBDA {
    unrolled<kVectors>([&](auto v) EDGERUN_LAMBDA {
      acc[v][q] = broadcast_quarter(args.bias + job.channel, q);
    });
  });
  const int16_t* w = job.weights;
  const __m256i zero = _mm256_setzero_si256();
  const uint8_t* const* taps = job.taps;
  for (int left = job.pairs; left > 0; --left, taps += 2, w += kPairWords) {
    unrolled<kVectors>([&](auto v) EDGERUN_LAMBDA {
      const auto load = [&](const uint8_t* p) EDGERUN_LAMBDA {
        return _mm256_inserti128_si256(
            _mm256_castsi128_si256(load_pixel<kWhole>(p + at[2 * v], job.count)),
            load_pixel<kWhole>(p + at[2 * v + 1], job.count), 1);
      };
      const __m256i a = load(taps[0]), b = load(taps[1]);
      const __m256i low = _mm256_unpacklo_epi8(a, b), high = _mm256_unpackhi_epi8(a, b);
      const __m256i x[kQuarters] = {_mm256_unpacklo_epi8(low, zero), _mm256_unpackhi_epi8(low, zero),
                                    _mm256_unpacklo_epi8(high, zero), _mm256_unpackhi_epi8(high, zero)};
      unrolled<kQuarters>([&](auto q) EDGERUN_LAMBDA {
        const __m256i y = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w + q * 16));
        acc[v][q] = _mm256_add_epi32(acc[v][q], _mm256_madd_epi16(x[q], y));
      });
    });
  }

  uint8_t* out = args.out + i * args.out_stride + job.channel;
  unrolled<kVectors>([&](auto v) EDGERUN_LAMBDA {
    unrolled<kQuarters>([&](auto q) EDGERUN_LAMBDA {
      const __m256i multiplier = broadcast_quarter(args.multiplier + job.channel, q);
      acc[v][q] = job.requantizer.scale(acc[v][q], _mm256_castsi256_ps(multiplier));
    });
    const Raw y = job.requantizer.bytes(acc[v][0], acc[v][1], acc[v][2], acc[v][3]);
    if (2 * v < count) store_pixel<kWhole>(out + 2 * v * args.out_stride, _mm256_castsi256_si128(y), job.count);
    if (2 * v + 1 < count) {
      store_pixel<kWhole>(out + (2 * v + 1) * args.out_stride, _mm256_extracti128_si256(y, 1), job.count);
    }
  });
}

template <bool kWhole>
void run_job(const Job& job) {
  int i = 0;
  for (; i + 4 <= job.args.count; i += 4) pixels<2, kWhole>(job, i, 4);
  for (; i < job.args.count; i += 2) pixels<1, kWhole>(job, i, std::min(job.args.count - i, 2));
}

void run(const DwconvS8Args& args) {
  // The first pixel's taps; the neighbour of an odd last one is any, as it meets weights of zero.
  const uint8_t* taps[2 * kMaxPairs];
  int count = 0;
  for (int r = 0; r < args.kernel_h; ++r) {
    for (int t = 0; t < args.kernel_w; ++t) taps[count++] = args.rows[r] + t * args.dilation_w * args.pixel_stride;
  }
  if (count % 2 != 0) taps[count] = taps[0];
  const int pairs = pair_count(args.kernel_h, args.kernel_w);
  const auto* weights = static_cast<const int16_t*>(args.packed);
  for (int c = args.channel_begin; c < args.channel_end; c += kBlock) {
    const int channels = std::min(args.channel_end - c, kBlock);
    const Job job{args, taps, pairs, weights + c / kBlock * pairs * ptrdiff_t{kPairWords}, c, channels,
                  Requantizer(args.range)};
    channels == kBlock ? run_job<true>(job) : run_job<false>(job);
  }
}

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const DwconvS8Kernel dwconv_s8_avx2 = {
    {"avx2", Isa::kAvx2}, Signedness::kUnsigned, kBlock, packed_bytes, pack, run,
};

}  // namespace edgerun
#endif
