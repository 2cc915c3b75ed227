// binary_s16: a + b, a - b and a * b of int16 with broadcasting, as edgerun/ir/int16.py.
//
// inputs   int16, of up to 8 dimensions, broadcast against each other
// outputs  int16
// text     kind               add, sub, mul
// integers multipliers        pairs: of a, of b and of their sum; or of the product
//          out_min, out_max
#include "ops/recurrent.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 8 * 1024;  // elements per tile
constexpr int kLeftShift = 15;
constexpr int kMaxRank = 8;

enum class Kind { kAdd, kSub, kMul };

class BinaryOp : public Op {
 public:
  explicit BinaryOp(const StepSpec& spec)
      : a_(spec.inputs[0]), b_(spec.inputs[1]), y_(spec.outputs[0]) {
    const Attributes& attributes = spec.attributes;
    const std::string& kind = attributes.text("kind");
    check(kind == "add" || kind == "sub" || kind == "mul", "binary_s16: there is no kind '" + kind + "'");
    kind_ = kind == "mul" ? Kind::kMul : kind == "sub" ? Kind::kSub : Kind::kAdd;
    by_ = read_multipliers(spec, "multipliers", kind_ == Kind::kMul ? 1 : 3);
    low_ = static_cast<int32_t>(attributes.integer("out_min", -32768, 32767));
    high_ = static_cast<int32_t>(attributes.integer("out_max", low_, 32767));
    a_steps_ = steps(a_);
    b_steps_ = steps(b_);
    tiling_ = Tiling(y_.rows(), y_.channels(), kGrain);
    tiles_ = tiling_.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    for (int64_t row = tiling_.begin(begin); row < tiling_.begin(end); ++row) {
      int64_t rest = row, a_row = 0, b_row = 0;
      for (int d = y_.rank() - 2; d >= 0; --d) {
        const int64_t index = rest % y_.dim(d);
        rest /= y_.dim(d);
        a_row += index * a_steps_.rows[d];
        b_row += index * b_steps_.rows[d];
      }
      const auto* a = reinterpret_cast<const int16_t*>(input_bytes(context, a_) + a_row * a_.row_stride);
      const auto* b = reinterpret_cast<const int16_t*>(input_bytes(context, b_) + b_row * b_.row_stride);
      auto* y = reinterpret_cast<int16_t*>(output_bytes(context, y_) + row * y_.row_stride);
      for (int64_t i = 0; i < y_.channels(); ++i)
        y[i] = result(a[i * a_steps_.channel], b[i * b_steps_.channel]);
    }
  }

 private:
  // How far an input moves, in rows, with each dimension of the output but the last; and along that, in
  // elements.
  struct Steps {
    int64_t rows[kMaxRank] = {};
    int64_t channel = 0;
  };

  Steps steps(const TensorRef& input) const {
    Steps found;
    const int offset = y_.rank() - input.rank();
    int64_t rows = 1;
    for (int d = input.rank() - 2; d >= 0; --d) {
      if (input.dim(d) != 1) found.rows[d + offset] = rows;
      rows *= input.dim(d);
    }
    found.channel = input.channels() == 1 ? 0 : 1;
    return found;
  }

  int16_t result(int32_t a, int32_t b) const noexcept {
    int32_t y;
    if (kind_ == Kind::kMul) {
      y = fixed_multiply(a * b, by_[0]);
    } else {
      const auto sa = static_cast<uint32_t>(fixed_multiply(a * (1 << kLeftShift), by_[0]));
      const auto sb = static_cast<uint32_t>(fixed_multiply(b * (1 << kLeftShift), by_[1]));
      y = fixed_multiply(static_cast<int32_t>(kind_ == Kind::kSub ? sa - sb : sa + sb), by_[2]);
    }
    return static_cast<int16_t>(std::min(std::max(y, low_), high_));
  }

  TensorRef a_, b_, y_;
  Kind kind_ = Kind::kAdd;
  std::vector<FixedMultiplier> by_;
  int32_t low_ = 0, high_ = 0;
  Steps a_steps_, b_steps_;
  Tiling tiling_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa) { return {{"generic", "", "any"}}; }

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 2, 1);
  check(spec.kernel == "generic", "binary_s16: there is no kernel called '" + spec.kernel + "'");
  const TensorRef& y = spec.outputs[0];
  check_dtype(spec, y, {DType::kS16});
  check(y.rank() <= kMaxRank, "binary_s16: more than 8 dimensions");
  for (const TensorRef& input : spec.inputs) {
    check_dtype(spec, input, {DType::kS16});
    check(input.rank() <= y.rank(), "binary_s16: an input has more dimensions than the output");
    for (int i = 1; i <= input.rank(); ++i) {
      const int64_t dim = input.dim(input.rank() - i);
      check(dim == 1 || dim == y.dim(y.rank() - i), "binary_s16: an input cannot be broadcast to the output");
    }
  }
  return std::make_unique<BinaryOp>(spec);
}

}  // namespace

const Verb verb_binary_s16 = {"binary_s16", candidates, nullptr, prepare};

}  // namespace edgerun
