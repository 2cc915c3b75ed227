// dwconv_s16: a depthwise convolution of int16 by int8 weights with exact 64-bit sums; output channel i
// reads input channel i / (outputs / inputs).
//
// As conv_s16, with weights int16 [kernel height, kernel width, outputs].
#include "ops/sums_s16.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 16 * 1024;  // products per tile

class DwconvOp : public Op {
 public:
  explicit DwconvOp(const StepSpec& spec)
      : x_(spec.inputs[0]), y_(spec.outputs[0]), window_(spec, x_, y_), finish_(spec, y_.channels()) {
    check(y_.channels() % x_.channels() == 0, "dwconv_s16: the channels do not fit");
    times_ = y_.channels() / x_.channels();
    weights_ =
        spec.attributes.blob("weights", static_cast<size_t>(2 * y_.channels() * window_.taps()));
    tiling_ = Tiling(y_.rows(), y_.channels() * window_.taps(), kGrain);
    tiles_ = tiling_.tiles();
    scratch_bytes_ = 8 * y_.channels();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    auto* sums = reinterpret_cast<int64_t*>(context.scratch);
    const uint8_t* x = input_bytes(context, x_);
    const int64_t channels = y_.channels();
    for (int64_t row = tiling_.begin(begin); row < tiling_.begin(end); ++row) {
      std::fill_n(sums, channels, int64_t{0});
      const auto* w = weights_->data<int16_t>();
      window_.for_each_tap(row, [&](int64_t source) {
        if (source >= 0) {
          const auto* in = reinterpret_cast<const int16_t*>(x + source * x_.row_stride);
          if (times_ == 1) {
            for (int64_t i = 0; i < channels; ++i) sums[i] += in[i] * w[i];
          } else {
            for (int64_t i = 0; i < channels; ++i) sums[i] += in[i / times_] * w[i];
          }
        }
        w += channels;
      });
      auto* y = reinterpret_cast<int16_t*>(output_bytes(context, y_) + row * y_.row_stride);
      for (int64_t i = 0; i < channels; ++i) y[i] = finish_.result(sums[i], i);
    }
  }

 private:
  TensorRef x_, y_;
  WindowS16 window_;
  FinishS16 finish_;
  std::shared_ptr<const Blob> weights_;
  int64_t times_ = 1;
  Tiling tiling_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa) { return {{"generic", "", "any"}}; }

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  check(spec.kernel == "generic", "dwconv_s16: there is no kernel called '" + spec.kernel + "'");
  check_dtype(spec, spec.inputs[0], {DType::kS16});
  check_dtype(spec, spec.outputs[0], {DType::kS16});
  return std::make_unique<DwconvOp>(spec);
}

}  // namespace

const Verb verb_dwconv_s16 = {"dwconv_s16", candidates, nullptr, prepare};

}  // namespace edgerun
