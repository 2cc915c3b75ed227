#include "kernels/binary/binary.h"

#if EDGERUN_X86
#include "kernels/vec/x86.h"

EDGERUN_TARGET_REGION("avx2")
namespace edgerun {
namespace {

#include "kernels/vec/scalar.inl"

#include "kernels/vec/avx2.inl"

#include "kernels/vec/requantize.inl"

#include "kernels/binary/binary.inl"

}  // namespace
}  // namespace edgerun
EDGERUN_TARGET_REGION_END

namespace edgerun {

const BinaryKernel binary_avx2 = {{"avx2", Isa::kAvx2}, add<Avx2Vec>, mul<Avx2Vec>};

}  // namespace edgerun
#endif
