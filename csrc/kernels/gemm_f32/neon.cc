#include "base/target_region.h"

#if EDGERUN_ARM64
#include <arm_neon.h>

#include <cstring>
#include <type_traits>
#include <utility>

#include "kernels/gemm_f32/gemm_f32.h"

namespace edgerun {
namespace {

#include "kernels/vec/float_neon.inl"

// Tiles of 6 x 4, 8 x 3, 12 x 2 and 14 x 1, in 32 registers.
constexpr int kMaxVectors = 4;
constexpr int kAccumulators = 24;

#include "kernels/x86/unrolled.inl"

#include "kernels/gemm_f32/tile.inl"

}  // namespace

const GemmF32Kernel gemm_f32_neon = {
    {"neon", Isa::kNeon}, kBlock, tile_rows(kMaxVectors), packed_floats, pack, run,
};

}  // namespace edgerun
#endif
