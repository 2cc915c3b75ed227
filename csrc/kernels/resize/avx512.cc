#include "kernels/resize/resize.h"

#if EDGERUN_X86
#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx512f,avx512bw,avx512dq,avx512vl")
namespace edgerun {
namespace {

#include "kernels/vec/scalar.inl"

#include "kernels/vec/avx512.inl"

#include "kernels/vec/requantize.inl"

#include "kernels/resize/resize.inl"

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const ResizeKernel resize_avx512 = {
    {"avx512", Isa::kAvx512Vnni}, blend_rows<Avx512Vec>, blend_columns<Avx512Vec>};

}  // namespace edgerun
#endif
