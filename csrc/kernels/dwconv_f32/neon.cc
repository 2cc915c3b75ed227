#include "base/target_region.h"

#if EDGERUN_ARM64
#include <arm_neon.h>

#include <cstring>
#include <type_traits>
#include <utility>

#include "kernels/dwconv_f32/dwconv_f32.h"

namespace edgerun {
namespace {

#include "kernels/vec/float_neon.inl"

#include "kernels/x86/unrolled.inl"

#include "kernels/dwconv_f32/pixels.inl"

}  // namespace

const DwconvF32Kernel dwconv_f32_neon = {
    {"neon", Isa::kNeon}, kLanes, packed_floats, pack, run,
};

}  // namespace edgerun
#endif
