// The product in register tiles, for any vector width. Included INSIDE a target region and an
// unnamed namespace; the including file has defined (see avx2.cc):
//
//   Ints, Raw, kLanes, Requantizer        the vectors of the instruction set (kernels/x86/)
//   kAccumulators                         how many Ints a tile may keep in registers
//   Activations broadcast(p)              4 bytes of a row of `a`, to every column
//   Weights load_weights(p)               4 weights for each of kLanes columns
//   Ints dot(acc, activations, weights)   acc + the sum of the 4 products in each lane
//   Ints load_ints(p), set_ints(x), add_ints(x, y);  store_ints(p, x);  load_floats(p)
//   void store(out, x, columns, requantizer)   kMaxVectors vectors of scale(), of which `columns`
//   lanes count
//
// Packed weights: blocks of kBlock columns (the last one rounded up to whole vectors), each
// [steps][columns of the block][4], where a step is 4 of k and what lies beyond k is zero.

constexpr int kMaxVectors = 4;
constexpr int kBlock = kMaxVectors * kLanes;
constexpr int kStep = 4;

constexpr int round_up(int x, int unit) { return (x + unit - 1) / unit * unit; }

size_t packed_bytes(int n, int k) {
  return static_cast<size_t>(round_up(n, kLanes)) * static_cast<size_t>(round_up(k, kStep));
}

void pack(const int8_t* w, int n, int k, void* packed) {
  auto* to = static_cast<int8_t*>(packed);
  for (int block = 0; block < n; block += kBlock) {
    const int columns = n - block < kBlock ? n - block : kBlock;
    const int width = round_up(columns, kLanes);
    for (int j = 0; j < columns; ++j) {
      const int8_t* from = w + static_cast<ptrdiff_t>(block + j) * k;
      for (int i = 0; i < k; ++i) to[(i / kStep * width + j) * kStep + i % kStep] = from[i];
    }
    to += static_cast<ptrdiff_t>(width) * round_up(k, kStep);
  }
}

// One block of columns, as a tile sees it.
struct Block {
  const int8_t* packed;
  int begin;    // first column
  int columns;  // how many count
};

// Small tiles keep several sums over k, so that one dot product need not wait for the one before
// it.
constexpr int chains(int accumulators) {
  return accumulators >= 8 ? 1 : accumulators >= 4 ? 2 : accumulators >= 2 ? 4 : 8;
}

// acc += one step of k. Whichever of the two operands is fewer stays in registers.
template <int kRows, int kVectors>
EDGERUN_INLINE void step(Ints (&acc)[kRows][kVectors], const uint8_t* a, ptrdiff_t stride,
                         const int8_t* w) {
  constexpr int kWeightBytes = kLanes * kStep;
  if constexpr (kRows < kVectors) {
    Activations x[kRows];
    unrolled<kRows>([&](auto r) EDGERUN_LAMBDA { x[r] = broadcast(a + r * stride); });
    unrolled<kVectors>([&](auto v) EDGERUN_LAMBDA {
      const Weights y = load_weights(w + v * kWeightBytes);
      unrolled<kRows>([&](auto r) EDGERUN_LAMBDA { acc[r][v] = dot(acc[r][v], x[r], y); });
    });
  } else {
    Weights y[kVectors];
    unrolled<kVectors>([&](auto v) EDGERUN_LAMBDA { y[v] = load_weights(w + v * kWeightBytes); });
    unrolled<kRows>([&](auto r) EDGERUN_LAMBDA {
      const Activations x = broadcast(a + r * stride);
      unrolled<kVectors>([&](auto v) EDGERUN_LAMBDA { acc[r][v] = dot(acc[r][v], x, y[v]); });
    });
  }
}

