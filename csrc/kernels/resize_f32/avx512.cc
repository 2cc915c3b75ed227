#include "kernels/resize_f32/resize_f32.h"

#if EDGERUN_X86
#include <cmath>

#include "base/table.h"
#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx512f,avx512bw,avx512dq,avx512vl")
namespace edgerun {
namespace {

#include "kernels/vec/f32_scalar.inl"

#include "kernels/vec/f32_avx512.inl"

#include "kernels/resize_f32/resize_f32.inl"

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const ResizeF32Kernel resize_f32_avx512 = {
    {"avx512", Isa::kAvx512Vnni}, blend_rows<Avx512F32>, blend_columns<Avx512F32>};

}  // namespace edgerun
#endif
