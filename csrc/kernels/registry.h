// Every kernel of every folder, for tests, benchmarks and `edgerun doctor`.
#pragma once

#include <string>
#include <vector>

#include "kernels/kernel.h"

namespace edgerun {

struct RegisteredKernel {
  std::string folder;
  KernelInfo info;
};

std::vector<RegisteredKernel> registered_kernels();

}  // namespace edgerun
