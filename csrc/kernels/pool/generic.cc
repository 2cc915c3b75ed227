#include <type_traits>
#include <utility>

#include "kernels/pool/pool.h"

namespace edgerun {
namespace {

#include "kernels/vec/scalar.inl"

#include "kernels/vec/requantize.inl"

#include "kernels/x86/unrolled.inl"

#include "kernels/pool/pool.inl"

}  // namespace

const PoolKernel pool_generic = {
    {"generic", Isa::kGeneric}, max_pool<ScalarVec>, average_pool<ScalarVec>};

}  // namespace edgerun
