#include <cmath>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "base/table.h"
#include "kernels/softmax_f32/softmax_f32.h"

namespace edgerun {
namespace {

#include "kernels/vec/f32_scalar.inl"

#include "kernels/x86/unrolled.inl"

#include "kernels/vec/elementary.inl"

#include "kernels/vec/cascade.inl"

#include "kernels/softmax_f32/softmax_f32.inl"

}  // namespace

const SoftmaxF32Kernel softmax_f32_generic = {
    {"generic", Isa::kGeneric}, softmax_f32<ScalarF32>, log_softmax_f32<ScalarF32>};

}  // namespace edgerun
