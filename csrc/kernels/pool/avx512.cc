#include "kernels/pool/pool.h"

#if EDGERUN_X86
#include <type_traits>
#include <utility>

#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx512f,avx512bw,avx512dq,avx512vl")
namespace edgerun {
namespace {

#include "kernels/vec/scalar.inl"

#include "kernels/vec/avx512.inl"

#include "kernels/vec/requantize.inl"

#include "kernels/x86/unrolled.inl"

#include "kernels/pool/pool.inl"

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const PoolKernel pool_avx512 = {
    {"avx512", Isa::kAvx512Vnni}, max_pool<Avx512Vec>, average_pool<Avx512Vec>};

}  // namespace edgerun
#endif
