// svdf_f32: SVDF of floats: sums in double in ascending order, rounded once to the state and to the output.
//
// inputs   x [batch, n], state [batch, filters * memory]: float32
// outputs  y [batch, filters / rank], state
// integers rank, filters, memory
//          dynamic       0; 1 or 2: x is quantised by its range (2: with a zero point) before it is multiplied
// text     activation    none, relu, relu_n1_to_1, relu6, tanh
// blobs    features float [n, filters padded to 8], time float [filters, memory], bias float [filters / rank]
#include "ops/dynamic_range.h"
#include "ops/recurrent.h"

namespace edgerun {
namespace {

class SvdfOp : public Op {
 public:
  explicit SvdfOp(const StepSpec& spec)
      : x_(spec.inputs[0]), before_(spec.inputs[1]), y_(spec.outputs[0]), after_(spec.outputs[1]) {
    const Attributes& a = spec.attributes;
    constexpr int64_t kMost = int64_t{1} << 24;
    rank_ = a.integer("rank", 1, kMost);
    dynamic_ = a.integer("dynamic", 0, 2);
    filters_ = a.integer("filters", 1, kMost);
    memory_ = a.integer("memory", 1, kMost);
    check(filters_ % rank_ == 0 && y_.channels() == filters_ / rank_ && y_.rows() == x_.rows(),
          "svdf_f32: the output does not fit");
    check(x_.channels() <= kMost, "svdf_f32: too many channels");
    check_state(spec, 1, 1, x_.rows(), filters_ * memory_);
    features_ = a.blob("features", static_cast<size_t>(4 * x_.channels() * padded(filters_)));
    time_ = a.blob("time", static_cast<size_t>(4 * filters_ * memory_));
    bias_ = a.blob("bias", static_cast<size_t>(4 * y_.channels()));
    activation_ = read_activation(spec);
    tiles_ = x_.rows();
    scratch_bytes_ = 8 * padded(filters_) + (dynamic_ != 0 ? 4 * x_.channels() : 0);
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    auto* sums = reinterpret_cast<double*>(context.scratch);
    const int64_t width = padded(filters_), state = filters_ * memory_;
    for (int64_t b = begin; b < end; ++b) {
      const auto* x = reinterpret_cast<const float*>(input_bytes(context, x_) + b * x_.row_stride);
      const auto* before = reinterpret_cast<const float*>(input_bytes(context, before_)) + b * state;
      auto* after = reinterpret_cast<float*>(output_bytes(context, after_)) + b * state;
      auto* y = reinterpret_cast<float*>(output_bytes(context, y_) + b * y_.row_stride);
      if (dynamic_ != 0) {
        auto* seen = reinterpret_cast<float*>(sums + width);
        as_quantised(x, x_.channels(), dynamic_ == 2, seen);
        x = seen;
      }
      std::fill_n(sums, width, 0.0);
      for (int64_t k = 0; k < x_.channels(); ++k)
        add_scaled(sums, x[k], features_->data<float>() + k * width, width);
      for (int64_t unit = 0; unit < y_.channels(); ++unit) {
        double total = 0;
        for (int64_t filter = unit * rank_; filter < (unit + 1) * rank_; ++filter) {
          const int64_t first = filter * memory_;
          std::copy_n(before + first + 1, memory_ - 1, after + first);
          after[first + memory_ - 1] = static_cast<float>(sums[filter]);
          const float* time = time_->data<float>() + first;
          for (int64_t i = 0; i < memory_; ++i)
            total += static_cast<double>(after[first + i]) * static_cast<double>(time[i]);
        }
        y[unit] = static_cast<float>(
            activate(activation_, total + static_cast<double>(bias_->data<float>()[unit])));
      }
    }
  }

 private:
  TensorRef x_, before_, y_, after_;
  int64_t rank_ = 1, dynamic_ = 0, filters_ = 0, memory_ = 0;
  std::shared_ptr<const Blob> features_, time_, bias_;
  Activation activation_ = Activation::kNone;
};

std::vector<Candidate> candidates(const StepSpec&, Isa) { return {{"generic", "", "any"}}; }

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 2, 2);
  check(spec.kernel == "generic", "svdf_f32: there is no kernel called '" + spec.kernel + "'");
  for (const auto* tensors : {&spec.inputs, &spec.outputs}) {
    for (const TensorRef& t : *tensors) check_dtype(spec, t, {DType::kF32});
  }
  return std::make_unique<SvdfOp>(spec);
}

}  // namespace

const Verb verb_svdf_f32 = {"svdf_f32", candidates, nullptr, prepare};

}  // namespace edgerun
