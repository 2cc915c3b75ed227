#include "kernels/resize/resize.h"

#if EDGERUN_X86
#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx2")
namespace edgerun {
namespace {

#include "kernels/vec/scalar.inl"

#include "kernels/vec/avx2.inl"

#include "kernels/vec/requantize.inl"

#include "kernels/resize/resize.inl"

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const ResizeKernel resize_avx2 = {
    {"avx2", Isa::kAvx2}, blend_rows<Avx2Vec>, blend_columns<Avx2Vec>};

}  // namespace edgerun
#endif
