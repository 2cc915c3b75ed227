// dwconv_hybrid: depthwise 2-D convolution of activations that were quantised by their own range
// (quantize_dynamic) with int8 weights, float32 results.
//
//   inputs  x [n, h, w, c] float32: quanta without their zero point; scale float32 [n] of each image
//   output  y [n, oh, ow, c] float32
//   kernel, strides, dilations [h, w], padding [top, left]
//   weights                packed by pack() for the step's kernel, from float32 [kh][kw][c]: int8 quanta
//   weight_scale           float32 [c]
//   bias                   float32 [c]
//   scales_in_turn         0 or 1: how the two scales are multiplied (kernels/hybrid)
//   out_min, out_max       reals, may be infinite
//
// The sums are integers that float32 holds exactly (hence a limit on the taps), so the float kernel computes them
// without rounding, on every CPU; they become results where they lie.
#include <limits>

#include "kernels/hybrid/hybrid.h"
#include "ops/dwconv_rows.h"

namespace edgerun {
namespace {

constexpr int kMaxTaps = (1 << 24) / (255 * 128);

class DwconvHybrid : public Op {
 public:
  explicit DwconvHybrid(const StepSpec& spec)
      : x_(spec.inputs[0]),
        scale_(spec.inputs[1]),
        y_(spec.outputs[0]),
        rows_(spec, x_, y_),
        hybrid_(*allowed_kernels(hybrid_kernels(), rows_.kernel().info.isa).front()),
        range_(read_float_range(spec)) {
    const Window& w = rows_.window();
    check_dtype(spec, scale_, {DType::kF32});
    check(scale_.contiguous() && scale_.elements() == w.batch, "dwconv_hybrid: a scale for each image");
    check(rows_.taps() <= kMaxTaps, "dwconv_hybrid: the kernel is too large");
    tiles_ = rows_.tiling().tiles();
    weights_ = packed_weights(
        spec, layout_name("dwconv_f32", rows_.kernel().info, {w.kernel_h, w.kernel_w, w.out_c}));
    const auto padded = static_cast<size_t>(rows_.padded_channels());
    no_bias_ = std::make_shared<Blob>(padded * sizeof(float));
    bias_ = spec.attributes.blob("bias", static_cast<size_t>(w.out_c) * sizeof(float));
    weight_scale_ = spec.attributes.blob("weight_scale", static_cast<size_t>(w.out_c) * sizeof(float));
    in_turn_ = spec.attributes.integer("scales_in_turn", 0, 1) != 0;
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    constexpr FloatRange kAll{-std::numeric_limits<float>::infinity(), std::numeric_limits<float>::infinity()};
    const Window& w = rows_.window();
    float* y = float_output(context, y_);
    HybridFinishArgs args;
    args.weight_scale = weight_scale_->data<float>();
    args.bias = bias_->data<float>();
    args.in_turn = in_turn_;
    args.lo = range_.lo;
    args.hi = range_.hi;
    args.n = w.out_c;
    for (int64_t row = rows_.tiling().begin(begin); row < rows_.tiling().begin(end); ++row) {
      rows_.run(float_input(context, x_), row, weights_->data<float>(), no_bias_->data<float>(), kAll, y);
      args.x_scale = float_input(context, scale_)[row / w.out_h];
      for (int64_t pixel = row * w.out_w; pixel < (row + 1) * w.out_w; ++pixel) {
        args.out = y + pixel * float_stride(y_);
        args.acc = args.out;
        hybrid_.finish(args);
      }
    }
  }

 private:
  TensorRef x_, scale_, y_;
  DwconvRows rows_;
  const HybridKernel& hybrid_;
  FloatRange range_;
  std::shared_ptr<const Blob> weights_, weight_scale_, bias_, no_bias_;
  bool in_turn_ = false;
};

std::vector<Candidate> candidates(const StepSpec& spec, Isa cap) {
  check_operands(spec, 2, 1);
  return dwconv_f32_candidates(cap);
}

std::shared_ptr<const Blob> pack(const std::string& kernel, const Blob& weights,
                                 const std::vector<int64_t>& shape) {
  return pack_dwconv_f32("dwconv_hybrid", kernel, weights, shape);
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 2, 1);
  return std::make_unique<DwconvHybrid>(spec);
}

}  // namespace

const Verb verb_dwconv_hybrid = {"dwconv_hybrid", candidates, pack, prepare};

}  // namespace edgerun
