#include "kernels/hybrid/hybrid.h"

#if EDGERUN_X86
#include "base/requantize.h"
#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx512f,avx512bw,avx512dq,avx512vl")
namespace edgerun {
namespace {

#include "kernels/vec/scalar.inl"

#include "kernels/vec/avx512.inl"

#include "kernels/hybrid/hybrid.inl"

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const HybridKernel hybrid_avx512 = {
    {"avx512", Isa::kAvx512Vnni}, min_max<Avx512Vec>, quantize<Avx512Vec>, finish<Avx512Vec>};

}  // namespace edgerun
#endif
