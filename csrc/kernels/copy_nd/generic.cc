#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "kernels/copy_nd/copy_nd.h"

namespace edgerun {
namespace {

// A copy whose size the compiler knows is one or two moves; kUnit = 0 is any size.
template <ptrdiff_t kUnit>
void copy(const CopyNdArgs& args) {
  const ptrdiff_t unit = kUnit == 0 ? args.unit : kUnit;
  const auto copy_one = [&](ptrdiff_t i, ptrdiff_t j) {
    std::memcpy(args.out + i * args.out_step[0] + j * args.out_step[1],
                args.in + i * args.in_step[0] + j * args.in_step[1], static_cast<size_t>(unit));
  };
  // A transposition reads whole cache lines: i is the inner loop, in blocks.
  const bool transposed = std::abs(args.in_step[0]) < std::abs(args.in_step[1]);
  const ptrdiff_t block = transposed ? 32 : 1;
  for (ptrdiff_t begin = 0; begin < args.count[0]; begin += block) {
    const ptrdiff_t end = std::min(begin + block, args.count[0]);
    for (ptrdiff_t j = 0; j < args.count[1]; ++j) {
      for (ptrdiff_t i = begin; i < end; ++i) copy_one(i, j);
    }
  }
}

void run(const CopyNdArgs& args) {
  switch (args.unit) {
    case 1:
      return copy<1>(args);
    case 2:
      return copy<2>(args);
    case 3:
      return copy<3>(args);
    case 4:
      return copy<4>(args);
    case 8:
      return copy<8>(args);
    case 16:
      return copy<16>(args);
    case 32:
      return copy<32>(args);
    default:
      return copy<0>(args);
  }
}

}  // namespace

const CopyNdKernel copy_nd_generic = {{"generic", Isa::kGeneric}, run};

}  // namespace edgerun
