#include "kernels/row_sum/row_sum.h"

namespace edgerun {
namespace {

void run(const RowSumArgs& args) {
  for (int i = 0; i < args.m; ++i) {
    const uint8_t* a = args.a + i * args.a_stride;
    int32_t sum = 0;
    for (int k = 0; k < args.k; ++k) sum += args.a_signed ? static_cast<int8_t>(a[k]) : a[k];
    args.out[i] = sum;
  }
}

}  // namespace

const RowSumKernel row_sum_generic = {{"generic", Isa::kGeneric}, run};

}  // namespace edgerun
