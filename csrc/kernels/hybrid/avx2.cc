#include "kernels/hybrid/hybrid.h"

#if EDGERUN_X86
#include "base/requantize.h"
#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx2,fma")
namespace edgerun {
namespace {

#include "kernels/vec/scalar.inl"

#include "kernels/vec/avx2.inl"

#include "kernels/hybrid/hybrid.inl"

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const HybridKernel hybrid_avx2 = {
    {"avx2", Isa::kAvx2}, min_max<Avx2Vec>, quantize<Avx2Vec>, finish<Avx2Vec>};

}  // namespace edgerun
#endif
