// dwconv_f32: depthwise 2-D convolution, float32, as many output as input channels.
//
//   inputs  x [n, h, w, c] float32, and, when they are computed at run time, weights [1, kh, kw, c] and
//           bias [c], contiguous
//   output  y [n, oh, ow, c] float32
//   kernel, strides, dilations [h, w], padding [top, left]
//   weights                packed by pack() for the step's kernel, from float32 [kh][kw][c]
//   bias                   float32 [c]
//   out_min, out_max       reals, may be infinite
//
// A tile is some rows of output pixels. Weights of the run time are packed by each tile, into its scratch.
#include "ops/dwconv_rows.h"

namespace edgerun {
namespace {

class DwconvF32 : public Op {
 public:
  explicit DwconvF32(const StepSpec& spec)
      : x_(spec.inputs[0]), y_(spec.outputs[0]), rows_(spec, x_, y_), range_(read_float_range(spec)) {
    const Window& w = rows_.window();
    tiles_ = rows_.tiling().tiles();
    if (spec.inputs.size() == 1) {
      weights_ = packed_weights(
          spec, layout_name("dwconv_f32", rows_.kernel().info, {w.kernel_h, w.kernel_w, w.out_c}));
      bias_ = padded_constant(spec, "bias", w.out_c, rows_.padded_channels());
      return;
    }
    own_weights_ = spec.inputs[1], own_bias_ = spec.inputs[2];
    for (const TensorRef& each : {own_weights_, own_bias_}) {
      check_dtype(spec, each, {DType::kF32});
      check(each.contiguous(), "dwconv_f32: weights and bias must be contiguous");
    }
    check(own_weights_.elements() == rows_.taps() * w.out_c && own_bias_.elements() == w.out_c,
          "dwconv_f32: weights or bias of another shape");
    const auto floats = rows_.kernel().packed_floats(rows_.taps(), static_cast<int>(w.out_c));
    packed_floats_ = round_up(static_cast<int64_t>(floats), 16);
    scratch_bytes_ = (packed_floats_ + rows_.padded_channels()) * static_cast<int64_t>(sizeof(float));
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    const float* x = float_input(context, x_);
    const float *packed, *bias;
    if (weights_ != nullptr) {
      packed = weights_->data<float>();
      bias = bias_->data<float>();
    } else {
      auto* scratch = reinterpret_cast<float*>(context.scratch);
      const auto channels = static_cast<int>(rows_.window().out_c);
      rows_.kernel().pack(float_input(context, own_weights_), rows_.taps(), channels, scratch);
      std::memcpy(scratch + packed_floats_, float_input(context, own_bias_),
                  static_cast<size_t>(channels) * sizeof(float));
      packed = scratch;
      bias = scratch + packed_floats_;
    }
    for (int64_t row = rows_.tiling().begin(begin); row < rows_.tiling().begin(end); ++row) {
      rows_.run(x, row, packed, bias, range_, float_output(context, y_));
    }
  }

 private:
  TensorRef x_, y_, own_weights_, own_bias_;
  DwconvRows rows_;
  FloatRange range_;
  std::shared_ptr<const Blob> weights_, bias_;  // null where they are inputs
  int64_t packed_floats_ = 0;
};

void check_inputs(const StepSpec& spec) {
  check_operands(spec, spec.inputs.size() == 3 ? 3 : 1, 1);
}

std::vector<Candidate> candidates(const StepSpec& spec, Isa cap) {
  check_inputs(spec);
  return dwconv_f32_candidates(cap);
}

std::shared_ptr<const Blob> pack(const std::string& kernel, const Blob& weights,
                                 const std::vector<int64_t>& shape) {
  return pack_dwconv_f32("dwconv_f32", kernel, weights, shape);
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_inputs(spec);
  check_tensors(spec, spec.inputs.size(), 1);
  return std::make_unique<DwconvF32>(spec);
}

}  // namespace

const Verb verb_dwconv_f32 = {"dwconv_f32", candidates, pack, prepare};

}  // namespace edgerun
