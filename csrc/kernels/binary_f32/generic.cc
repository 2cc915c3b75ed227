#include <cmath>

#include "base/table.h"
#include "kernels/binary_f32/binary_f32.h"

namespace edgerun {
namespace {

#include "kernels/vec/f32_scalar.inl"

#include "kernels/binary_f32/binary_f32.inl"

}  // namespace

const BinaryF32Kernel binary_f32_generic = {{"generic", Isa::kGeneric}, binary_f32<ScalarF32>};

}  // namespace edgerun
