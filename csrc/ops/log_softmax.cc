// log_softmax: the logarithm of softmax over the last dimension of a quantised tensor:
//
//   d[i] = max(in) - in[i],  sum = sum_i table[d[i]]                                      exact
//   out[i] = clamp_round(float32((-(d[i] * in_scale) - log(sum / 2^22)) / out_scale), range)
//
// with the double logarithm of base/table.h.
//
// inputs   8-bit, any rank
// outputs  8-bit, same shape
// blob     table                              int32[256]: exp(-d * in_scale) * 2^22
// reals    in_scale, out_scale                > 0
// integers out_zero_point, out_min, out_max   as stored
#include "base/requantize.h"
#include "base/table.h"
#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 4 * 1024;  // elements per tile

class LogSoftmaxOp : public Op {
 public:
  explicit LogSoftmaxOp(const StepSpec& spec)
      : input_(spec.inputs[0]),
        output_(spec.outputs[0]),
        table_(spec.attributes.blob("table", 256 * sizeof(int32_t))),
        in_scale_(read_scale(spec, "in_scale")),
        out_scale_(read_scale(spec, "out_scale")),
        range_(read_output_range(spec, output_)),
        tiling_(input_.rows(), input_.channels(), kGrain) {
    const auto* table = table_->data<int32_t>();
    check(table[0] > 0 && std::all_of(table, table + 256, [](int32_t e) { return e >= 0; }),
          "log_softmax: the table must be positive at 0 and not negative elsewhere");
    tiles_ = tiling_.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    for (int64_t row = tiling_.begin(begin); row < tiling_.begin(end); ++row) {
      run_row(input_bytes(context, input_) + row * input_.row_stride,
              output_bytes(context, output_) + row * output_.row_stride);
    }
  }

 private:
  void run_row(const uint8_t* in, uint8_t* out) const noexcept {
    const auto* table = table_->data<int32_t>();
    const uint8_t flip = is_signed(input_) ? 0x80 : 0;
    const int64_t n = input_.channels();
    int best = 0;
    for (int64_t i = 0; i < n; ++i) best = std::max<int>(best, in[i] ^ flip);
    int64_t sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += table[best - (in[i] ^ flip)];
    const double logarithm = poly_log(static_cast<double>(sum) / 4194304.0);
    for (int64_t i = 0; i < n; ++i) {
      const double y = -((best - (in[i] ^ flip)) * in_scale_) - logarithm;
      out[i] = static_cast<uint8_t>(clamp_round(static_cast<float>(y / out_scale_), range_));
    }
  }

  TensorRef input_, output_;
  std::shared_ptr<const Blob> table_;
  double in_scale_, out_scale_;
  OutputRange range_;
  Tiling tiling_;
};

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  check_generic_kernel(spec);
  check_8bit(spec, spec.inputs[0]);
  check_8bit(spec, spec.outputs[0]);
  check_same_shape(spec, spec.inputs[0], spec.outputs[0]);
  return std::make_unique<LogSoftmaxOp>(spec);
}

}  // namespace

const Verb verb_log_softmax = {"log_softmax", generic_candidates, nullptr, prepare};

}  // namespace edgerun
