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
#include "kernels/row_sum/row_sum.h"
#include "ops/gemm_s8_weights.h"
#include "ops/product.h"

namespace edgerun {
namespace {

constexpr int64_t kTileBytes = 24 << 10;  // of gathered rows: half of a small L1 cache

class Conv : public Op {
 public:
  explicit Conv(const StepSpec& spec)
      : x_(spec.inputs[0]),
        y_(spec.outputs[0]),
        kernel_(chosen_kernel(spec, gemm_s8_kernels())),
        row_sum_(best_row_sum(kernel_.info.isa)) {
    check_dtype(spec, x_, {DType::kU8, DType::kS8});
    check_signedness(spec, kernel_.a_signedness, x_.dtype);
    range_ = read_output_range(spec, y_);
    const Window w = read_window(spec);
    const int64_t depth = w.in_c * w.kernel_h * w.kernel_w;
    check(depth <= (1 << 23) && w.out_c <= (1 << 23), "conv: the weights are too large");
    k_ = static_cast<int>(depth);
    n_ = static_cast<int>(w.out_c);
    const int64_t padded_n = round_up(n_, kernel_.n_block);
    weights_ = packed_weights(spec, layout_name("gemm_s8", kernel_.info, {n_, k_}));
    bias_ = padded_constant(spec, "bias", n_, padded_n);
    multiplier_ = padded_constant(spec, "multiplier", n_, padded_n);
    const int64_t low = x_.dtype == DType::kU8 ? 0 : -128;
    zero_ = static_cast<uint8_t>(spec.attributes.integer("input_zero_point", low, low + 255));
    weight_zero_ = static_cast<int32_t>(spec.attributes.integer("weight_zero_point", -128, 128));
    panel_stride_ = round_up(k_, 64);
    rows_ = WindowRows(w, x_, panel_stride_);
    direct_ = rows_.are_pixels() && k_ % kernel_.k_unit == 0;
    work_ = ProductTiles(w.out_rows(), n_, k_, panel_stride_, kTileBytes, kernel_.m_tile, kernel_.n_block);
    tiles_ = work_.tiles;
    offsets_bytes_ = round_up(work_.rows * static_cast<int64_t>(sizeof(int32_t)), 64);
    scratch_bytes_ = offsets_bytes_ + (direct_ ? 0 : work_.rows * panel_stride_ + 64);
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    if (kernel_.enter != nullptr) kernel_.enter();
    for (int64_t tile = begin; tile < end; ++tile) run_tile(context, tile);
    if (kernel_.leave != nullptr) kernel_.leave();
  }

 private:
  static const RowSumKernel& best_row_sum(Isa isa) { return *allowed_kernels(row_sum_kernels(), isa).front(); }

  void run_tile(const RunContext& context, int64_t tile) const noexcept {
    const int64_t row = work_.row(tile);
    auto* offsets = reinterpret_cast<int32_t*>(context.scratch);
    auto* panel = reinterpret_cast<uint8_t*>(context.scratch + offsets_bytes_);
    GemmS8Args args;
    args.m = work_.row_count(tile);
    args.n = n_;
    args.k = k_;
    args.n_begin = work_.n_begin(tile);
    args.n_end = work_.n_end(tile);
    args.a_signed = x_.dtype == DType::kS8;
    if (direct_) {
      args.a = input_bytes(context, x_) + row * x_.row_stride;
      args.a_stride = static_cast<ptrdiff_t>(x_.row_stride);
    } else {
      rows_.gather(input_bytes(context, x_), row, args.m, panel, [this](int64_t) { return zero_; });
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

  TensorRef x_, y_;
  const GemmS8Kernel& kernel_;
  const RowSumKernel& row_sum_;
  std::shared_ptr<const Blob> weights_, bias_, multiplier_;
  OutputRange range_;
  WindowRows rows_;
  ProductTiles work_;
  int n_ = 0, k_ = 0;
  int32_t weight_zero_ = 0;
  uint8_t zero_ = 0;
  bool direct_ = false;
  int64_t panel_stride_ = 0, offsets_bytes_ = 0;
};

std::vector<Candidate> candidates(const StepSpec& spec, Isa cap) {
  check_operands(spec, 1, 1);
  return gemm_s8_candidates(spec, cap);
}

std::shared_ptr<const Blob> pack(const std::string& kernel, const Blob& weights,
                                 const std::vector<int64_t>& shape) {
  return pack_gemm_s8("conv", kernel, weights, shape);
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  return std::make_unique<Conv>(spec);
}

}  // namespace

const Verb verb_conv = {"conv", candidates, pack, prepare};

}  // namespace edgerun
