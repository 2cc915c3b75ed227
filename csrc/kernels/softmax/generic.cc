#include "kernels/softmax/softmax.h"

namespace edgerun {
namespace {

#include "kernels/vec/scalar.inl"

#include "kernels/vec/requantize.inl"

#include "kernels/softmax/softmax.inl"

}  // namespace

const SoftmaxKernel softmax_generic = {{"generic", Isa::kGeneric}, softmax<ScalarVec>};

}  // namespace edgerun