// kRows rows from row i on, times a block of kVectors vectors.
template <int kRows, int kVectors>
void tile(const GemmS8Args& args, const Block& block, int i, const Requantizer& requantizer) {
  constexpr int kChains = chains(kRows * kVectors);
  constexpr int kWeightBytes = kVectors * kLanes * kStep;
  Ints acc[kChains][kRows][kVectors];
  unrolled<kRows>([&](auto r) EDGERUN_LAMBDA {
    const Ints offset = set_ints(args.row_offset == nullptr ? 0 : args.row_offset[i + r]);
    unrolled<kVectors>([&](auto v) EDGERUN_LAMBDA {
      acc[0][r][v] = add_ints(load_ints(args.bias + block.begin + v * kLanes), offset);
      unrolled<kChains - 1>([&](auto c) EDGERUN_LAMBDA { acc[c + 1][r][v] = set_ints(0); });
    });
  });

  const uint8_t* a = args.a + i * args.a_stride;
  const int8_t* w = block.packed;
  const uint8_t* const end = a + round_up(args.k, kStep);
  for (; end - a >= kChains * kStep; a += kChains * kStep, w += kChains * kWeightBytes) {
    unrolled<kChains>([&](auto c) EDGERUN_LAMBDA {
      step(acc[c], a + c * kStep, args.a_stride, w + c * kWeightBytes);
    });
  }
  if constexpr (kChains > 1) {
    for (; a < end; a += kStep, w += kWeightBytes) step(acc[0], a, args.a_stride, w);
  }

  const auto total = [&](auto r, auto v) EDGERUN_LAMBDA {
    Ints sum = acc[0][r][v];
    unrolled<kChains - 1>([&](auto c) EDGERUN_LAMBDA { sum = add_ints(sum, acc[c + 1][r][v]); });
    return sum;
  };
  if (args.sums != nullptr) {
    int32_t* sums = args.sums + i * args.sums_stride + block.begin;
    unrolled<kRows>([&](auto r) EDGERUN_LAMBDA {
      unrolled<kVectors>([&](auto v) EDGERUN_LAMBDA {
        store_ints(sums + r * args.sums_stride + v * kLanes, total(r, v));
      });
    });
    return;
  }
  const float* multiplier = args.multiplier + block.begin;
  uint8_t* out = args.out + i * args.out_stride + block.begin;
  unrolled<kRows>([&](auto r) EDGERUN_LAMBDA {
    Raw x[kMaxVectors];
    unrolled<kVectors>([&](auto v) EDGERUN_LAMBDA {
      x[v] = requantizer.scale(to_raw(total(r, v)), load_floats(multiplier + v * kLanes));
    });
    unrolled<kMaxVectors - kVectors>([&](auto v) EDGERUN_LAMBDA { x[kVectors + v] = Raw(); });
    store(out + r * args.out_stride, x, block.columns, requantizer);
  });
}

// All rows times one block: tiles of as equal a height as possible, so that none is much slower
// than the others.
template <int kVectors, int... kRowsLess1>
void multiply_block(const GemmS8Args& args, const Block& block, const Requantizer& requantizer,
                    std::integer_sequence<int, kRowsLess1...>) {
  using Tile = void (*)(const GemmS8Args&, const Block&, int, const Requantizer&);
  static constexpr Tile kTiles[] = {tile<kRowsLess1 + 1, kVectors>...};
  constexpr int kMost = sizeof...(kRowsLess1);
  const int tiles = (args.m + kMost - 1) / kMost;
  const int rows = args.m / tiles, taller = args.m % tiles;
  int i = 0;
  for (int t = 0; t < tiles; ++t) {
    const int height = rows + (t < taller ? 1 : 0);
    kTiles[height - 1](args, block, i, requantizer);
    i += height;
  }
}

constexpr int tile_rows(int vectors) {
  return kAccumulators / vectors < 12 ? kAccumulators / vectors : 12;
}

template <int kVectors>
void multiply_block(const GemmS8Args& args, const Block& block, const Requantizer& requantizer) {
  multiply_block<kVectors>(args, block, requantizer,
                           std::make_integer_sequence<int, tile_rows(kVectors)>());
}

// Blocks outermost: a block's weights stay in the cache while all rows pass by.
void run(const GemmS8Args& args) {
  const Requantizer requantizer(args.range);
  const ptrdiff_t depth = round_up(args.k, kStep);
  for (int j = args.n_begin; j < args.n_end; j += kBlock) {
    const int columns = args.n_end - j < kBlock ? args.n_end - j : kBlock;
    const Block block{static_cast<const int8_t*>(args.packed) + j * depth, j, columns};
    switch ((columns + kLanes - 1) / kLanes) {
      case 1:
        multiply_block<1>(args, block, requantizer);
        break;
      case 2:
        multiply_block<2>(args, block, requantizer);
        break;
      case 3:
        multiply_block<3>(args, block, requantizer);
        break;
      default:
        multiply_block<4>(args, block, requantizer);
        break;
    }
  }
}
