#include "kernels/binary/binary.h"

namespace edgerun {
namespace {

#include "kernels/vec/scalar.inl"

#include "kernels/vec/requantize.inl"

#include "kernels/binary/binary.inl"

}  // namespace

const BinaryKernel binary_generic = {{"generic", Isa::kGeneric}, add<ScalarVec>, mul<ScalarVec>};

}  // namespace edgerun
