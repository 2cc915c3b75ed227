// The product in register tiles, for any vector width. Included INSIDE a target region and an
// unnamed namespace, after a kernels/vec/float_*.inl and kernels/x86/unrolled.inl; the including
// file has defined
//
//   kMaxVectors      vectors of a block of columns
//   kAccumulators    how many vectors of sums a tile may keep in registers
//
// Packed weights: blocks of kBlock columns (the last one rounded up to whole vectors), each
// [k][columns of the block]; what lies beyond the last column is zero.

constexpr int kBlock = kMaxVectors * kLanes;
constexpr int kMaxRows = 14;

constexpr int round_up(int x, int unit) { return (x + unit - 1) / unit * unit; }

size_t packed_floats(int n, int k) {
  return static_cast<size_t>(round_up(n, kLanes)) * static_cast<size_t>(k);
}

void pack(const float* w, ptrdiff_t column_stride, ptrdiff_t depth_stride, int n, int k,
          float* packed) {
  for (int block = 0; block < n; block += kBlock) {
    const int columns = n - block < kBlock ? n - block : kBlock;
    const int width = round_up(columns, kLanes);
    for (int d = 0; d < k; ++d, packed += width) {
      const float* from = w + block * column_stride + d * depth_stride;
      for (int j = 0; j < columns; ++j) packed[j] = from[j * column_stride];
      for (int j = columns; j < width; ++j) packed[j] = 0;
    }
  }
}

// One block of columns, as a tile sees it.
struct Block {
  const float* packed;
  int begin;    // first column
  int columns;  // how many count
};

// acc += one step of k. Whichever of the two operands is fewer stays in registers.
template <int kRows, int kVectors>
EDGERUN_INLINE void step(Floats (&acc)[kRows][kVectors], const float* a, ptrdiff_t stride,
                         const float* w) {
  if constexpr (kRows < kVectors) {
    Floats x[kRows];
    unrolled<kRows>([&](auto r) EDGERUN_LAMBDA { x[r] = broadcast(a[r * stride]); });
    unrolled<kVectors>([&](auto v) EDGERUN_LAMBDA {
      const Floats y = load(w + v * kLanes);
      unrolled<kRows>([&](auto r) EDGERUN_LAMBDA { acc[r][v] = fused(x[r], y, acc[r][v]); });
    });
  } else {
    Floats y[kVectors];
    unrolled<kVectors>([&](auto v) EDGERUN_LAMBDA { y[v] = load(w + v * kLanes); });
    unrolled<kRows>([&](auto r) EDGERUN_LAMBDA {
      const Floats x = broadcast(a[r * stride]);
      unrolled<kVectors>([&](auto v) EDGERUN_LAMBDA { acc[r][v] = fused(x, y[v], acc[r][v]); });
    });
  }
}

// kRows rows from row i on, times a block of kVectors vectors.
template <int kRows, int kVectors>
void tile(const GemmF32Args& args, const Block& block, int i) {
  Floats acc[kRows][kVectors];
  unrolled<kVectors>([&](auto v) EDGERUN_LAMBDA {
    const Floats bias = load(args.bias + block.begin + v * kLanes);
    unrolled<kRows>([&](auto r) EDGERUN_LAMBDA { acc[r][v] = bias; });
  });
  const float* a = args.a + i * args.a_stride;
  const float* w = block.packed;
  for (const float* const end = a + args.k; a < end; ++a, w += kVectors * kLanes) {
    step(acc, a, args.a_stride, w);
  }
  const Floats lo = broadcast(args.lo), hi = broadcast(args.hi);
  constexpr int kLast = kVectors - 1;
  const Mask rest = first(block.columns - kLast * kLanes);
  float* out = args.out + i * args.out_stride + block.begin;
  unrolled<kRows>([&](auto r) EDGERUN_LAMBDA {
    float* row = out + r * args.out_stride;
    unrolled<kLast>([&](auto v) EDGERUN_LAMBDA {
      store(row + v * kLanes, clamp(acc[r][v], lo, hi));
    });
    store(row + kLast * kLanes, clamp(acc[r][kLast], lo, hi), rest);
  });
}

// All rows times one block: tiles of as equal a height as possible, so that none is much slower
// than the others.
template <int kVectors, int... kRowsLess1>
void multiply_block(const GemmF32Args& args, const Block& block,
                    std::integer_sequence<int, kRowsLess1...>) {
  using Tile = void (*)(const GemmF32Args&, const Block&, int);
  static constexpr Tile kTiles[] = {tile<kRowsLess1 + 1, kVectors>...};
  constexpr int kMost = sizeof...(kRowsLess1);
  const int tiles = (args.m + kMost - 1) / kMost;
  const int rows = args.m / tiles, taller = args.m % tiles;
  int i = 0;
  for (int t = 0; t < tiles; ++t) {
    const int height = rows + (t < taller ? 1 : 0);
    kTiles[height - 1](args, block, i);
    i += height;
  }
}

constexpr int tile_rows(int vectors) {
  return kAccumulators / vectors < kMaxRows ? kAccumulators / vectors : kMaxRows;
}

template <int kVectors>
void multiply_block(const GemmF32Args& args, const Block& block) {
  multiply_block<kVectors>(args, block, std::make_integer_sequence<int, tile_rows(kVectors)>());
}

// The block has `vectors` vectors, at most kMost.
template <int kMost>
void multiply_block_of(int vectors, const GemmF32Args& args, const Block& block) {
  if constexpr (kMost > 1) {
    if (vectors < kMost) return multiply_block_of<kMost - 1>(vectors, args, block);
  }
  multiply_block<kMost>(args, block);
}

// Blocks outermost: a block's weights stay in the cache while all rows pass by.
void run(const GemmF32Args& args) {
  for (int j = args.n_begin; j < args.n_end; j += kBlock) {
    const int columns = args.n_end - j < kBlock ? args.n_end - j : kBlock;
    const Block block{args.packed + static_cast<ptrdiff_t>(j) * args.k, j, columns};
    multiply_block_of<kMaxVectors>((columns + kLanes - 1) / kLanes, args, block);
  }
}
