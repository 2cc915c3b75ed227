#include "base/target_region.h"

#if EDGERUN_X86

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/gemm_s8/gemm_s8.h"
#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("amx-int8,amx-tile,avx512f,avx512bw,avx512dq,avx512vl")
namespace edgerun {
namespace {

#include "kernels/gemm_s8/amx_blocks.inl"
#include "kernels/x86/avx512.inl"

// Tile numbers must be literals: g++ pastes them into the assembler text.
struct HardwareTiles {
  static void configure(const TileConfig& config) {
    // g++ tells its optimiser that only 8 of the 64 bytes are read; all must be in memory.
    __asm__ volatile("" : : "r"(&config) : "memory");
    _tile_loadconfig(&config);
  }

  static void release() { _tile_release(); }

  template <int kTile>
  static void zero() {
    static_assert(kTile >= 0 && kTile < 4, "an accumulator");
    if constexpr (kTile == 0) _tile_zero(0);
    if constexpr (kTile == 1) _tile_zero(1);
    if constexpr (kTile == 2) _tile_zero(2);
    if constexpr (kTile == 3) _tile_zero(3);
  }

  template <int kTile>
  static void load(const void* from, ptrdiff_t stride) {
    static_assert(kTile >= 4 && kTile < 8, "a factor");
    if constexpr (kTile == 4) _tile_loadd(4, from, stride);
    if constexpr (kTile == 5) _tile_loadd(5, from, stride);
    if constexpr (kTile == 6) _tile_loadd(6, from, stride);
    if constexpr (kTile == 7) _tile_loadd(7, from, stride);
  }

  template <int kTile>
  static void store(void* to, ptrdiff_t stride) {
    static_assert(kTile >= 0 && kTile < 4, "an accumulator");
    if constexpr (kTile == 0) _tile_stored(0, to, stride);
    if constexpr (kTile == 1) _tile_stored(1, to, stride);
    if constexpr (kTile == 2) _tile_stored(2, to, stride);
    if constexpr (kTile == 3) _tile_stored(3, to, stride);
  }

  template <int kC, int kA, int kB>
  static void dot() {
    static_assert(kC == 2 * (kA - 4) + (kB - 6), "the accumulator of that pair of factors");
    if constexpr (kC == 0) _tile_dpbusd(0, 4, 6);
    if constexpr (kC == 1) _tile_dpbusd(1, 4, 7);
    if constexpr (kC == 2) _tile_dpbusd(2, 5, 6);
    if constexpr (kC == 3) _tile_dpbusd(3, 5, 7);
  }

  static void finish(const int32_t* acc, const GemmS8Args& args, int i, int rows, int j,
                     int columns) {
    const Requantizer requantizer(args.range);
    const __m512i zero_point = _mm512_set1_epi32(args.range.zero_point);
    const __m512i bias = _mm512_loadu_si512(args.bias + j);
    const __m512 multiplier = _mm512_loadu_ps(args.multiplier + j);
    const auto wanted = static_cast<__mmask16>(mask_of(columns));
    uint8_t* out = args.out + i * args.out_stride + j;
    for (int r = 0; r < rows; ++r, acc += kTileColumns, out += args.out_stride) {
      const int32_t row_offset = args.row_offset == nullptr ? 0 : args.row_offset[i + r];
      __m512i sum = _mm512_add_epi32(_mm512_load_si512(acc), bias);
      sum = _mm512_add_epi32(sum, _mm512_set1_epi32(row_offset));
      const __m512i q = _mm512_add_epi32(requantizer.round(sum, multiplier), zero_point);
      _mm_mask_storeu_epi8(out, wanted, _mm512_cvtepi32_epi8(q));
    }
  }
};

}  // namespace
EDGERUN_TARGET_REGION_END

namespace {

// Configuring the tiles costs about 100 ns, padding to 16 columns and 64 of depth costs the rest. An estimate
// from instruction counts (16 cycles per tile product, some 70 per tile for requantisation).
bool pays(int64_t m, int64_t n, int64_t k) {
  return m >= kTileRows && n >= kTileColumns && k >= kTileDepth && m * n * k >= (1 << 19);
}

}  // namespace

const GemmS8Kernel gemm_s8_amx = {
    {"amx", Isa::kAmx},
    Signedness::kUnsigned,
    kTileDepth,
    kTileColumns,
    2 * kTileRows,
    amx_packed_bytes,
    amx_pack,
    AmxGemm<HardwareTiles>::run,
    pays,
    AmxGemm<HardwareTiles>::enter,
    AmxGemm<HardwareTiles>::leave,
};

}  // namespace edgerun

#endif  // EDGERUN_X86
