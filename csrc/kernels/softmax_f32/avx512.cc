#include "kernels/softmax_f32/softmax_f32.h"

#if EDGERUN_X86
#include <cmath>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "base/table.h"
#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx512f,avx512bw,avx512dq,avx512vl")
namespace edgerun {
namespace {

#include "kernels/vec/f32_scalar.inl"

#include "kernels/vec/f32_avx512.inl"

#include "kernels/x86/unrolled.inl"

#include "kernels/vec/elementary.inl"

#include "kernels/vec/cascade.inl"

#include "kernels/softmax_f32/softmax_f32.inl"

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const SoftmaxF32Kernel softmax_f32_avx512 = {
    {"avx512", Isa::kAvx512Vnni}, softmax_f32<Avx512F32>, log_softmax_f32<Avx512F32>};

}  // namespace edgerun
#endif
