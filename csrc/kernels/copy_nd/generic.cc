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

// Blocks of kDistance x kDistance bytes change places across the diagonal of rows a and b, which
// are kDistance rows apart.
template <int kDistance>
void exchange(uint64_t& a, uint64_t& b) {
  constexpr uint64_t kMask = kDistance == 4   ? 0x00000000ffffffffu
                             : kDistance == 2 ? 0x0000ffff0000ffffu
                                              : 0x00ff00ff00ff00ffu;
  const uint64_t difference = ((a >> (8 * kDistance)) ^ b) & kMask;
  b ^= difference;
  a ^= difference << (8 * kDistance);
}

uint64_t load(const uint8_t* p) {
  uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

void store(uint8_t* p, uint64_t word) { std::memcpy(p, &word, sizeof word); }

// Transposes 8 x 8 bytes. Written out, so that the rows (little-endian words) stay in registers.
void transpose_block(const uint8_t* in, ptrdiff_t in_step, uint8_t* out, ptrdiff_t out_step) {
  uint64_t a = load(in), b = load(in + in_step), c = load(in + 2 * in_step);
  uint64_t d = load(in + 3 * in_step), e = load(in + 4 * in_step), f = load(in + 5 * in_step);
  uint64_t g = load(in + 6 * in_step), h = load(in + 7 * in_step);
  exchange<4>(a, e), exchange<4>(b, f), exchange<4>(c, g), exchange<4>(d, h);
  exchange<2>(a, c), exchange<2>(b, d), exchange<2>(e, g), exchange<2>(f, h);
  exchange<1>(a, b), exchange<1>(c, d), exchange<1>(e, f), exchange<1>(g, h);
  store(out, a), store(out + out_step, b), store(out + 2 * out_step, c);
  store(out + 3 * out_step, d), store(out + 4 * out_step, e), store(out + 5 * out_step, f);
  store(out + 6 * out_step, g), store(out + 7 * out_step, h);
}

// Bytes whose neighbours are along i in the input and along j in the output.
void transpose_bytes(const CopyNdArgs& args) {
  const ptrdiff_t whole[2] = {args.count[0] / 8 * 8, args.count[1] / 8 * 8};
  for (ptrdiff_t i = 0; i < whole[0]; i += 8) {
    for (ptrdiff_t j = 0; j < whole[1]; j += 8) {
      transpose_block(args.in + i + j * args.in_step[1], args.in_step[1],
                      args.out + i * args.out_step[0] + j, args.out_step[0]);
    }
  }
  CopyNdArgs right = args;  // what is left of the first whole[0] rows
  right.in += whole[1] * args.in_step[1];
  right.out += whole[1];
  right.count[0] = whole[0];
  right.count[1] -= whole[1];
  copy<1>(right);
  CopyNdArgs below = args;
  below.in += whole[0];
  below.out += whole[0] * args.out_step[0];
  below.count[0] -= whole[0];
  copy<1>(below);
}

void run(const CopyNdArgs& args) {
  if (args.unit == 1 && args.in_step[0] == 1 && args.out_step[1] == 1) {
    return transpose_bytes(args);
  }
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
