#include "kernels/pool/pool.h"

#if EDGERUN_X86
#include <type_traits>
#include <utility>

#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx2")
namespace edgerun {
namespace {

#include "kernels/vec/scalar.inl"

#include "kernels/vec/avx2.inl"

#include "kernels/vec/requantize.inl"

#include "kernels/x86/unrolled.inl"

#include "kernels/pool/pool.inl"

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const PoolKernel pool_avx2 = {{"avx2", Isa::kAvx2}, max_pool<Avx2Vec>, average_pool<Avx2Vec>};

}  // namespace edgerun
#endif
