// conv: 2-D convolution and fully connected layer, 8 bit.
//
//   input  x [n, h, w, c] 8 bit         output y [n, oh, ow, m] 8 bit
//   kernel, strides, dilations [h, w], padding [top, left]
//   input_zero_point       as stored; what padding is made of
//   weights                packed by pack() for the step's kernel, from int8 [m][kh][kw][c]
//   weight_zero_point      of those int8 weights, one for all; 0 when they are symmetric
//   bias                   int32 [m], the zero points already folded in
//   multiplier             float32 [m]
//   out_min, out_max, out_zero_point
//
// It is a matrix product of gathered rows with the weights. A tile is a block of rows, or of columns when
// there are too few rows. Where a row of the matrix is a pixel (1x1, stride 1) it is read in place; else the
// rows of a tile are gathered into scratch, which stays in the L1 cache.
#include <algorithm>
#include <cstring>
#include <tuple>

#include "base/small_copy.h"
#include "kernels/gemm_s8/gemm_s8.h"
#include "kernels/row_sum/row_sum.h"
#include "ops/window.h"

namespace edgerun {
namespace {

constexpr int64_t kTileBytes = 24 << 10;    // of gathered rows: half of a small L1 cache
constexpr int64_t kTileWork = 400 << 10;    // multiply-adds worth handing to another thread
constexpr int64_t kMaxTileRows = 256;

class Conv : public Op {
 public:
  explicit Conv(const StepSpec& spec)
      : x_(spec.inputs[0]),
        y_(spec.outputs[0]),
        window_(read_window(spec)),
        kernel_(chosen_kernel(spec, gemm_s8_kernels())),
        row_sum_(best_row_sum(kernel_.info.isa)) {
    check_dtype(spec, x_, {DType::kU8, DType::kS8});
    check_signedness(spec, kernel_.a_signedness, x_.dtype);
    range_ = read_output_range(spec, y_);
    const Window& w = window_;
    const int64_t depth = w.in_c * w.kernel_h * w.kernel_w;
    check(depth <= (1 << 23) && w.out_c <= (1 << 23), "conv: the weights are too large");
    k_ = static_cast<int>(depth);
    n_ = static_cast<int>(w.out_c);
    m_ = w.out_rows();
    const int64_t padded_n = round_up(n_, kernel_.n_block);
    weights_ = packed_weights(spec, layout_name("gemm_s8", kernel_.info, {n_, k_}));
    bias_ = padded_constant(spec, "bias", n_, padded_n);
    multiplier_ = padded_constant(spec, "multiplier", n_, padded_n);
    const int64_t low = x_.dtype == DType::kU8 ? 0 : -128;
    zero_ = static_cast<uint8_t>(spec.attributes.integer("input_zero_point", low, low + 255));
    weight_zero_ = static_cast<int32_t>(spec.attributes.integer("weight_zero_point", -128, 128));
    const bool pixel_rows = w.kernel_h == 1 && w.kernel_w == 1 && w.stride_h == 1 && w.stride_w == 1 &&
                            w.pad_top == 0 && w.pad_left == 0 && w.out_h == w.in_h && w.out_w == w.in_w;
    direct_ = pixel_rows && k_ % kernel_.k_unit == 0;
    line_ = w.kernel_w * w.in_c;
    std::tie(inside_begin_, inside_end_) = w.inside();
    divide_work();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    if (kernel_.enter != nullptr) kernel_.enter();
    for (int64_t tile = begin; tile < end; ++tile) run_tile(context, tile);
    if (kernel_.leave != nullptr) kernel_.leave();
  }

 private:
  static const RowSumKernel& best_row_sum(Isa isa) { return *allowed_kernels(row_sum_kernels(), isa).front(); }

