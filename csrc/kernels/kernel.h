// What a kernel is: a pure function over a tile. No allocation, no threads, no knowledge of operators.
//
// Each folder below this one holds one kernel: its contract (NAME.h), a generic version that anybody
// believes (generic.cc), one file per instruction set where that helps, and kernels.inc, the list of
// them, best first. The list is read for declaration and selection here, and by the tests and benchmarks
// through kernels(): a kernel that is not in it does not exist.
#pragma once

#include <vector>

#include "base/isa.h"

namespace edgerun {

// How a kernel wants its 8-bit activations stored. kAny kernels are told which it is with each call.
enum class Signedness { kUnsigned, kSigned, kAny };

// The head of every kernel's struct.
struct KernelInfo {
  const char* name;  // unique in its folder; normally the instruction set's
  Isa isa;
};

// Whether this process may run the kernel: tiles need the system's permission, too.
inline bool is_runnable(const KernelInfo& info) {
  return isa_detected(info.isa) && (info.isa != Isa::kAmx || amx_permitted());
}

// The kernels of a folder that this machine may run under `cap`, best first. Never empty: the generic
// version is always there.
template <class Kernel>
std::vector<const Kernel*> allowed_kernels(const std::vector<const Kernel*>& all, Isa cap) {
  std::vector<const Kernel*> allowed;
  for (const Kernel* kernel : all) {
    if (kernel->info.isa <= cap && is_runnable(kernel->info)) allowed.push_back(kernel);
  }
  return allowed;
}

}  // namespace edgerun
