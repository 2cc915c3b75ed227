#include <cmath>

#include "base/table.h"
#include "kernels/unary_f32/unary_f32.h"

namespace edgerun {
namespace {

#include "kernels/vec/f32_scalar.inl"

#include "kernels/vec/elementary.inl"

#include "kernels/unary_f32/unary_f32.inl"

}  // namespace

const UnaryF32Kernel unary_f32_generic = {{"generic", Isa::kGeneric}, unary_f32<ScalarF32>};

}  // namespace edgerun