  // Tiles of rows that fit the cache; columns are divided too where there are too few rows for two threads.
  void divide_work() {
    panel_stride_ = round_up(k_, 64);
    const int64_t m_tile = kernel_.m_tile;
    int64_t rows = std::clamp(kTileBytes / panel_stride_, m_tile, kMaxTileRows);
    rows = std::max(m_tile, std::min(rows, round_up(m_, m_tile)) / m_tile * m_tile);
    tile_rows_ = rows;
    const int64_t row_tiles = (m_ + rows - 1) / rows;
    const int64_t blocks = (n_ + kernel_.n_block - 1) / kernel_.n_block;
    int64_t parts = 1;
    if (row_tiles < 8) {
      const int64_t work = m_ * n_ * k_ / (row_tiles * kTileWork);
      parts = std::clamp<int64_t>(std::min(work, 8 / row_tiles), 1, blocks);
    }
    blocks_per_part_ = (blocks + parts - 1) / parts;
    parts_ = (blocks + blocks_per_part_ - 1) / blocks_per_part_;
    tiles_ = row_tiles * parts_;
    offsets_bytes_ = round_up(tile_rows_ * static_cast<int64_t>(sizeof(int32_t)), 64);
    scratch_bytes_ = offsets_bytes_ + (direct_ ? 0 : tile_rows_ * panel_stride_ + 64);
  }

  void run_tile(const RunContext& context, int64_t tile) const noexcept {
    const int64_t row = tile / parts_ * tile_rows_;
    const int64_t part = tile % parts_;
    auto* offsets = reinterpret_cast<int32_t*>(context.scratch);
    auto* panel = reinterpret_cast<uint8_t*>(context.scratch + offsets_bytes_);
    GemmS8Args args;
    args.m = static_cast<int>(std::min(tile_rows_, m_ - row));
    args.n = n_;
    args.k = k_;
    args.n_begin = static_cast<int>(part * blocks_per_part_ * kernel_.n_block);
    args.n_end = static_cast<int>(std::min<int64_t>(n_, (part + 1) * blocks_per_part_ * kernel_.n_block));
    args.a_signed = x_.dtype == DType::kS8;
    if (direct_) {
      args.a = input_bytes(context, x_) + row * x_.row_stride;
      args.a_stride = static_cast<ptrdiff_t>(x_.row_stride);
    } else {
      gather(input_bytes(context, x_), row, args.m, panel);
      args.a = panel;
      args.a_stride = static_cast<ptrdiff_t>(panel_stride_);
    }
    if (weight_zero_ != 0) {
      row_sum_.run({args.a, args.a_stride, args.a_signed, args.m, k_, offsets});
      for (int i = 0; i < args.m; ++i) {
        offsets[i] = static_cast<int32_t>(-static_cast<uint32_t>(weight_zero_) *
                                          static_cast<uint32_t>(offsets[i]));
      }
      args.row_offset = offsets;
    }
    args.packed = weights_->data<std::byte>();
    args.bias = bias_->data<int32_t>();
    args.multiplier = multiplier_->data<float>();
    args.range = range_;
    args.out = output_bytes(context, y_) + row * y_.row_stride;
    args.out_stride = static_cast<ptrdiff_t>(y_.row_stride);
    kernel_.run(args);
  }

  // Rows row .. row + count - 1 of the matrix: for each output pixel its window, zero points outside.
  // Goes along rows of output pixels, one row of the kernel at a time, so that the inner loop copies
  // pieces of one length without a question.
  void gather(const uint8_t* x, int64_t row, int count, uint8_t* panel) const noexcept {
    const Window& w = window_;
    while (count > 0) {
      const int64_t out_x = row % w.out_w;
      const int64_t out_y = row / w.out_w % w.out_h;
      const int64_t image = row / (w.out_w * w.out_h);
      const int64_t pixels = std::min<int64_t>(count, w.out_w - out_x);
      const uint8_t* from = x + image * w.in_h * w.in_w * x_.row_stride;
      for (int r = 0; r < w.kernel_h; ++r) {
        const int64_t y0 = w.in_y(out_y) + static_cast<int64_t>(r) * w.dilation_h;
        uint8_t* to = panel + static_cast<int64_t>(r) * line_;
        if (y0 < 0 || y0 >= w.in_h) {
          for (int64_t i = 0; i < pixels; ++i) fill(to + i * panel_stride_, line_);
        } else {
          gather_line(from + y0 * w.in_w * x_.row_stride, out_x, pixels, to);
        }
      }
      row += pixels, count -= static_cast<int>(pixels), panel += pixels * panel_stride_;
    }
  }

