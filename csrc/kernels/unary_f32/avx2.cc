#include "kernels/unary_f32/unary_f32.h"

#if EDGERUN_X86
#include <cmath>

#include "base/table.h"
#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx2,fma")
namespace edgerun {
namespace {

#include "kernels/vec/f32_scalar.inl"

#include "kernels/vec/f32_avx2.inl"

#include "kernels/vec/elementary.inl"

#include "kernels/unary_f32/unary_f32.inl"

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const UnaryF32Kernel unary_f32_avx2 = {{"avx2", Isa::kAvx2}, unary_f32<Avx2F32>};

}  // namespace edgerun
#endif
