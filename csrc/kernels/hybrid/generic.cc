#include "base/requantize.h"
#include "kernels/hybrid/hybrid.h"

namespace edgerun {
namespace {

#include "kernels/vec/scalar.inl"

#include "kernels/hybrid/hybrid.inl"

}  // namespace

const HybridKernel hybrid_generic = {
    {"generic", Isa::kGeneric}, min_max<ScalarVec>, quantize<ScalarVec>, finish<ScalarVec>};

}  // namespace edgerun
