// Depthwise convolution by vpdpbusd: four taps of a channel lie side by side in a 32-bit lane.
//
// Slots. Taps are taken four at a time, down the columns of the kernel; a column of three is filled
// up with an empty slot, so that in a 3x3 kernel a group of slots is a column, which neighbouring
// outputs share.
//
// Blocks. Channels go by 64. Where the last block has no more than 32 or 16, its vectors hold those
// channels of two or four neighbouring output pixels: width is 64, 32 or 16 channels.
//
// Quarters. Interleaving the bytes of four taps makes four vectors: quarter q holds, in each
// 128-bit lane, bytes 4 q .. 4 q + 3 of the lane. Packing the results undoes it.
//
// Packed: a Header, then for each block [planes][groups][4 quarters][64 bytes]. A weight that needs
// more than 8 bits is 2 * plane 0 + plane 1; if none does, there is only one plane.
#include "kernels/dwconv_s8/dwconv_s8.h"

#if EDGERUN_X86
#include <algorithm>
#include <type_traits>
#include <utility>

#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
namespace edgerun {
namespace {

#include "kernels/x86/avx512.inl"

#include "kernels/x86/unrolled.inl"

constexpr int kBlock = 64;
constexpr int kQuarters = 4;
constexpr int kGroupBytes = kQuarters * 64;
constexpr int kMaxSlots = 256;  // of a kernel, up to 16 x 16

struct alignas(64) Header {
  int32_t planes;
};

int width_of(int channels) { return channels > 32 ? 64 : channels > 16 ? 32 : 16; }
int slot_rows(int kernel_h) { return kernel_h == 3 ? 4 : kernel_h; }
int group_count(int kernel_h, int kernel_w) { return (slot_rows(kernel_h) * kernel_w + 3) / 4; }

int plane_count(const int16_t* w, int kernel_h, int kernel_w, int channels) {
  const int16_t* end = w + static_cast<ptrdiff_t>(kernel_h) * kernel_w * channels;
  for (; w < end; ++w) {
    if (*w < -128 || *w > 127) return 2;
  }
  return 1;
}

size_t packed_bytes(const int16_t* w, int kernel_h, int kernel_w, int channels) {
  if (group_count(kernel_h, kernel_w) * 4 > kMaxSlots) return 0;
  const int blocks = (channels + kBlock - 1) / kBlock;
  return sizeof(Header) +
         static_cast<size_t>(blocks) * static_cast<size_t>(group_count(kernel_h, kernel_w)) *
             static_cast<size_t>(plane_count(w, kernel_h, kernel_w, channels)) * kGroupBytes;
}

void pack(const int16_t* w, int kernel_h, int kernel_w, int channels, void* packed) {
  const int planes = plane_count(w, kernel_h, kernel_w, channels);
  static_cast<Header*>(packed)->planes = planes;
  auto* to = reinterpret_cast<int8_t*>(static_cast<Header*>(packed) + 1);
  const int groups = group_count(kernel_h, kernel_w), rows = slot_rows(kernel_h);
  for (int block = 0; block < channels; block += kBlock) {
    const int width = width_of(channels - block);
    for (int plane = 0; plane < planes; ++plane) {
      for (int slot = 0; slot < groups * 4; ++slot) {
        const int r = slot % rows, t = slot / rows;
        if (r >= kernel_h || t >= kernel_w) continue;
        int8_t* group = to + static_cast<ptrdiff_t>(slot / 4) * kGroupBytes + slot % 4;
        for (int lane = 0; lane < 64; ++lane) {
          const int c = block + lane % width;
          if (c >= channels) continue;
          const int value = w[(r * kernel_w + t) * channels + c];
          const int part = planes == 1 ? value : plane == 0 ? value >> 1 : value & 1;
          group[lane % 16 / 4 * 64 + lane / 16 * 16 + lane % 4 * 4] = static_cast<int8_t>(part);
        }
      }
      to += static_cast<ptrdiff_t>(groups) * kGroupBytes;
    }
  }
}

// How the bytes of kPixels pixels come together: kMasked when fewer channels than the width count,
// kWhole when all do, kDense when moreover the pixels lie side by side in memory.
enum class Load { kMasked, kWhole, kDense };

// Quarter q of 32-bit values of `width` channels.
Raw quarter(const void* values, int q, int width) {
  const auto* from = static_cast<const __m128i*>(values) + q;
  const int mask = width / 4 - 1;
  __m512i x = _mm512_castsi128_si512(_mm_loadu_si128(from));
  x = _mm512_inserti32x4(x, _mm_loadu_si128(from + (4 & mask)), 1);
  x = _mm512_inserti32x4(x, _mm_loadu_si128(from + (8 & mask)), 2);
  return _mm512_inserti32x4(x, _mm_loadu_si128(from + (12 & mask)), 3);
}

// One block of channels of one call, as the loops below see it.
struct Job {
  const DwconvS8Args& args;
  const uint8_t* const* taps;  // the first pixel's, in the order of the slots
  const int8_t* weights;
  ptrdiff_t plane;  // bytes from plane to plane
  int groups;
  int channel;
  uint64_t mask;  // which channels of the width count
  Raw bias[kQuarters];
  __m512 multiplier[kQuarters];

