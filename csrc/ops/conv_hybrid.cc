// conv_hybrid: 2-D convolution and fully connected layer of activations that were quantised by their own range
// (quantize_dynamic) with int8 weights: float32 results, or the int32 sums themselves.
//
//   inputs  x [n, h, w, c] 8 bit, scale float32 [n], zero int32 [n]: of each image, zero as stored
//   output  y [n, oh, ow, m] float32
//   or
//   inputs  x, zero 8 bit [1], which means with the sign of its own storage what x does with that of its
//   output  y [n, oh, ow, m] int32; the weights' scale, the bias and the range are not looked at
//
//   kernel, strides, dilations [h, w], padding [top, left]
//   weights                packed by pack() for the step's kernel, from int8 [m][kh][kw][c]
//   weight_sums            int32 [m]: of each output's weights
//   weight_zero_point      of those int8 weights, one for all
//   weight_scale           float32 [m]
//   bias                   float32 [m]
//   scales_in_turn         0 or 1: how the two scales are multiplied (kernels/hybrid)
//   out_min, out_max       reals, may be infinite
//
// The sums are exact; a tile's go to scratch, and become floats there row by row.
#include "kernels/hybrid/hybrid.h"
#include "kernels/row_sum/row_sum.h"
#include "ops/float_range.h"
#include "ops/gemm_s8_weights.h"
#include "ops/product.h"

namespace edgerun {
namespace {

constexpr int64_t kTileBytes = 48 << 10;  // of gathered rows and of sums

class ConvHybrid : public Op {
 public:
  explicit ConvHybrid(const StepSpec& spec)
      : x_(spec.inputs[0]),
        zero_(spec.inputs.back()),
        y_(spec.outputs[0]),
        kernel_(chosen_kernel(spec, gemm_s8_kernels())),
        hybrid_(*allowed_kernels(hybrid_kernels(), kernel_.info.isa).front()),
        row_sum_(*allowed_kernels(row_sum_kernels(), kernel_.info.isa).front()) {
    check_8bit(spec, x_);
    check_signedness(spec, kernel_.a_signedness, x_.dtype);
    const Window w = read_window(spec);
    // So that no sum, nor any part of it, leaves int32.
    const int64_t depth = w.in_c * w.kernel_h * w.kernel_w;
    check(depth < (1 << 16) && w.out_c <= (1 << 23), "conv_hybrid: the weights are too large");
    k_ = static_cast<int>(depth);
    n_ = static_cast<int>(w.out_c);
    pixels_ = w.out_h * w.out_w;
    const int64_t padded_n = round_up(n_, kernel_.n_block);
    weights_ = packed_weights(spec, layout_name("gemm_s8", kernel_.info, {n_, k_}));
    weight_sums_ = padded_constant(spec, "weight_sums", n_, padded_n);
    weight_zero_ = static_cast<int32_t>(spec.attributes.integer("weight_zero_point", -128, 128));
    if (y_.dtype == DType::kS32) {
      check(spec.inputs.size() == 2 && zero_.elements() == 1, "conv_hybrid: sums have one zero for all images");
      check_8bit(spec, zero_);
    } else {
      read_scales(spec, w.batch, padded_n);
    }
    no_bias_ = std::make_shared<Blob>(static_cast<size_t>(padded_n) * sizeof(int32_t));
    panel_stride_ = round_up(k_, 64);
    rows_ = WindowRows(w, x_, panel_stride_);
    direct_ = rows_.are_pixels() && k_ % kernel_.k_unit == 0;
    const int64_t row_bytes = panel_stride_ + padded_n * static_cast<int64_t>(sizeof(int32_t));
    work_ = ProductTiles(w.out_rows(), n_, k_, row_bytes, kTileBytes, kernel_.m_tile, kernel_.n_block);
    tiles_ = work_.tiles;
    sums_stride_ = padded_n;
    sums_bytes_ = round_up(work_.rows * padded_n * static_cast<int64_t>(sizeof(int32_t)), 64);
    panel_at_ = sums_bytes_ + round_up(work_.rows * static_cast<int64_t>(sizeof(int32_t)), 64);
    scratch_bytes_ = panel_at_ + (direct_ ? 0 : work_.rows * panel_stride_ + 64);
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    if (kernel_.enter != nullptr) kernel_.enter();
    for (int64_t tile = begin; tile < end; ++tile) run_tile(context, tile);
    if (kernel_.leave != nullptr) kernel_.leave();
  }

 private:
  void read_scales(const StepSpec& spec, int64_t images, int64_t padded_n) {
    check(spec.inputs.size() == 3, "conv_hybrid: floats have a scale");
    scale_ = spec.inputs[1];
    check_dtype(spec, scale_, {DType::kF32});
    check_dtype(spec, zero_, {DType::kS32});
    check_dtype(spec, y_, {DType::kF32});
    for (const TensorRef& each : {scale_, zero_}) {
      check(each.contiguous() && each.elements() == images, "conv_hybrid: a scale and a zero for each image");
    }
    range_ = read_float_range(spec);
    weight_scale_ = padded_constant(spec, "weight_scale", n_, padded_n);
    bias_ = padded_constant(spec, "bias", n_, padded_n);
    in_turn_ = spec.attributes.integer("scales_in_turn", 0, 1) != 0;
  }

