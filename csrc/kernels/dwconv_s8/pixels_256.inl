// Depthwise convolution with 256-bit vectors. Included INSIDE a target region and an unnamed
// namespace, after kernels/x86/avx2.inl and kernels/x86/unrolled.inl; the including file has
// defined
//
//   Weight                     what a weight is packed as
//   kTaps                      how many of them fill a 32-bit lane: the taps of a channel are taken
//   so many at
//                              a time, row by row, side by side
//   Quarters expand(taps)      those of kTaps vectors of bytes
//   Ints dot(acc, x, y)        acc + the sum of the kTaps products in each lane
//
// A vector of bytes holds 16 channels of two neighbouring output pixels, one in each half; quarter
// q of it has channels 4 q .. 4 q + 3 of both pixels in its lanes. Packing the results undoes it.
//
// Packed: for each block of 16 channels [groups of taps][4 quarters][2 halves, equal][4
// channels][kTaps]. Where there is no tap left to fill the last group, there are weights of zero.

constexpr int kBlock = 16;
constexpr int kQuarters = 4;
constexpr int kMaxTaps = 256;  // of a kernel, up to 16 x 16
constexpr int kQuarterWeights = 2 * 4 * kTaps;
constexpr int kGroupWeights = kQuarters * kQuarterWeights;

int group_count(int kernel_h, int kernel_w) { return (kernel_h * kernel_w + kTaps - 1) / kTaps; }

size_t packed_bytes(const int16_t* w, int kernel_h, int kernel_w, int channels) {
  if (kernel_h * kernel_w > kMaxTaps) return 0;
  for (ptrdiff_t i = 0; i < static_cast<ptrdiff_t>(kernel_h) * kernel_w * channels; ++i) {
    if (static_cast<Weight>(w[i]) != w[i]) return 0;
  }
  return static_cast<size_t>((channels + kBlock - 1) / kBlock) *
         static_cast<size_t>(group_count(kernel_h, kernel_w)) * kGroupWeights * sizeof(Weight);
}

void pack(const int16_t* w, int kernel_h, int kernel_w, int channels, void* packed) {
  const ptrdiff_t block_weights =
      static_cast<ptrdiff_t>(group_count(kernel_h, kernel_w)) * kGroupWeights;
  for (int tap = 0; tap < kernel_h * kernel_w; ++tap) {
    for (int c = 0; c < channels; ++c) {
      Weight* quarter = static_cast<Weight*>(packed) + c / kBlock * block_weights +
                        tap / kTaps * kGroupWeights + c % kBlock / 4 * kQuarterWeights;
      const int i = c % 4 * kTaps + tap % kTaps;
      quarter[i] = quarter[4 * kTaps + i] =
          static_cast<Weight>(w[static_cast<ptrdiff_t>(tap) * channels + c]);
    }
  }
}

// One block of channels of one call, as the loops below see it.
struct Job {
  const DwconvS8Args& args;
  const uint8_t* const* taps;  // the first pixel's, group by group
  int groups;
  const Weight* weights;
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

// Output pixels i .. i + 2 kVectors - 1, of which `count` count; beyond the last pixel it is
// computed again.
template <int kVectors, bool kWhole>
EDGERUN_INLINE void pixels(const Job& job, int i, int count) {
  const DwconvS8Args& args = job.args;
  const ptrdiff_t step = args.stride_w * args.pixel_stride, first = i * step + job.channel;
  ptrdiff_t at[2 * kVectors];
  for (int p = 0; p < 2 * kVectors; ++p) at[p] = first + std::min(p, count - 1) * step;

  Ints acc[kVectors][kQuarters];
  unrolled<kQuarters>([&](auto q) EDGERUN_LAMBDA {
    unrolled<kVectors>([&](auto v) EDGERUN_LAMBDA {
      acc[v][q] = to_ints(broadcast_quarter(args.bias + job.channel, q));
    });
  });
  const Weight* w = job.weights;
  const uint8_t* const* taps = job.taps;
  for (int left = job.groups; left > 0; --left, taps += kTaps, w += kGroupWeights) {
    unrolled<kVectors>([&](auto v) EDGERUN_LAMBDA {
      Raw bytes[kTaps];
      unrolled<kTaps>([&](auto t) EDGERUN_LAMBDA {
        const __m128i first = load_pixel<kWhole>(taps[t] + at[2 * v], job.count);
        const __m128i second = load_pixel<kWhole>(taps[t] + at[2 * v + 1], job.count);
        bytes[t] = _mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1);
      });
      const Quarters x = expand(bytes);
      unrolled<kQuarters>([&](auto q) EDGERUN_LAMBDA {
        const auto* y = reinterpret_cast<const __m256i*>(w + q * kQuarterWeights);
        acc[v][q] = dot(acc[v][q], x.quarter[q], _mm256_loadu_si256(y));
      });
    });
  }

  uint8_t* out = args.out + i * args.out_stride + job.channel;
  unrolled<kVectors>([&](auto v) EDGERUN_LAMBDA {
    Raw x[kQuarters];
    unrolled<kQuarters>([&](auto q) EDGERUN_LAMBDA {
      const __m256i multiplier = broadcast_quarter(args.multiplier + job.channel, q);
      x[q] = job.requantizer.scale(to_raw(acc[v][q]), _mm256_castsi256_ps(multiplier));
    });
    const Raw y = job.requantizer.bytes(x[0], x[1], x[2], x[3]);
    if (2 * v < count)
      store_pixel<kWhole>(out + 2 * v * args.out_stride, _mm256_castsi256_si128(y), job.count);
    if (2 * v + 1 < count) {
      store_pixel<kWhole>(out + (2 * v + 1) * args.out_stride, _mm256_extracti128_si256(y, 1),
                          job.count);
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
  // The first pixel's taps; what fills the last group may be any, as it meets weights of zero.
  const uint8_t* taps[kMaxTaps];
  int count = 0;
  for (int r = 0; r < args.kernel_h; ++r) {
    for (int t = 0; t < args.kernel_w; ++t)
      taps[count++] = args.rows[r] + t * args.dilation_w * args.pixel_stride;
  }
  while (count % kTaps != 0) taps[count++] = args.rows[0];
  const int groups = count / kTaps;
  const auto* weights = static_cast<const Weight*>(args.packed);
  for (int c = args.channel_begin; c < args.channel_end; c += kBlock) {
    const int channels = std::min(args.channel_end - c, kBlock);
    const Job job{args,
                  taps,
                  groups,
                  weights + c / kBlock * groups * ptrdiff_t{kGroupWeights},
                  c,
                  channels,
                  Requantizer(args.range)};
    channels == kBlock ? run_job<true>(job) : run_job<false>(job);
  }
}
