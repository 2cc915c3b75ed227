// conv_s16: a convolution of int16 by int8 weights with exact 64-bit sums, as edgerun/ir/int16.py.
//
// inputs   int16 NHWC
// outputs  int16 NHWC
// integers kernel, strides, dilations [height, width], padding [top, left]: the rest is zero
//          narrow           1: sums are taken modulo 2^32 and rounded twice (a 32-bit bias)
//          out_min, out_max
// blobs    weights          int16 [outputs, kernel height, kernel width, input channels padded to 8]
//          bias             int64 [outputs]
//          multipliers      int32 [outputs, 2]: multiplier, shift
#include "ops/sums_s16.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 32 * 1024;  // products per tile

class ConvOp : public Op {
 public:
  explicit ConvOp(const StepSpec& spec)
      : x_(spec.inputs[0]), y_(spec.outputs[0]), window_(spec, x_, y_), finish_(spec, y_.channels()) {
    width_ = padded(x_.channels());
    weights_ = spec.attributes.blob(
        "weights", static_cast<size_t>(2 * y_.channels() * window_.taps() * width_));
    tiling_ = Tiling(y_.rows(), y_.channels() * window_.taps() * width_, kGrain);
    tiles_ = tiling_.tiles();
    scratch_bytes_ = 2 * window_.taps() * width_;
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    auto* patch = reinterpret_cast<int16_t*>(context.scratch);
    const uint8_t* x = input_bytes(context, x_);
    const int64_t depth = window_.taps() * width_;
    for (int64_t row = tiling_.begin(begin); row < tiling_.begin(end); ++row) {
      int16_t* to = patch;
      window_.for_each_tap(row, [&](int64_t source) {
        int64_t kept = 0;
        if (source >= 0) {
          kept = x_.channels();
          std::memcpy(to, x + source * x_.row_stride, static_cast<size_t>(2 * kept));
        }
        std::fill(to + kept, to + width_, int16_t{0});
        to += width_;
      });
      auto* y = reinterpret_cast<int16_t*>(output_bytes(context, y_) + row * y_.row_stride);
      for (int64_t i = 0; i < y_.channels(); ++i)
        y[i] = finish_.result(dot_wide(patch, weights_->data<int16_t>() + i * depth, depth), i);
    }
  }

 private:
  TensorRef x_, y_;
  WindowS16 window_;
  FinishS16 finish_;
  std::shared_ptr<const Blob> weights_;
  int64_t width_ = 0;
  Tiling tiling_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa) { return {{"generic", "", "any"}}; }

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  check(spec.kernel == "generic", "conv_s16: there is no kernel called '" + spec.kernel + "'");
  check_dtype(spec, spec.inputs[0], {DType::kS16});
  check_dtype(spec, spec.outputs[0], {DType::kS16});
  return std::make_unique<ConvOp>(spec);
}

}  // namespace

const Verb verb_conv_s16 = {"conv_s16", candidates, nullptr, prepare};

}  // namespace edgerun
