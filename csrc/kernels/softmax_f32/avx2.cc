#include "kernels/softmax_f32/softmax_f32.h"

#if EDGERUN_X86
#include <cmath>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "base/table.h"
#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx2,fma")
namespace edgerun {
namespace {

#include "kernels/vec/f32_scalar.inl"

#include "kernels/vec/f32_avx2.inl"

#include "kernels/x86/unrolled.inl"

#include "kernels/vec/elementary.inl"

#include "kernels/vec/cascade.inl"

#include "kernels/softmax_f32/softmax_f32.inl"

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const SoftmaxF32Kernel softmax_f32_avx2 = {
    {"avx2", Isa::kAvx2}, softmax_f32<Avx2F32>, log_softmax_f32<Avx2F32>};

}  // namespace edgerun
#endif
