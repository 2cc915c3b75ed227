// The NEON kernel of gemm_s8 against the generic one, on AArch64 (or an emulator of it).
//
//   CXX -std=c++17 -O2 -ffp-contract=off -Icsrc -o neon_check csrc/tests/neon_check.cc
//       csrc/kernels/gemm_s8/neon.cc csrc/kernels/gemm_s8/generic.cc
#include <cstdio>

#include "kernels/gemm_s8/gemm_s8.h"
#include "tests/gemm_check.h"

int main() {
#if EDGERUN_ARM64
  edgerun::GemmCheck check(edgerun::gemm_s8_neon);
  constexpr int kStep = 16;  // values of k in one round of its inner loop
  check.sizes(kStep);
  return check.report("neon") ? 0 : 1;
#else
  std::printf("neon: did not run (this is not AArch64)\n");
  return 1;
#endif
}
