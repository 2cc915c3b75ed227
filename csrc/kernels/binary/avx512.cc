#include "kernels/binary/binary.h"

#if EDGERUN_X86
#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx512f,avx512bw,avx512dq,avx512vl")
namespace edgerun {
namespace {

#include "kernels/vec/scalar.inl"

#include "kernels/vec/avx512.inl"

#include "kernels/vec/requantize.inl"

#include "kernels/binary/binary.inl"

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const BinaryKernel binary_avx512 = {{"avx512", Isa::kAvx512Vnni}, add<Avx512Vec>, mul<Avx512Vec>};

}  // namespace edgerun
#endif
