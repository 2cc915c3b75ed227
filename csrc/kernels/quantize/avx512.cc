#include "kernels/quantize/quantize.h"

#if EDGERUN_X86
#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx512f,avx512bw,avx512dq,avx512vl")
namespace edgerun {
namespace {

#include "kernels/vec/scalar.inl"

#include "kernels/vec/avx512.inl"

#include "kernels/vec/requantize.inl"

#include "kernels/quantize/quantize.inl"

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const QuantizeKernel quantize_avx512 = {
    {"avx512", Isa::kAvx512Vnni}, quantize<Avx512Vec>, dequantize<Avx512Vec>};

}  // namespace edgerun
#endif
