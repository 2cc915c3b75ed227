#include "kernels/table/table.h"

namespace edgerun {
namespace {

void run(const uint8_t* in, ptrdiff_t n, const uint8_t* table, uint8_t* out) {
  for (ptrdiff_t i = 0; i < n; ++i) out[i] = table[in[i]];
}

}  // namespace

const TableKernel table_generic = {{"generic", Isa::kGeneric}, run};

}  // namespace edgerun
