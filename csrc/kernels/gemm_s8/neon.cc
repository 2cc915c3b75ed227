// For cores without the dot product (Cortex-A53, A72). Blocks of 4 rows by 4 columns, 16 values of
// k per step: smull and smlal2 add two products in int16, sadalp adds neighbours into int32.
//
// Two products of int8 fit int16 but for -128 * -128 + -128 * -128 = 32768. So pack() looks whether
// two weights that meet in one sum are both -128 (never in TFLite, rarely in ONNX); if any are,
// each product is added to int32 on its own.
//
// Packed: a head of 16 bytes, its first byte 1 where sums of two are safe; then panels of 4
// columns. In a panel, 16 values of k of column 0, 1, 2, 3, then the next 16; a last step of 8
// where k ends so.
#include "base/target_region.h"

#if EDGERUN_ARM64

#include <arm_neon.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/gemm_s8/gemm_s8.h"

// An array of vectors stays in registers only where every loop over it is unrolled.
#if defined(__clang__)
#define NEON_UNROLL _Pragma("clang loop unroll(full)")
#else
#define NEON_UNROLL _Pragma("GCC unroll 4")
#endif

namespace edgerun {
namespace {

constexpr int kUnit = 8;     // of k
constexpr int kStep = 16;    // of k
constexpr int kColumns = 4;  // of a block
constexpr int kRows = 4;     // of a block
constexpr int kHead = 16;    // bytes

int padded_depth(int k) { return (k + kUnit - 1) / kUnit * kUnit; }

ptrdiff_t panel_bytes(int k) { return static_cast<ptrdiff_t>(kColumns) * padded_depth(k); }

size_t packed_bytes(int n, int k) {
  return kHead +
         static_cast<size_t>((n + kColumns - 1) / kColumns) * static_cast<size_t>(panel_bytes(k));
}

bool sums_of_two_fit(const int8_t* w, int n, int k) {
  for (int j = 0; j < n; ++j, w += k) {
    for (int step = 0; step < k; step += kStep) {
      for (int d = step; d < std::min(step + kUnit, k - kUnit); ++d) {
        if (w[d] == -128 && w[d + kUnit] == -128) return false;
      }
    }
  }
  return true;
}

void pack(const int8_t* w, int n, int k, void* packed) {
  auto* to = static_cast<int8_t*>(packed);
  to[0] = sums_of_two_fit(w, n, k) ? 1 : 0;
  const int depth = padded_depth(k);
  for (int j = 0; j < n; ++j) {
    int8_t* panel = to + kHead + j / kColumns * panel_bytes(k);
    for (int d = 0; d < k; d += kStep) {
      const int width = std::min(kStep, depth - d);  // of the step: 16, or 8 at the end
      std::memcpy(panel + d * kColumns + j % kColumns * width,
                  w + static_cast<ptrdiff_t>(j) * k + d,
                  static_cast<size_t>(std::min(width, k - d)));
    }
  }
}

template <bool kSumsOfTwoFit>
inline int32x4_t dot(int32x4_t acc, int8x16_t a, int8x16_t w) {
  const int16x8_t first = vmull_s8(vget_low_s8(a), vget_low_s8(w));
  if constexpr (kSumsOfTwoFit) return vpadalq_s16(acc, vmlal_high_s8(first, a, w));
  return vpadalq_s16(vpadalq_s16(acc, first), vmull_high_s8(a, w));
}

// out[i][j .. j + columns) from the sums of row i.
inline void finish(int32x4_t acc, const GemmS8Args& args, int i, int j, int columns) {
  const int32_t row_offset = args.row_offset == nullptr ? 0 : args.row_offset[i];
  acc = vaddq_s32(vaddq_s32(acc, vld1q_s32(args.bias + j)), vdupq_n_s32(row_offset));
  if (args.sums != nullptr) return vst1q_s32(args.sums + i * args.sums_stride + j, acc);
  float32x4_t p = vmulq_f32(vcvtq_f32_s32(acc), vld1q_f32(args.multiplier + j));
  p = vmaxnmq_f32(p, vdupq_n_f32(args.range.lo));
  p = vminq_f32(p, vdupq_n_f32(args.range.hi));
  const int32x4_t q = vaddq_s32(vcvtnq_s32_f32(p), vdupq_n_s32(args.range.zero_point));
  const int16x4_t q16 = vmovn_s32(q);
  const uint32_t bytes = vget_lane_u32(vreinterpret_u32_s8(vmovn_s16(vcombine_s16(q16, q16))), 0);
  uint8_t* out = args.out + i * args.out_stride + j;
  if (columns == kColumns) {
    std::memcpy(out, &bytes, kColumns);
  } else {
    for (int c = 0; c < columns; ++c) out[c] = static_cast<uint8_t>(bytes >> (8 * c));
  }
}

// Rows i .. i + kCount of one panel.
template <int kCount, bool kSumsOfTwoFit>
void block(const GemmS8Args& args, const int8_t* w, int i, int j) {
  const auto* a = reinterpret_cast<const int8_t*>(args.a) + i * args.a_stride;
  int32x4_t acc[kCount][kColumns];
  NEON_UNROLL
  for (int r = 0; r < kCount; ++r) {
    NEON_UNROLL
    for (int c = 0; c < kColumns; ++c) acc[r][c] = vdupq_n_s32(0);
  }
  int left = padded_depth(args.k);
  for (; left >= kStep; left -= kStep, a += kStep, w += kColumns * kStep) {
    int8x16_t x[kCount];
    NEON_UNROLL
    for (int r = 0; r < kCount; ++r) x[r] = vld1q_s8(a + r * args.a_stride);
    NEON_UNROLL
    for (int c = 0; c < kColumns; ++c) {
      const int8x16_t y = vld1q_s8(w + c * kStep);
      NEON_UNROLL
      for (int r = 0; r < kCount; ++r) acc[r][c] = dot<kSumsOfTwoFit>(acc[r][c], x[r], y);
    }
  }
  if (left != 0) {
    NEON_UNROLL
    for (int c = 0; c < kColumns; ++c) {
      const int8x8_t y = vld1_s8(w + c * kUnit);
      NEON_UNROLL
      for (int r = 0; r < kCount; ++r) {
        acc[r][c] = vpadalq_s16(acc[r][c], vmull_s8(vld1_s8(a + r * args.a_stride), y));
      }
    }
  }
  const int columns = std::min(kColumns, args.n_end - j);
  NEON_UNROLL
  for (int r = 0; r < kCount; ++r) {
    const int32x4_t left_sums = vpaddq_s32(acc[r][0], acc[r][1]);
    const int32x4_t right_sums = vpaddq_s32(acc[r][2], acc[r][3]);
    finish(vpaddq_s32(left_sums, right_sums), args, i + r, j, columns);
  }
}

template <int kCount, bool kSumsOfTwoFit>
void rows(const GemmS8Args& args, int i) {
  const auto* panels = static_cast<const int8_t*>(args.packed) + kHead;
  for (int j = args.n_begin; j < args.n_end; j += kColumns) {
    block<kCount, kSumsOfTwoFit>(args, panels + j / kColumns * panel_bytes(args.k), i, j);
  }
}

template <bool kSumsOfTwoFit>
void run_all(const GemmS8Args& args) {
  int i = 0;
  for (; i + kRows <= args.m; i += kRows) rows<kRows, kSumsOfTwoFit>(args, i);
  switch (args.m - i) {
    case 3: return rows<3, kSumsOfTwoFit>(args, i);
    case 2: return rows<2, kSumsOfTwoFit>(args, i);
    case 1: return rows<1, kSumsOfTwoFit>(args, i);
    default: return;
  }
}

void run(const GemmS8Args& args) {
  const bool fit = *static_cast<const int8_t*>(args.packed) != 0;
  fit ? run_all<true>(args) : run_all<false>(args);
}

}  // namespace

const GemmS8Kernel gemm_s8_neon = {
    {"neon", Isa::kNeon},
    Signedness::kSigned,
    kUnit,
    kColumns,
    kRows,
    packed_bytes,
    pack,
    run,
    nullptr,
    nullptr,
    nullptr,
};

}  // namespace edgerun

#endif  // EDGERUN_ARM64
