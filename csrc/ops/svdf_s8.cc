// svdf_s8: TFLite's 8-bit SVDF, bit for bit as edgerun/ir/recurrent.py.
//
// inputs   x [batch, n] (8-bit, of int8 values stored with either sign),
//          state [batch, filters * memory]: int16, or 8-bit as x
// outputs  y [batch, filters / rank] (8-bit, as x), state
// integers rank, filters, memory, x_zero_point, state_zero_point, y_zero_point (of the int8 values)
//          multipliers   two pairs: to the state, to the output
// blobs    features int16 [filters, n padded to 8], time int16 [filters, memory padded to 8],
//          bias int32 [filters / rank]
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
    filters_ = a.integer("filters", 1, kMost);
    memory_ = a.integer("memory", 1, kMost);
    check(filters_ % rank_ == 0 && y_.channels() == filters_ / rank_ && y_.rows() == x_.rows(),
          "svdf_s8: the output does not fit");
    check(x_.channels() <= kMost, "svdf_s8: too many channels");
    check_state(spec, 1, 1, x_.rows(), filters_ * memory_);
    features_ = a.blob("features", static_cast<size_t>(2 * filters_ * padded(x_.channels())));
    time_ = a.blob("time", static_cast<size_t>(2 * filters_ * padded(memory_)));
    bias_ = a.blob("bias", static_cast<size_t>(4 * y_.channels()));
    x_zero_ = static_cast<int32_t>(a.integer("x_zero_point", -128, 127));
    state_zero_ = static_cast<int32_t>(a.integer("state_zero_point", -32768, 32767));
    y_zero_ = static_cast<int32_t>(a.integer("y_zero_point", -128, 127));
    const auto multipliers = read_multipliers(spec, "multipliers", 2);
    to_state_ = multipliers[0];
    to_output_ = multipliers[1];
    tiles_ = x_.rows();
    scratch_bytes_ = 2 * (padded(x_.channels()) + padded(memory_));
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    auto* x = reinterpret_cast<int16_t*>(context.scratch);
    int16_t* past = x + padded(x_.channels());
    std::fill_n(past, padded(memory_), int16_t{0});
    const int64_t state_bytes = filters_ * memory_ * size_of(before_.dtype);
    for (int64_t b = begin; b < end; ++b) {
      widen(input_bytes(context, x_) + b * x_.row_stride, x_.channels(), is_signed(x_), x);
      for (int64_t i = 0; i < x_.channels(); ++i) x[i] = static_cast<int16_t>(x[i] - x_zero_);
      const uint8_t* before = input_bytes(context, before_) + b * state_bytes;
      uint8_t* after = output_bytes(context, after_) + b * state_bytes;
      uint8_t* y = output_bytes(context, y_) + b * y_.row_stride;
      for (int64_t unit = 0; unit < y_.channels(); ++unit) {
        auto total = static_cast<uint32_t>(bias_->data<int32_t>()[unit]);
        for (int64_t filter = unit * rank_; filter < (unit + 1) * rank_; ++filter)
          total += static_cast<uint32_t>(advance(x, before, after, filter, past));
        const int64_t value = fixed_multiply(static_cast<int32_t>(total), to_output_);
        const int16_t out = saturate<int8_t>(value + y_zero_);
        narrow(&out, 1, is_signed(y_), y + unit);
      }
    }
  }

 private:
  // Moves a filter's memory on by one; its product with the weights of time.
  int32_t advance(const int16_t* x, const uint8_t* before, uint8_t* after, int64_t filter,
                  int16_t* past) const noexcept {
    const int64_t width = padded(x_.channels());
    const int32_t sum = dot(features_->data<int16_t>() + filter * width, x, width);
    const int64_t newest = int64_t{fixed_multiply(sum, to_state_)} + state_zero_;
    const int64_t first = filter * memory_;
    if (before_.dtype == DType::kS16) {
      const auto* old = reinterpret_cast<const int16_t*>(before) + first;
      std::copy_n(old + 1, memory_ - 1, past);
      past[memory_ - 1] = saturate<int16_t>(newest);
      std::copy_n(past, memory_, reinterpret_cast<int16_t*>(after) + first);
    } else {
      widen_exactly(before + first + 1, memory_ - 1, past);
      past[memory_ - 1] = saturate<int8_t>(newest);
      narrow(past, memory_, is_signed(after_), after + first);
    }
    for (int64_t i = 0; i < memory_ && state_zero_ != 0; ++i)
      past[i] = static_cast<int16_t>(past[i] - state_zero_);
    return dot(time_->data<int16_t>() + filter * padded(memory_), past, padded(memory_));
  }

  void widen_exactly(const uint8_t* bytes, int64_t n, int16_t* out) const noexcept {
    const uint8_t flip = is_signed(before_) ? 0 : 0x80;
    for (int64_t i = 0; i < n; ++i) out[i] = static_cast<int8_t>(bytes[i] ^ flip);
  }

  TensorRef x_, before_, y_, after_;
  int64_t rank_ = 1, filters_ = 0, memory_ = 0;
  std::shared_ptr<const Blob> features_, time_, bias_;
  int32_t x_zero_ = 0, state_zero_ = 0, y_zero_ = 0;
  FixedMultiplier to_state_, to_output_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa) { return {{"generic", "", "any"}}; }

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 2, 2);
  check(spec.kernel == "generic", "svdf_s8: there is no kernel called '" + spec.kernel + "'");
  for (const TensorRef& t : {spec.inputs[0], spec.outputs[0]}) check_8bit(spec, t);
  for (const TensorRef& t : {spec.inputs[1], spec.outputs[1]})
    check_dtype(spec, t, {DType::kU8, DType::kS8, DType::kS16});
  return std::make_unique<SvdfOp>(spec);
}

}  // namespace

const Verb verb_svdf_s8 = {"svdf_s8", candidates, nullptr, prepare};

}  // namespace edgerun
