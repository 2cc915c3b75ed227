#include "kernels/quantize/quantize.h"

namespace edgerun {
namespace {

#include "kernels/vec/scalar.inl"

#include "kernels/vec/requantize.inl"

#include "kernels/quantize/quantize.inl"

}  // namespace

const QuantizeKernel quantize_generic = {
    {"generic", Isa::kGeneric}, quantize<ScalarVec>, dequantize<ScalarVec>};

}  // namespace edgerun