  Job(const DwconvS8Args& a, int first_channel, int width)
      : args(a),
        channel(first_channel),
        mask(mask_of(std::min(a.channels - first_channel, kBlock))) {
    for (int q = 0; q < kQuarters; ++q) {
      bias[q] = quarter(a.bias + channel, q, width);
      multiplier[q] = _mm512_castsi512_ps(quarter(a.multiplier + channel, q, width));
    }
  }
};

// Offsets in bytes of the pixels in a vector. Where there are too few of them, the last one is
// repeated.
template <int kPixels>
struct Pixels {
  ptrdiff_t at[kPixels];

  Pixels(int count, ptrdiff_t step) {
    for (int p = 0; p < kPixels; ++p) at[p] = std::min(p, count - 1) * step;
  }
};

template <int kPixels, Load kLoad>
EDGERUN_INLINE Raw load(const uint8_t* p, const Pixels<kPixels>& pixels, uint64_t mask) {
  if constexpr (kLoad == Load::kDense || (kPixels == 1 && kLoad == Load::kWhole)) {
    return _mm512_loadu_si512(p);
  } else if constexpr (kPixels == 1) {
    return _mm512_maskz_loadu_epi8(mask, p);
  } else if constexpr (kPixels == 2) {
    const auto m = static_cast<__mmask32>(kLoad == Load::kWhole ? ~0u : mask);
    const __m256i x = _mm256_maskz_loadu_epi8(m, p),
                  y = _mm256_maskz_loadu_epi8(m, p + pixels.at[1]);
    return _mm512_inserti64x4(_mm512_castsi256_si512(x), y, 1);
  } else {
    const auto m = static_cast<__mmask16>(kLoad == Load::kWhole ? ~0u : mask);
    __m512i x = _mm512_castsi128_si512(_mm_maskz_loadu_epi8(m, p));
    x = _mm512_inserti32x4(x, _mm_maskz_loadu_epi8(m, p + pixels.at[1]), 1);
    x = _mm512_inserti32x4(x, _mm_maskz_loadu_epi8(m, p + pixels.at[2]), 2);
    return _mm512_inserti32x4(x, _mm_maskz_loadu_epi8(m, p + pixels.at[3]), 3);
  }
}

// Stores `count` pixels, at most kPixels.
template <int kPixels, Load kLoad>
EDGERUN_INLINE void store(uint8_t* out, ptrdiff_t stride, int count, uint64_t mask, Raw x) {
  if constexpr (kPixels == 1) {
    kLoad == Load::kMasked ? _mm512_mask_storeu_epi8(out, mask, x) : _mm512_storeu_si512(out, x);
  } else if constexpr (kPixels == 2) {
    _mm512_mask_storeu_epi8(out, mask, x);
    if (count > 1)
      _mm256_mask_storeu_epi8(out + stride, static_cast<__mmask32>(mask),
                              _mm512_extracti64x4_epi64(x, 1));
  } else {
    const auto m = static_cast<__mmask16>(mask);
    _mm_mask_storeu_epi8(out, m, _mm512_castsi512_si128(x));
    if (count > 1) _mm_mask_storeu_epi8(out + stride, m, _mm512_extracti32x4_epi32(x, 1));
    if (count > 2) _mm_mask_storeu_epi8(out + 2 * stride, m, _mm512_extracti32x4_epi32(x, 2));
    if (count > 3) _mm_mask_storeu_epi8(out + 3 * stride, m, _mm512_extracti32x4_epi32(x, 3));
  }
}

// Four taps of 64 channels, side by side.
struct Quad {
  Raw quarter[kQuarters];
};
EDGERUN_INLINE Quad interleave(Raw a, Raw b, Raw c, Raw d) {
  const Raw ab_low = _mm512_unpacklo_epi8(a, b), ab_high = _mm512_unpackhi_epi8(a, b);
  const Raw cd_low = _mm512_unpacklo_epi8(c, d), cd_high = _mm512_unpackhi_epi8(c, d);
  return {{_mm512_unpacklo_epi16(ab_low, cd_low), _mm512_unpackhi_epi16(ab_low, cd_low),
           _mm512_unpacklo_epi16(ab_high, cd_high), _mm512_unpackhi_epi16(ab_high, cd_high)}};
}

inline Ints dot(Ints acc, Raw x, Raw y) { return to_ints(_mm512_dpbusd_epi32(to_raw(acc), x, y)); }

// The sums of one vector of pixels. With two planes, plane 0 is summed apart, to be doubled at the
// end.
template <int kPlanes>
struct Sums {
  Ints sum[kQuarters], half[kQuarters];

