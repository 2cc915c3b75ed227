// A model of AMX's tile registers in plain C++, after the operation sections of Intel's manual: for
// tests, on machines without AMX. What the processor would answer with a fault ends the program
// with a sentence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace edgerun {

class TileMachine {
 public:
  static constexpr int kTiles = 8, kMaxRows = 16, kMaxRowBytes = 64;

  // LDTILECFG: 64 bytes; palette, first row, 14 reserved, 16 words of bytes per row, 16 bytes of
  // rows.
  void configure(const void* memory) {
    uint8_t bytes[64];
    std::memcpy(bytes, memory, sizeof bytes);
    release();
    if (bytes[0] == 0) return;
    require(bytes[0] == 1, "LDTILECFG: a palette above 1");
    require(bytes[1] == 0, "LDTILECFG: an interrupted operation, which this model does not resume");
    for (int i = 2; i < 16; ++i) require(bytes[i] == 0, "LDTILECFG: a reserved byte is not 0");
    for (int t = 0; t < 16; ++t) {
      const int row_bytes = bytes[16 + 2 * t] | bytes[17 + 2 * t] << 8;
      const int rows = bytes[48 + t];
      if (t >= kTiles) {
        require(row_bytes == 0 && rows == 0, "LDTILECFG: a tile that does not exist");
        continue;
      }
      require(row_bytes <= kMaxRowBytes && rows <= kMaxRows, "LDTILECFG: a tile that is too large");
      require((row_bytes == 0) == (rows == 0), "LDTILECFG: a tile of rows without columns");
      tiles_[t].row_bytes = row_bytes;
      tiles_[t].rows = rows;
    }
    configured_ = true;
  }

  // TILERELEASE.
  void release() {
    for (Tile& tile : tiles_) tile = Tile();
    configured_ = false;
  }

  bool configured() const { return configured_; }

  // TILEZERO.
  void zero(int t) { std::memset(valid(t).data, 0, sizeof(Tile::data)); }

  // TILELOADD: the rows that the tile has; all else in it becomes zero.
  void load(int t, const void* from, ptrdiff_t stride) {
    Tile& tile = valid(t);
    zero(t);
    for (int r = 0; r < tile.rows; ++r) {
      std::memcpy(tile.data[r], static_cast<const uint8_t*>(from) + r * stride,
                  static_cast<size_t>(tile.row_bytes));
    }
  }

  // TILESTORED.
  void store(int t, void* to, ptrdiff_t stride) {
    const Tile& tile = valid(t);
    for (int r = 0; r < tile.rows; ++r) {
      std::memcpy(static_cast<uint8_t*>(to) + r * stride, tile.data[r],
                  static_cast<size_t>(tile.row_bytes));
    }
  }

  // TDPBUSD: c += a times b, a of unsigned bytes, b of signed ones.
  void dot(int c_number, int a_number, int b_number) {
    Tile& c = valid(c_number);
    const Tile& a = valid(a_number);
    const Tile& b = valid(b_number);
    require(c_number != a_number && c_number != b_number && a_number != b_number,
            "TDPBUSD: one tile twice");
    require(c.row_bytes % 4 == 0 && a.row_bytes % 4 == 0 && b.row_bytes % 4 == 0,
            "TDPBUSD: bytes per row");
    require(c.rows == a.rows && a.row_bytes / 4 == b.rows && c.row_bytes == b.row_bytes,
            "TDPBUSD: shapes");
    for (int m = 0; m < c.rows; ++m) {
      for (int n = 0; n < c.row_bytes / 4; ++n) {
        uint32_t sum = 0;
        std::memcpy(&sum, c.data[m] + 4 * n, 4);
        for (int k = 0; k < a.row_bytes; ++k) {
          const int product = a.data[m][k] * static_cast<int8_t>(b.data[k / 4][4 * n + k % 4]);
          sum += static_cast<uint32_t>(product);
        }
        std::memcpy(c.data[m] + 4 * n, &sum, 4);
      }
      std::memset(c.data[m] + c.row_bytes, 0, static_cast<size_t>(kMaxRowBytes - c.row_bytes));
    }
    std::memset(c.data[c.rows], 0, static_cast<size_t>(kMaxRows - c.rows) * kMaxRowBytes);
  }

 private:
  struct Tile {
    int rows = 0;
    int row_bytes = 0;
    uint8_t data[kMaxRows + 1][kMaxRowBytes] =
        {};  // one more, so that "the rows above" has an address
  };

  static void require(bool ok, const char* what) {
    if (ok) return;
    std::fprintf(stderr, "a tile instruction that would fault: %s\n", what);
    std::abort();
  }

  Tile& valid(int t) {
    require(configured_ && t >= 0 && t < kTiles && tiles_[t].rows != 0,
            "the tile is not configured");
    return tiles_[t];
  }

  bool configured_ = false;
  Tile tiles_[kTiles];
};

}  // namespace edgerun
