#include "kernels/reduce_f32/reduce_f32.h"

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

#include "kernels/vec/cascade.inl"

#include "kernels/reduce_f32/reduce_f32.inl"

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const ReduceF32Kernel reduce_f32_avx512 = {
    {"avx512", Isa::kAvx512Vnni}, row<Avx512F32>, columns<Avx512F32>};

}  // namespace edgerun
#endif