  // The zero point of an image, as x is stored.
  int32_t zero(const RunContext& context, int64_t image) const noexcept {
    const uint8_t* stored = input_bytes(context, zero_);
    if (zero_.dtype == DType::kS32) return reinterpret_cast<const int32_t*>(stored)[image];
    const int32_t shift = is_signed(x_) == is_signed(zero_) ? 0 : is_signed(x_) ? -128 : 128;
    return (is_signed(zero_) ? static_cast<int8_t>(*stored) : *stored) + shift;
  }

  // What a zero point of the weights takes from each row: its sum, without the zero point of x, times it.
  const int32_t* row_offsets(const RunContext& context, const GemmS8Args& args, int64_t row) const noexcept {
    if (weight_zero_ == 0) return nullptr;
    auto* offsets = reinterpret_cast<int32_t*>(context.scratch + sums_bytes_);
    row_sum_.run({args.a, args.a_stride, args.a_signed, args.m, k_, offsets});
    for (int i = 0; i < args.m; ++i) {
      const auto zero_point = static_cast<uint32_t>(zero(context, (row + i) / pixels_));
      const uint32_t sum = static_cast<uint32_t>(offsets[i]) - static_cast<uint32_t>(k_) * zero_point;
      offsets[i] = static_cast<int32_t>(-static_cast<uint32_t>(weight_zero_) * sum);
    }
    return offsets;
  }

  void run_tile(const RunContext& context, int64_t tile) const noexcept {
    const int64_t row = work_.row(tile);
    auto* panel = reinterpret_cast<uint8_t*>(context.scratch + panel_at_);
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
      rows_.gather(input_bytes(context, x_), row, args.m, panel,
                   [&](int64_t image) { return static_cast<uint8_t>(zero(context, image)); });
      args.a = panel;
      args.a_stride = static_cast<ptrdiff_t>(panel_stride_);
    }
    args.packed = weights_->data<std::byte>();
    args.bias = no_bias_->data<int32_t>();
    args.sums = reinterpret_cast<int32_t*>(context.scratch);
    args.sums_stride = static_cast<ptrdiff_t>(sums_stride_);
    args.row_offset = row_offsets(context, args, row);
    kernel_.run(args);
    if (y_.dtype == DType::kS32) {
      finish_sums(context, args, row);
    } else {
      finish(context, args, row);
    }
  }

  void finish_sums(const RunContext& context, const GemmS8Args& product, int64_t row) const noexcept {
    const auto* weight_sums = reinterpret_cast<const uint32_t*>(weight_sums_->data<int32_t>());
    const auto zero_point = static_cast<uint32_t>(zero(context, 0));
    for (int i = 0; i < product.m; ++i) {
      const int32_t* sums = product.sums + i * product.sums_stride;
      auto* out = reinterpret_cast<int32_t*>(output_bytes(context, y_) + (row + i) * y_.row_stride);
      for (int j = product.n_begin; j < product.n_end; ++j) {
        out[j] = static_cast<int32_t>(static_cast<uint32_t>(sums[j]) - zero_point * weight_sums[j]);
      }
    }
  }

  void finish(const RunContext& context, const GemmS8Args& product, int64_t row) const noexcept {
    const int begin = product.n_begin;
    const float* scale = float_input(context, scale_);
    HybridFinishArgs args;
    args.weight_sums = weight_sums_->data<int32_t>() + begin;
    args.weight_scale = weight_scale_->data<float>() + begin;
    args.bias = bias_->data<float>() + begin;
    args.in_turn = in_turn_;
    args.lo = range_.lo;
    args.hi = range_.hi;
    args.n = product.n_end - begin;
    for (int i = 0; i < product.m; ++i) {
      const int64_t image = (row + i) / pixels_;
      args.sums = product.sums + i * product.sums_stride + begin;
      args.zero = zero(context, image);
      args.x_scale = scale[image];
      args.out = float_output(context, y_) + (row + i) * float_stride(y_) + begin;
      hybrid_.finish(args);
    }
  }

  TensorRef x_, scale_, zero_, y_;
  const GemmS8Kernel& kernel_;
  const HybridKernel& hybrid_;
  const RowSumKernel& row_sum_;
  FloatRange range_{};
  std::shared_ptr<const Blob> weights_, weight_sums_, weight_scale_, bias_, no_bias_;
  bool in_turn_ = false;
  int32_t weight_zero_ = 0;
  WindowRows rows_;
  ProductTiles work_;
  int n_ = 0, k_ = 0;
  bool direct_ = false;
  int64_t pixels_ = 1;  // of an output image
  int64_t panel_stride_ = 0, sums_stride_ = 0, sums_bytes_ = 0, panel_at_ = 0;
};

std::vector<Candidate> candidates(const StepSpec& spec, Isa cap) {
  check_operands(spec, spec.inputs.size() == 2 ? 2 : 3, 1);
  return gemm_s8_candidates(spec, cap);
}

std::shared_ptr<const Blob> pack(const std::string& kernel, const Blob& weights,
                                 const std::vector<int64_t>& shape) {
  return pack_gemm_s8("conv_hybrid", kernel, weights, shape);
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, spec.inputs.size() == 2 ? 2 : 3, 1);
  return std::make_unique<ConvHybrid>(spec);
}

}  // namespace

const Verb verb_conv_hybrid = {"conv_hybrid", candidates, pack, prepare};

}  // namespace edgerun
