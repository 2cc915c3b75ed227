// softmax_s16: softmax to int16 over the last dimension, as edgerun/ir/int16.py.
//
// inputs   int16, or 8-bit (of either sign: only differences count)
// outputs  int16, same shape
// of int16:  integers multiplier          a pair: from differences to the argument of exp_points
//            blobs    exp_points          int16[513]: e^x from -10 to 0, in units of 2^-15
//                     reciprocal_points   int16[513]: 1 / (1 + x) from 0 to 1
// of 8 bits: blob     exp_table           int32[256]: e^-d with 31 fractional bits, negative: does not count
#include "ops/recurrent.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 4 * 1024;  // elements per tile

class SoftmaxOp : public Op {
 public:
  explicit SoftmaxOp(const StepSpec& spec)
      : x_(spec.inputs[0]), y_(spec.outputs[0]), tiling_(x_.rows(), x_.channels(), kGrain) {
    const Attributes& a = spec.attributes;
    if (x_.dtype == DType::kS16) {
      by_ = read_multipliers(spec, "multiplier", 1)[0];
      exp_ = a.blob("exp_points", 513 * 2);
      reciprocal_ = a.blob("reciprocal_points", 513 * 2);
      const auto* points = exp_->data<int16_t>();  // so that a row's sum is positive, and fits
      check(points[512] == std::numeric_limits<int16_t>::max(), "softmax_s16: e^0 must be 1");
      check(std::all_of(points, points + 513, [](int16_t e) { return e >= 0; }),
            "softmax_s16: e^x must not be negative");
    } else {
      exp_ = a.blob("exp_table", 256 * 4);
      check(exp_->data<int32_t>()[0] == std::numeric_limits<int32_t>::max(), "softmax_s16: e^0 must be 1");
    }
    const int64_t most = x_.dtype == DType::kS16 ? 65536 : 4096;  // so that their sum fits
    check(x_.channels() <= most, "softmax_s16: a row has more than " + std::to_string(most) + " elements");
    tiles_ = tiling_.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    for (int64_t row = tiling_.begin(begin); row < tiling_.begin(end); ++row) {
      const uint8_t* x = input_bytes(context, x_) + row * x_.row_stride;
      auto* y = reinterpret_cast<int16_t*>(output_bytes(context, y_) + row * y_.row_stride);
      if (x_.dtype == DType::kS16) {
        wide(reinterpret_cast<const int16_t*>(x), y);
      } else if (x_.dtype == DType::kS8) {
        narrow(reinterpret_cast<const int8_t*>(x), y);
      } else {
        narrow(x, y);
      }
    }
  }

 private:
  static int32_t interpolate(const int16_t* points, int32_t x) {
    const int16_t* point = points + 256 + (x >> 7);
    const auto slope = static_cast<int16_t>(point[1] - point[0]);
    return static_cast<int16_t>(point[0] + ((slope * (x & 0x7F) + 64) >> 7));
  }

  static int leading_zeros(uint32_t x) {
    int n = 0;
    for (; n < 32 && (x >> (31 - n)) == 0; ++n) {
    }
    return n;
  }

  void wide(const int16_t* x, int16_t* y) const noexcept {
    const int64_t n = x_.channels();
    const int32_t most = *std::max_element(x, x + n);
    int32_t total = 0;
    for (int64_t i = 0; i < n; ++i) {
      const int64_t argument = int64_t{fixed_multiply(x[i] - most, by_)} + 32767;
      y[i] = static_cast<int16_t>(interpolate(exp_->data<int16_t>(), saturate<int16_t>(argument)));
      total += y[i];
    }
    const int zeros = leading_zeros(static_cast<uint32_t>(total));
    const int64_t shifted = ((int64_t{total} << (zeros - 1)) + (1 << 13)) >> 14;
    const int16_t index = saturate<int16_t>(shifted - ((1 << 15) + (1 << 16)));
    const int64_t scale = interpolate(reciprocal_->data<int16_t>(), index);
    const int right = 31 - zeros;
    for (int64_t i = 0; i < n; ++i) {
      const int64_t value = (y[i] * scale + (int64_t{1} << (right - 1))) >> right;
      y[i] = static_cast<int16_t>(std::min<int64_t>(std::max<int64_t>(value, 0), 32767));
    }
  }

  template <class In>
  void narrow(const In* x, int16_t* y) const noexcept {
    const int64_t n = x_.channels();
    const auto* table = exp_->data<int32_t>();
    const int32_t most = *std::max_element(x, x + n);
    int64_t total = 0;
    for (int64_t i = 0; i < n; ++i) {
      const int32_t e = table[most - x[i]];
      if (e >= 0) total += rounding_divide(e, 12);
    }
    const int zeros = leading_zeros(static_cast<uint32_t>(total));
    const auto rest = static_cast<int32_t>((static_cast<uint32_t>(total) << zeros) - (uint32_t{1} << 31));
    const int32_t scale = reciprocal(rest);
    for (int64_t i = 0; i < n; ++i) {
      const int32_t e = table[most - x[i]];
      const int64_t value = rounding_divide(doubling_high_mul<32>(scale, e), 12 - zeros + 31 - 16) - 32768;
      y[i] = e >= 0 ? saturate<int16_t>(value) : int16_t{-32768};
    }
  }

  TensorRef x_, y_;
  Tiling tiling_;
  FixedMultiplier by_;
  std::shared_ptr<const Blob> exp_, reciprocal_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa) { return {{"generic", "", "any"}}; }

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  check(spec.kernel == "generic", "softmax_s16: there is no kernel called '" + spec.kernel + "'");
  check_dtype(spec, spec.inputs[0], {DType::kU8, DType::kS8, DType::kS16});
  check_dtype(spec, spec.outputs[0], {DType::kS16});
  check_same_shape(spec, spec.inputs[0], spec.outputs[0]);
  return std::make_unique<SoftmaxOp>(spec);
}

}  // namespace

const Verb verb_softmax_s16 = {"softmax_s16", candidates, nullptr, prepare};

}  // namespace edgerun
