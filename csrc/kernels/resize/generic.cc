#include "kernels/resize/resize.h"

namespace edgerun {
namespace {

#include "kernels/vec/scalar.inl"

#include "kernels/vec/requantize.inl"

#include "kernels/resize/resize.inl"

}  // namespace

const ResizeKernel resize_generic = {
    {"generic", Isa::kGeneric}, blend_rows<ScalarVec>, blend_columns<ScalarVec>};

}  // namespace edgerun
