// The product by AMX tiles, written over a policy `Tiles`, so that the same code runs on the
// processor's tiles (amx.cc) and on a model of them (tests/soft_tiles.h). Included INSIDE an
// unnamed namespace, by amx.cc inside its target region too; includes nothing itself: before it
// come <algorithm>, <cstddef>, <cstdint>, <cstring> and kernels/gemm_s8/gemm_s8.h.
//
// Tiles has the static functions
//   configure(TileConfig), release()         the state of the thread's eight tile registers
//   zero<T>(), load<T>(from, stride), store<T>(to, stride)
//   dot<C, A, B>()                           C += A (unsigned bytes) times B (signed), in int32
//   finish(acc, args, i, rows, j, columns)   out[i .. i + rows)[j .. j + columns) of acc[rows][16]
//
// Weights are packed in panels of 16 columns; a panel is one tile after the other along k. A tile
// holds 64 values of k for 16 columns, four neighbours in k side by side: byte 64 r + 4 c + t is
// w[c][4 r + t].

constexpr int kTileRows = 16;     // of a, of the weights and of the accumulators
constexpr int kTileColumns = 16;  // of the weights and of the accumulators
constexpr int kTileDepth = 64;
constexpr int kTileRowBytes = 64;
constexpr int kTileBytes = kTileRows * kTileRowBytes;

// Accumulators are tiles 0..3 (two by two), rows of a are tiles 4 and 5, weights are tiles 6 and 7.
constexpr int kTileA = 4, kTileB = 6;

// What LDTILECFG reads.
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};
static_assert(sizeof(TileConfig) == 64, "LDTILECFG reads 64 bytes");

inline int amx_depth_blocks(int k) { return (k + kTileDepth - 1) / kTileDepth; }

inline size_t amx_packed_bytes(int n, int k) {
  const int panels = (n + kTileColumns - 1) / kTileColumns;
  return static_cast<size_t>(panels) * static_cast<size_t>(amx_depth_blocks(k)) * kTileBytes;
}

inline void amx_pack(const int8_t* w, int n, int k, void* packed) {
  auto* to = static_cast<int8_t*>(packed);
  for (int j = 0; j < n; ++j) {
    int8_t* panel =
        to + static_cast<ptrdiff_t>(j / kTileColumns) * amx_depth_blocks(k) * kTileBytes;
    int8_t* column = panel + 4 * (j % kTileColumns);
    const int8_t* from = w + static_cast<ptrdiff_t>(j) * k;
    for (int d = 0; d < k; d += 4, column += kTileRowBytes) {
      std::memcpy(column, from + d, static_cast<size_t>(std::min(4, k - d)));
    }
  }
}

template <class Tiles>
struct AmxGemm {
  static void enter() { Tiles::configure(config(kTileRows)); }
  static void leave() { Tiles::release(); }

  static void run(const GemmS8Args& args) {
    // The last rows are covered by a block that overlaps the one before; where there is none to
    // overlap, the tiles are made lower.
    const bool low = args.m < kTileRows;
    if (low) Tiles::configure(config(args.m));
    for (int i = 0; i < args.m; i += 2 * kTileRows) {
      const bool two_rows = args.m - i > kTileRows;
      for (int j = args.n_begin; j < args.n_end; j += 2 * kTileColumns) {
        const bool two_columns = args.n_end - j > kTileColumns;
        if (two_rows) {
          two_columns ? blocks<2, 2>(args, i, j) : blocks<2, 1>(args, i, j);
        } else {
          two_columns ? blocks<1, 2>(args, i, j) : blocks<1, 1>(args, i, j);
        }
      }
    }
    if (low) enter();
  }

 private:
  static TileConfig config(int rows) {
    TileConfig config;
    for (int tile = 0; tile < 8; ++tile) {
      config.row_bytes[tile] = kTileRowBytes;
      config.rows[tile] = static_cast<uint8_t>(tile < kTileB ? rows : kTileRows);
    }
    return config;
  }

