// The AMX kernel of gemm_s8 against the generic one: its code over a model of the tiles, on any
// machine; and the kernel itself, on AMX where there is AMX, else with its tile instructions
// trapped and done on the model (x86 Linux with AVX-512, which the rest of the kernel needs).
//
//   g++ -std=c++17 -O2 -ffp-contract=off -Icsrc -o amx_check csrc/tests/amx_check.cc
//       csrc/kernels/gemm_s8/amx.cc csrc/kernels/gemm_s8/generic.cc csrc/base/isa.cc
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "base/isa.h"
#include "kernels/gemm_s8/gemm_s8.h"
#include "tests/gemm_check.h"
#include "tests/soft_tiles.h"
#if EDGERUN_X86 && defined(__linux__)
#include "tests/amx_trap.h"
#endif

namespace edgerun {
namespace {

#include "kernels/gemm_s8/amx_blocks.inl"

TileMachine machine;

struct SoftTiles {
  static void configure(const TileConfig& config) { machine.configure(&config); }
  static void release() { machine.release(); }
  template <int kTile>
  static void zero() {
    machine.zero(kTile);
  }
  template <int kTile>
  static void load(const void* from, ptrdiff_t stride) {
    machine.load(kTile, from, stride);
  }
  template <int kTile>
  static void store(void* to, ptrdiff_t stride) {
    machine.store(kTile, to, stride);
  }
  template <int kC, int kA, int kB>
  static void dot() {
    machine.dot(kC, kA, kB);
  }
  static void finish(const int32_t* acc, const GemmS8Args& args, int i, int rows, int j,
                     int columns) {
    for (int r = 0; r < rows; ++r) {
      const int32_t row_offset = args.row_offset == nullptr ? 0 : args.row_offset[i + r];
      for (int c = 0; c < columns; ++c) {
        const uint32_t sum = static_cast<uint32_t>(acc[r * kTileColumns + c]) +
                             static_cast<uint32_t>(args.bias[j + c]) +
                             static_cast<uint32_t>(row_offset);
        const int32_t q = requantize(static_cast<int32_t>(sum), args.multiplier[j + c], args.range);
        args.out[(i + r) * args.out_stride + j + c] = static_cast<uint8_t>(q);
      }
    }
  }
};

using SoftGemm = AmxGemm<SoftTiles>;

const GemmS8Kernel soft = {
    {"amx over soft tiles", Isa::kGeneric},
    Signedness::kUnsigned,
    kTileDepth,
    kTileColumns,
    2 * kTileRows,
    amx_packed_bytes,
    amx_pack,
    SoftGemm::run,
    nullptr,
    SoftGemm::enter,
    SoftGemm::leave,
};

bool passes(const GemmS8Kernel& kernel, const char* name) {
  GemmCheck check(kernel);
  kernel.enter();
  check.sizes(kTileDepth);
  kernel.leave();
  if (machine.configured()) {
    std::printf("%s: the tiles are not released\n", name);
    return false;
  }
  return check.report(name);
}

bool kernel_passes() {
#if EDGERUN_X86
  if (amx_permitted()) return passes(gemm_s8_amx, "amx on this processor's tiles");
#if defined(__linux__)
  if (isa_detected(Isa::kAvx512Vnni)) {
    const AmxTrap trap(machine);
    const bool ok = passes(gemm_s8_amx, "amx with trapped tile instructions");
    std::printf(
        "amx on this processor's tiles: did not run (there is no AMX here); %lld instructions "
        "trapped\n",
        static_cast<long long>(AmxTrap::instructions()));
    return ok && AmxTrap::instructions() > 0;
  }
#endif
#endif
  std::printf(
      "amx on this processor's tiles: did not run (there is neither AMX nor AVX-512 here)\n");
  return true;
}

}  // namespace
}  // namespace edgerun

int main() {
  const bool soft_ok = edgerun::passes(edgerun::soft, edgerun::soft.info.name);
  return edgerun::kernel_passes() && soft_ok ? 0 : 1;
}
