#include "kernels/gemm_f32/gemm_f32.h"

#if EDGERUN_X86
#include <type_traits>
#include <utility>

#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx2,fma")
namespace edgerun {
namespace {

#include "kernels/vec/float_avx2.inl"

// Tiles of 6 x 2 and 12 x 1.
constexpr int kMaxVectors = 2;
constexpr int kAccumulators = 12;

#include "kernels/x86/unrolled.inl"

#include "kernels/gemm_f32/tile.inl"

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const GemmF32Kernel gemm_f32_avx2 = {
    {"avx2", Isa::kAvx2}, kBlock, tile_rows(kMaxVectors), packed_floats, pack, run,
};

}  // namespace edgerun
#endif