  // The row where the block for rows i .. i + 16 starts, so that it ends within m.
  static int block_start(const GemmS8Args& args, int i) {
    return std::max(0, std::min(i, args.m - kTileRows));
  }

  template <int kRowBlocks, int kColumnBlocks>
  static void blocks(const GemmS8Args& args, int i, int j) {
    constexpr bool kTwoRows = kRowBlocks == 2, kTwoColumns = kColumnBlocks == 2;
    const int depth_blocks = amx_depth_blocks(args.k);
    const ptrdiff_t panel_bytes = static_cast<ptrdiff_t>(depth_blocks) * kTileBytes;
    const auto* b = static_cast<const uint8_t*>(args.packed) + j / kTileColumns * panel_bytes;
    const uint8_t* a0 = args.a + block_start(args, i) * args.a_stride;
    const uint8_t* a1 = args.a + block_start(args, i + kTileRows) * args.a_stride;

    Tiles::template zero<0>();
    if constexpr (kTwoColumns) Tiles::template zero<1>();
    if constexpr (kTwoRows) Tiles::template zero<2>();
    if constexpr (kTwoRows && kTwoColumns) Tiles::template zero<3>();
    for (int d = 0; d < depth_blocks; ++d) {
      const ptrdiff_t offset = static_cast<ptrdiff_t>(d) * kTileDepth;
      const uint8_t* tile = b + static_cast<ptrdiff_t>(d) * kTileBytes;
      Tiles::template load<kTileA>(a0 + offset, args.a_stride);
      Tiles::template load<kTileB>(tile, kTileRowBytes);
      Tiles::template dot<0, kTileA, kTileB>();
      if constexpr (kTwoColumns) {
        Tiles::template load<kTileB + 1>(tile + panel_bytes, kTileRowBytes);
        Tiles::template dot<1, kTileA, kTileB + 1>();
      }
      if constexpr (kTwoRows) {
        Tiles::template load<kTileA + 1>(a1 + offset, args.a_stride);
        Tiles::template dot<2, kTileA + 1, kTileB>();
      }
      if constexpr (kTwoRows && kTwoColumns) Tiles::template dot<3, kTileA + 1, kTileB + 1>();
    }

    alignas(64) int32_t acc[4][kTileRows * kTileColumns];
    Tiles::template store<0>(acc[0], kTileRowBytes);
    if constexpr (kTwoColumns) Tiles::template store<1>(acc[1], kTileRowBytes);
    if constexpr (kTwoRows) Tiles::template store<2>(acc[2], kTileRowBytes);
    if constexpr (kTwoRows && kTwoColumns) Tiles::template store<3>(acc[3], kTileRowBytes);
    for (int r = 0; r < kRowBlocks; ++r) {
      for (int c = 0; c < kColumnBlocks; ++c) {
        finish_block(acc[2 * r + c], args, i + r * kTileRows, j + c * kTileColumns);
      }
    }
  }

  // Of the 16 rows in acc, those from i on that the block before did not have.
  static void finish_block(const int32_t* acc, const GemmS8Args& args, int i, int j) {
    const int skipped = i - block_start(args, i);
    const int rows = std::min(kTileRows, args.m - i);
    const int columns = std::min(kTileColumns, args.n_end - j);
    acc += skipped * kTileColumns;
    args.sums == nullptr ? Tiles::finish(acc, args, i, rows, j, columns)
                         : store_sums(acc, args, i, rows, j, columns);
  }

  static void store_sums(const int32_t* acc, const GemmS8Args& args, int i, int rows, int j,
                         int columns) {
    for (int r = 0; r < rows; ++r, acc += kTileColumns) {
      int32_t* sums = args.sums + (i + r) * args.sums_stride + j;
      const int32_t offset = args.row_offset == nullptr ? 0 : args.row_offset[i + r];
      for (int c = 0; c < columns; ++c) {
        sums[c] = static_cast<int32_t>(static_cast<uint32_t>(acc[c]) +
                                       static_cast<uint32_t>(args.bias[j + c]) +
                                       static_cast<uint32_t>(offset));
      }
    }
  }
};
