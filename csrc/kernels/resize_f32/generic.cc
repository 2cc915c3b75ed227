#include <cmath>

#include "base/table.h"
#include "kernels/resize_f32/resize_f32.h"

namespace edgerun {
namespace {

#include "kernels/vec/f32_scalar.inl"

#include "kernels/resize_f32/resize_f32.inl"

}  // namespace

const ResizeF32Kernel resize_f32_generic = {
    {"generic", Isa::kGeneric}, blend_rows<ScalarF32>, blend_columns<ScalarF32>};

}  // namespace edgerun