  // One kernel row of the windows of `pixels` output pixels from out_x on; `from` is the input row.
  void gather_line(const uint8_t* from, int64_t out_x, int64_t pixels, uint8_t* to) const noexcept {
    const Window& w = window_;
    const int64_t begin = std::clamp(inside_begin_ - out_x, int64_t{0}, pixels);
    const int64_t end = std::clamp(inside_end_ - out_x, begin, pixels);
    const auto border = [&](int64_t i) {
      for (int t = 0; t < w.kernel_w; ++t) {
        const int64_t x0 = w.in_x(out_x + i) + static_cast<int64_t>(t) * w.dilation_w;
        uint8_t* cell = to + i * panel_stride_ + t * w.in_c;
        if (x0 < 0 || x0 >= w.in_w) {
          fill(cell, w.in_c);
        } else {
          small_copy(cell, from + x0 * x_.row_stride, static_cast<size_t>(w.in_c));
        }
      }
    };
    for (int64_t i = 0; i < begin; ++i) border(i);
    const uint8_t* first = from + w.in_x(out_x + begin) * x_.row_stride;
    const int64_t step = w.stride_w * x_.row_stride;
    if (w.dilation_w == 1 && x_.row_stride == w.in_c) {
      copy_pieces(to + begin * panel_stride_, panel_stride_, first, step, end - begin, line_);
    } else {
      for (int t = 0; t < w.kernel_w; ++t) {
        copy_pieces(to + begin * panel_stride_ + t * w.in_c, panel_stride_,
                    first + t * w.dilation_w * x_.row_stride, step, end - begin, w.in_c);
      }
    }
    for (int64_t i = end; i < pixels; ++i) border(i);
  }

  void fill(uint8_t* to, int64_t n) const noexcept { std::memset(to, zero_, static_cast<size_t>(n)); }

  TensorRef x_, y_;
  Window window_;
  const GemmS8Kernel& kernel_;
  const RowSumKernel& row_sum_;
  std::shared_ptr<const Blob> weights_, bias_, multiplier_;
  OutputRange range_;
  int64_t m_ = 0;
  int n_ = 0, k_ = 0;
  int32_t weight_zero_ = 0;
  uint8_t zero_ = 0;
  bool direct_ = false;
  int64_t line_ = 0;                             // bytes of one kernel row of a window
  int64_t inside_begin_ = 0, inside_end_ = 0;  // output columns whose windows lie inside of the image
  int64_t panel_stride_ = 0, tile_rows_ = 0, parts_ = 1, blocks_per_part_ = 1, offsets_bytes_ = 0;
};

std::vector<Candidate> candidates(const StepSpec& spec, Isa cap) {
  check_operands(spec, 1, 1);
  const TensorRef& x = spec.inputs[0];
  const TensorRef& y = spec.outputs[0];
  const auto& window = spec.attributes.integers("kernel", 2, 1, 1 << 16);
  std::vector<Candidate> found;
  for (const GemmS8Kernel* kernel : allowed_kernels(gemm_s8_kernels(), cap)) {
    if (kernel->pays != nullptr &&
        !kernel->pays(y.rows(), y.channels(), x.channels() * window[0] * window[1])) {
      continue;
    }
    found.push_back({kernel->info.name, std::string("gemm_s8/") + kernel->info.name,
                     storage_name(kernel->a_signedness)});
  }
  return found;
}

std::shared_ptr<const Blob> pack(const std::string& name, const Blob& weights,
                                 const std::vector<int64_t>& shape) {
  StepSpec spec;
  spec.verb = "conv", spec.kernel = name;
  const GemmS8Kernel& kernel = chosen_kernel(spec, gemm_s8_kernels());
  check(shape.size() == 2 && shape[0] > 0 && shape[1] > 0 && shape[0] <= (1 << 23) && shape[1] <= (1 << 23),
        "conv: weights to pack must have the shape [outputs, depth]");
  const int n = static_cast<int>(shape[0]), k = static_cast<int>(shape[1]);
  check(weights.size() >= static_cast<size_t>(n) * static_cast<size_t>(k), "conv: too few weights");
  auto packed = std::make_shared<Blob>(kernel.packed_bytes(n, k));
  kernel.pack(weights.data<int8_t>(), n, k, packed->data<std::byte>());
  packed->set_layout(layout_name("gemm_s8", kernel.info, shape));
  return packed;
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  return std::make_unique<Conv>(spec);
}

}  // namespace

const Verb verb_conv = {"conv", candidates, pack, prepare};

}  // namespace edgerun
