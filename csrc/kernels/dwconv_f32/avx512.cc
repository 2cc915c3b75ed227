#include "kernels/dwconv_f32/dwconv_f32.h"

#if EDGERUN_X86
#include <type_traits>
#include <utility>

#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx512f,avx512bw,avx512dq,avx512vl")
namespace edgerun {
namespace {

#include "kernels/vec/float_avx512.inl"

#include "kernels/x86/unrolled.inl"

#include "kernels/dwconv_f32/pixels.inl"

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const DwconvF32Kernel dwconv_f32_avx512 = {
    {"avx512", Isa::kAvx512Vnni}, kLanes, packed_floats, pack, run,
};

}  // namespace edgerun
#endif
