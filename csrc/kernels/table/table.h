// out[i] = table[in[i]] for i = 0 .. n-1: every unary operator on 8-bit values. Indices and values
// are bytes as stored; out may be in itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel.h"

namespace edgerun {

struct TableKernel {
  KernelInfo info;
  void (*run)(const uint8_t* in, ptrdiff_t n, const uint8_t* table, uint8_t* out);
};

#define KERNEL(name, isa) extern const TableKernel table_##name;
#include "kernels/table/kernels.inc"
#undef KERNEL

inline std::vector<const TableKernel*> table_kernels() {
  return {
#define KERNEL(name, isa) &table_##name,
#include "kernels/table/kernels.inc"
#undef KERNEL
  };
}

}  // namespace edgerun
