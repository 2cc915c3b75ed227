#include <cmath>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "base/table.h"
#include "kernels/reduce_f32/reduce_f32.h"

namespace edgerun {
namespace {

#include "kernels/vec/f32_scalar.inl"

#include "kernels/x86/unrolled.inl"

#include "kernels/vec/cascade.inl"

#include "kernels/reduce_f32/reduce_f32.inl"

}  // namespace

const ReduceF32Kernel reduce_f32_generic = {
    {"generic", Isa::kGeneric}, row<ScalarF32>, columns<ScalarF32>};

}  // namespace edgerun
