#include <cmath>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "base/table.h"
#include "kernels/pool_f32/pool_f32.h"

namespace edgerun {
namespace {

#include "kernels/vec/f32_scalar.inl"

#include "kernels/x86/unrolled.inl"

#include "kernels/vec/cascade.inl"

#include "kernels/pool_f32/pool_f32.inl"

}  // namespace

const PoolF32Kernel pool_f32_generic = {
    {"generic", Isa::kGeneric}, max_pool<ScalarF32>, average_pool<ScalarF32>};

}  // namespace edgerun
