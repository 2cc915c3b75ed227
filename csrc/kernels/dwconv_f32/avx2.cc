#include "kernels/dwconv_f32/dwconv_f32.h"

#if EDGERUN_X86
#include <type_traits>
#include <utility>

#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx2,fma")
namespace edgerun {
namespace {

#include "kernels/vec/float_avx2.inl"

#include "kernels/x86/unrolled.inl"

#include "kernels/dwconv_f32/pixels.inl"

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const DwconvF32Kernel dwconv_f32_avx2 = {
    {"avx2", Isa::kAvx2}, kLanes, packed_floats, pack, run,
};

}  // namespace edgerun
#endif