  EDGERUN_INLINE explicit Sums(const Job& job) {
    unrolled<kQuarters>([&](auto q) EDGERUN_LAMBDA {
      sum[q] = to_ints(job.bias[q]);
      half[q] = Ints();
    });
  }
  // Plane 0 of the weights comes in registers or from memory, plane 1 from memory.
  EDGERUN_INLINE void add(const Quad& x, const Quad& w, const int8_t* plane1) {
    unrolled<kQuarters>([&](auto q) EDGERUN_LAMBDA {
      if constexpr (kPlanes == 1) {
        sum[q] = dot(sum[q], x.quarter[q], w.quarter[q]);
      } else {
        half[q] = dot(half[q], x.quarter[q], w.quarter[q]);
        sum[q] = dot(sum[q], x.quarter[q], _mm512_loadu_si512(plane1 + q * 64));
      }
    });
  }
  EDGERUN_INLINE Raw bytes(const Job& job, const Requantizer& requantizer) const {
    Raw y[kQuarters];
    unrolled<kQuarters>([&](auto q) EDGERUN_LAMBDA {
      Raw acc = to_raw(sum[q]);
      if constexpr (kPlanes == 2)
        acc = _mm512_add_epi32(acc, _mm512_slli_epi32(to_raw(half[q]), 1));
      y[q] = requantizer.scale(acc, job.multiplier[q]);
    });
    return requantizer.bytes(y[0], y[1], y[2], y[3]);
  }
};

EDGERUN_INLINE Quad load_weights(const int8_t* p) {
  return {{_mm512_loadu_si512(p), _mm512_loadu_si512(p + 64), _mm512_loadu_si512(p + 128),
           _mm512_loadu_si512(p + 192)}};
}

// Any kernel. Of each group, kTaps slots are taps: 3 when groups are columns of three, else 4.
template <int kPixels, Load kLoad, int kPlanes, int kTaps>
void any_kernel(const Job& job) {
  const DwconvS8Args& args = job.args;
  const Requantizer requantizer(args.range);
  const ptrdiff_t step = args.stride_w * args.pixel_stride, out_stride = args.out_stride;
  const int count = args.count, groups = job.groups;
  const uint64_t mask = job.mask;
  const Pixels<kPixels> pixels(count, step);
  uint8_t* const out = args.out + job.channel;
  for (int next = 0; next < count; next += kPixels) {
    // The last vector overlaps the one before, where there is one: the same results once more.
    const int i = std::min(next, std::max(count - kPixels, 0));
    const ptrdiff_t at = i * step + job.channel;
    Sums<kPlanes> sums(job);
    const uint8_t* const* taps = job.taps;
    const int8_t* w = job.weights;
    for (int g = 0; g < groups; ++g, taps += kTaps, w += kGroupBytes) {
      Raw x[4];
      unrolled<kTaps>(
          [&](auto s) EDGERUN_LAMBDA { x[s] = load<kPixels, kLoad>(taps[s] + at, pixels, mask); });
      if constexpr (kTaps == 3) x[3] = _mm512_setzero_si512();
      sums.add(interleave(x[0], x[1], x[2], x[3]), load_weights(w), w + job.plane);
    }
    store<kPixels, kLoad>(out + i * out_stride, out_stride, count, mask,
                          sums.bytes(job, requantizer));
  }
}

// 3x3 where neighbouring outputs share columns: from one to the next, kStride of the three are new.
template <Load kLoad, int kPlanes, int kStride>
void shared_columns(const Job& job) {
  const DwconvS8Args& args = job.args;
  const Requantizer requantizer(args.range);
  const uint8_t *row0 = job.taps[0] + job.channel, *row1 = job.taps[1] + job.channel,
                *row2 = job.taps[2] + job.channel;
  const ptrdiff_t pixel_stride = args.pixel_stride, out_stride = args.out_stride;
  const uint64_t mask = job.mask;
  const Pixels<1> pixels(1, 0);
  const Quad w[3] = {load_weights(job.weights), load_weights(job.weights + kGroupBytes),
                     load_weights(job.weights + 2 * kGroupBytes)};
  Quad column[3];
  const auto next_column = [&]() EDGERUN_LAMBDA {
    const Raw x0 = load<1, kLoad>(row0, pixels, mask), x1 = load<1, kLoad>(row1, pixels, mask),
              x2 = load<1, kLoad>(row2, pixels, mask);
    row0 += pixel_stride;
    row1 += pixel_stride;
    row2 += pixel_stride;
    return interleave(x0, x1, x2, _mm512_setzero_si512());
  };
  unrolled<3 - kStride>([&](auto t) EDGERUN_LAMBDA { column[t + kStride] = next_column(); });
  uint8_t* out = args.out + job.channel;
  for (int left = args.count; left > 0; --left, out += out_stride) {
    unrolled<3 - kStride>([&](auto t) EDGERUN_LAMBDA { column[t] = column[t + kStride]; });
    unrolled<kStride>([&](auto t) EDGERUN_LAMBDA { column[3 - kStride + t] = next_column(); });
    Sums<kPlanes> sums(job);
    unrolled<3>([&](auto t) EDGERUN_LAMBDA {
      sums.add(column[t], w[t], job.weights + job.plane + t * kGroupBytes);
    });
    store<1, kLoad>(out, out_stride, 1, mask, sums.bytes(job, requantizer));
  }
}

template <int kPixels, Load kLoad, int kPlanes>
void choose_loop(const Job& job) {
  const DwconvS8Args& args = job.args;
  if constexpr (kPixels == 1) {
    if (args.kernel_h == 3 && args.kernel_w == 3 && args.dilation_w == 1) {
      if (args.stride_w == 1) return shared_columns<kLoad, kPlanes, 1>(job);
      if (args.stride_w == 2) return shared_columns<kLoad, kPlanes, 2>(job);
    }
  }
  args.kernel_h == 3 ? any_kernel<kPixels, kLoad, kPlanes, 3>(job)
                     : any_kernel<kPixels, kLoad, kPlanes, 4>(job);
}

template <int kPixels, int kPlanes>
void choose_load(const Job& job) {
  constexpr int kWidth = kBlock / kPixels;
  const DwconvS8Args& args = job.args;
  if (job.mask != ~uint64_t{0} >> (64 - kWidth))
    return choose_loop<kPixels, Load::kMasked, kPlanes>(job);
  if constexpr (kPixels > 1) {
    if (args.stride_w * args.pixel_stride == kWidth && args.count >= kPixels) {
      return choose_loop<kPixels, Load::kDense, kPlanes>(job);
    }
  }
  choose_loop<kPixels, Load::kWhole, kPlanes>(job);
}

template <int kPlanes>
void run(const DwconvS8Args& args) {
  // The first pixel's taps in the order of the slots; those beyond the last tap meet weights of
  // zero.
  const uint8_t* taps[kMaxSlots];
  const int groups = group_count(args.kernel_h, args.kernel_w);
  const int slots = groups * (args.kernel_h == 3 ? 3 : 4);
  for (int s = 0, r = 0, t = 0; s < slots; ++s) {
    taps[s] = args.rows[r] + t * args.dilation_w * args.pixel_stride;
    if (r + 1 < args.kernel_h) {
      ++r;
    } else if (t + 1 < args.kernel_w) {
      r = 0;
      ++t;
    }
  }
  const ptrdiff_t plane = static_cast<ptrdiff_t>(groups) * kGroupBytes;
  const auto* weights =
      reinterpret_cast<const int8_t*>(static_cast<const Header*>(args.packed) + 1);
  for (int c = args.channel_begin; c < args.channel_end; c += kBlock) {
    const int width = width_of(args.channels - c);
    Job job(args, c, width);
    job.taps = taps;
    job.weights = weights + c / kBlock * kPlanes * plane;
    job.plane = plane;
    job.groups = groups;
    switch (width) {
      case 16:
        choose_load<4, kPlanes>(job);
        break;
      case 32:
        choose_load<2, kPlanes>(job);
        break;
      default:
        choose_load<1, kPlanes>(job);
        break;
    }
  }
}

void run(const DwconvS8Args& args) {
  static_cast<const Header*>(args.packed)->planes == 1 ? run<1>(args) : run<2>(args);
}

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const DwconvS8Kernel dwconv_s8_avx512vnni = {
    {"avx512vnni", Isa::kAvx512Vnni}, Signedness::kUnsigned, kBlock, packed_bytes, pack, run,
};

}  // namespace edgerun
#endif
