#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "kernels/copy_nd/copy_nd.h"

namespace edgerun {
namespace {

constexpr ptrdiff_t kLine = 64;  // bytes of a cache line

// A copy whose size the compiler knows is one or two moves; kUnit = 0 is any size. The steps are
// copied first, because bytes written through `out` might be theirs.
template <ptrdiff_t kUnit>
void copy(const CopyNdArgs& args) {
  const ptrdiff_t unit = kUnit == 0 ? args.unit : kUnit;
  const auto copy_run = [=](const uint8_t* in, ptrdiff_t in_step, uint8_t* out,
                               ptrdiff_t out_step, ptrdiff_t count) {
    for (; count > 0; --count, in += in_step, out += out_step)
      std::memcpy(out, in, static_cast<size_t>(unit));
  };
  // A transposition reads whole cache lines: i is the inner loop, in blocks; unless that is too short
  // a loop, then j is, in blocks that stay in the cache until the last i.
  const bool transposed = std::abs(args.in_step[0]) < std::abs(args.in_step[1]);
  const ptrdiff_t block = transposed ? 32 : 1;
  const ptrdiff_t width = transposed ? 512 : args.count[1];
  for (ptrdiff_t i = 0; i < args.count[0]; i += block) {
    const ptrdiff_t rows = std::min(block, args.count[0] - i);
    for (ptrdiff_t j = 0; j < args.count[1]; j += width) {
      const ptrdiff_t columns = std::min(width, args.count[1] - j);
      const uint8_t* in = args.in + i * args.in_step[0] + j * args.in_step[1];
      uint8_t* out = args.out + i * args.out_step[0] + j * args.out_step[1];
      const int inner = rows >= 8 ? 0 : 1;
      const int outer = 1 - inner;
      const ptrdiff_t runs = inner == 0 ? columns : rows, length = inner == 0 ? rows : columns;
      for (ptrdiff_t run = 0; run < runs; ++run) {
        copy_run(in + run * args.in_step[outer], args.in_step[inner],
                 out + run * args.out_step[outer], args.out_step[inner], length);
      }
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

// A row of 16 bytes, in which two rows can be interleaved.
template <class T>
struct Lanes {
  static constexpr int kCount = 16 / sizeof(T);
  typedef T Row __attribute__((vector_size(16)));

  template <int kFrom, size_t... kLane>
  static Row interleave(Row a, Row b, std::index_sequence<kLane...>) {
    return __builtin_shufflevector(a, b, (kFrom + kLane / 2 + kLane % 2 * kCount)...);
  }
  static Row low(Row a, Row b) {
    return interleave<0>(a, b, std::make_index_sequence<kCount>());
  }
  static Row high(Row a, Row b) {
    return interleave<kCount / 2>(a, b, std::make_index_sequence<kCount>());
  }
};

// Transposes a square of elements as wide as T: interleaving the first half of the rows with the
// second one, log2(rows) times, is a transposition. Indices are constants, which keeps the rows in
// registers.
template <class T, size_t... kRow>
void transpose_rows(const uint8_t* in, ptrdiff_t in_step, uint8_t* out, ptrdiff_t out_step,
                    std::index_sequence<kRow...>) {
  using L = Lanes<T>;
  constexpr size_t kHalf = L::kCount / 2;
  typename L::Row rows[L::kCount];
  (std::memcpy(&rows[kRow], in + static_cast<ptrdiff_t>(kRow) * in_step, 16), ...);
  const auto mix = [&] {
    const typename L::Row mixed[] = {
        (kRow % 2 == 0 ? L::low(rows[kRow / 2], rows[kRow / 2 + kHalf])
                       : L::high(rows[kRow / 2], rows[kRow / 2 + kHalf]))...};
    ((rows[kRow] = mixed[kRow]), ...);
  };
  mix();
  if constexpr (L::kCount > 2) mix();
  if constexpr (L::kCount > 4) mix();
  if constexpr (L::kCount > 8) mix();
  (std::memcpy(out + static_cast<ptrdiff_t>(kRow) * out_step, &rows[kRow], 16), ...);
}

template <class T>
void transpose_square(const uint8_t* in, ptrdiff_t in_step, uint8_t* out, ptrdiff_t out_step) {
  transpose_rows<T>(in, in_step, out, out_step, std::make_index_sequence<Lanes<T>::kCount>());
}

using Square = void (*)(const uint8_t* in, ptrdiff_t in_step, uint8_t* out, ptrdiff_t out_step);

// Elements whose neighbours are along i in the input and along j in the output, in squares of kSide;
// a cache line of the input is read to its end before the next row is. kRest does what is left.
template <ptrdiff_t kUnit, ptrdiff_t kSide, Square kSquare, void (*kRest)(const CopyNdArgs&)>
void transpose(const CopyNdArgs& args) {
  const ptrdiff_t whole[2] = {args.count[0] / kSide * kSide, args.count[1] / kSide * kSide};
  const ptrdiff_t in_step = args.in_step[1], out_step = args.out_step[0];
  constexpr ptrdiff_t kBlock = std::max(kSide, kLine / kUnit);
  for (ptrdiff_t begin = 0; begin < whole[0]; begin += kBlock) {
    const ptrdiff_t end = std::min(begin + kBlock, whole[0]);
    for (ptrdiff_t j = 0; j < whole[1]; j += kSide) {
      for (ptrdiff_t i = begin; i < end; i += kSide) {
        kSquare(args.in + i * kUnit + j * in_step, in_step, args.out + i * out_step + j * kUnit,
                out_step);
      }
    }
  }
  CopyNdArgs right = args;  // what is left of the first whole[0] rows
  right.in += whole[1] * in_step;
  right.out += whole[1] * kUnit;
  right.count[0] = whole[0];
  right.count[1] -= whole[1];
  kRest(right);
  CopyNdArgs below = args;
  below.in += whole[0] * kUnit;
  below.out += whole[0] * out_step;
  below.count[0] -= whole[0];
  kRest(below);
}

void run(const CopyNdArgs& args) {
  if (args.in_step[0] == args.unit && args.out_step[1] == args.unit) {
    switch (args.unit) {
      case 1:
        return transpose<1, 16, transpose_square<uint8_t>, transpose<1, 8, transpose_block, copy<1>>>(
            args);
      case 2:
        return transpose<2, 8, transpose_square<uint16_t>, copy<2>>(args);
      case 4:
        return transpose<4, 4, transpose_square<uint32_t>, copy<4>>(args);
      case 8:
        return transpose<8, 2, transpose_square<uint64_t>, copy<8>>(args);
    }
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
