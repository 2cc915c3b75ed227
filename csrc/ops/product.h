// A convolution as a matrix product: the rows of its matrix, and how the product is dealt out in tiles.
#pragma once

#include <algorithm>
#include <cstring>
#include <tuple>

#include "base/small_copy.h"
#include "ops/window.h"

namespace edgerun {

// A tile is a block of rows, or of columns when there are too few rows for two threads.
struct ProductTiles {
  ProductTiles() = default;
  // The product of m rows with n columns of depth k; `row_bytes` of each row should stay in a cache of
  // `cache_bytes`. Rows are dealt in multiples of m_tile, columns in multiples of n_block.
  ProductTiles(int64_t m_rows, int64_t n_columns, int64_t k, int64_t row_bytes, int64_t cache_bytes,
               int64_t m_tile, int64_t n_block)
      : m(m_rows), n(n_columns) {
    constexpr int64_t kMaxRows = 256;
    constexpr int64_t kWork = 400 << 10;  // multiply-adds worth handing to another thread
    rows = std::clamp(cache_bytes / row_bytes, m_tile, kMaxRows);
    rows = std::max(m_tile, std::min(rows, round_up(m, m_tile)) / m_tile * m_tile);
    const int64_t row_tiles = (m + rows - 1) / rows, blocks = (n + n_block - 1) / n_block;
    if (row_tiles < 8) {
      const int64_t work = m * n * k / (row_tiles * kWork);
      parts = std::clamp<int64_t>(std::min(work, 8 / row_tiles), 1, blocks);
    }
    const int64_t blocks_per_part = (blocks + parts - 1) / parts;
    part_columns = blocks_per_part * n_block;
    parts = (blocks + blocks_per_part - 1) / blocks_per_part;
    tiles = row_tiles * parts;
  }

  int64_t row(int64_t tile) const { return tile / parts * rows; }
  int row_count(int64_t tile) const { return static_cast<int>(std::min(rows, m - row(tile))); }
  int n_begin(int64_t tile) const { return static_cast<int>(tile % parts * part_columns); }
  int n_end(int64_t tile) const { return static_cast<int>(std::min(n, (tile % parts + 1) * part_columns)); }

  int64_t m = 0, n = 0;
  int64_t rows = 1;  // of a tile, at most
  int64_t parts = 1, part_columns = 1;
  int64_t tiles = 1;
};

// The rows of the matrix: for each output pixel its window, one kernel row after the other.
class WindowRows {
 public:
  WindowRows() = default;
  // Gathered rows are panel_stride bytes apart.
  WindowRows(const Window& window, const TensorRef& x, int64_t panel_stride)
      : window_(window),
        row_stride_(x.row_stride),
        pixel_(window.in_c * size_of(x.dtype)),
        line_(window.kernel_w * pixel_),
        panel_stride_(panel_stride) {
    std::tie(inside_begin_, inside_end_) = window.inside();
  }

  // Whether a row of the matrix is a pixel of x, to be read in place.
  bool are_pixels() const {
    const Window& w = window_;
    return w.kernel_h == 1 && w.kernel_w == 1 && w.stride_h == 1 && w.stride_w == 1 && w.pad_top == 0 &&
           w.pad_left == 0 && w.out_h == w.in_h && w.out_w == w.in_w;
  }

  // Rows row .. row + count - 1 into the panel; bytes outside of image i become fill(i).
  // Goes along rows of output pixels, one row of the kernel at a time, so that the inner loop copies
  // pieces of one length without a question.
  template <class Fill>
  void gather(const uint8_t* x, int64_t row, int count, uint8_t* panel, const Fill& fill) const noexcept {
    const Window& w = window_;
    while (count > 0) {
      const int64_t out_x = row % w.out_w;
      const int64_t out_y = row / w.out_w % w.out_h;
      const int64_t image = row / (w.out_w * w.out_h);
      const int64_t pixels = std::min<int64_t>(count, w.out_w - out_x);
      const uint8_t* from = x + image * w.in_h * w.in_w * row_stride_;
      const uint8_t outside = fill(image);
      for (int r = 0; r < w.kernel_h; ++r) {
        const int64_t y0 = w.in_y(out_y) + static_cast<int64_t>(r) * w.dilation_h;
        uint8_t* to = panel + static_cast<int64_t>(r) * line_;
        if (y0 < 0 || y0 >= w.in_h) {
          for (int64_t i = 0; i < pixels; ++i) set(to + i * panel_stride_, outside, line_);
        } else {
          gather_line(from + y0 * w.in_w * row_stride_, out_x, pixels, to, outside);
        }
      }
      row += pixels, count -= static_cast<int>(pixels), panel += pixels * panel_stride_;
    }
  }

 private:
  // One kernel row of the windows of `pixels` output pixels from out_x on; `from` is the input row.
  void gather_line(const uint8_t* from, int64_t out_x, int64_t pixels, uint8_t* to, uint8_t outside) const
      noexcept {
    const Window& w = window_;
    const int64_t begin = std::clamp(inside_begin_ - out_x, int64_t{0}, pixels);
    const int64_t end = std::clamp(inside_end_ - out_x, begin, pixels);
    const auto border = [&](int64_t i) {
      for (int t = 0; t < w.kernel_w; ++t) {
        const int64_t x0 = w.in_x(out_x + i) + static_cast<int64_t>(t) * w.dilation_w;
        uint8_t* cell = to + i * panel_stride_ + t * pixel_;
        if (x0 < 0 || x0 >= w.in_w) {
          set(cell, outside, pixel_);
        } else {
          small_copy(cell, from + x0 * row_stride_, static_cast<size_t>(pixel_));
        }
      }
    };
    for (int64_t i = 0; i < begin; ++i) border(i);
    const uint8_t* first = from + w.in_x(out_x + begin) * row_stride_;
    const int64_t step = w.stride_w * row_stride_;
    if (w.dilation_w == 1 && row_stride_ == pixel_) {
      copy_pieces(to + begin * panel_stride_, panel_stride_, first, step, end - begin, line_);
    } else {
      for (int t = 0; t < w.kernel_w; ++t) {
        copy_pieces(to + begin * panel_stride_ + t * pixel_, panel_stride_,
                    first + t * w.dilation_w * row_stride_, step, end - begin, pixel_);
      }
    }
    for (int64_t i = end; i < pixels; ++i) border(i);
  }

  static void set(uint8_t* to, uint8_t value, int64_t n) noexcept {
    std::memset(to, value, static_cast<size_t>(n));
  }

  Window window_{};
  int64_t row_stride_ = 0, pixel_ = 0, line_ = 0;  // bytes: of x, of a pixel, of one kernel row of a window
  int64_t panel_stride_ = 0;
  int64_t inside_begin_ = 0, inside_end_ = 0;  // output columns whose windows lie inside of the image
};

}  // namespace edgerun
