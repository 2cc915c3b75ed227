// binary_quantized: the rarer binary operators on quantised tensors, with numpy's broadcasting:
//
//   x = float32(a - a_zero_point), y = float32(b - b_zero_point)
//   maximum, minimum     p = max(x * a_multiplier, y * b_multiplier), or min
//   div                  p = (x / y) * a_multiplier
//   squared_difference   d = x * a_multiplier - y * b_multiplier,  p = (d * d) * out_multiplier
//   prelu                p = x * a_multiplier, or (x * y) * b_multiplier where x < 0
//   out = clamp_round(p, range)                                           (base/requantize.h)
//
// all in float32 and in this order, no FMA.
//
// inputs   a, b: 8-bit, rank 0 .. 8
// outputs  8-bit, of the broadcast shape
// text     kind                               as above
// integers a_zero_point, b_zero_point         as stored
// reals    a_multiplier, b_multiplier         div: a_multiplier alone
//          out_multiplier                     squared_difference alone
// integers out_zero_point, out_min, out_max   as stored
#include "base/requantize.h"
#include "ops/broadcast.h"
#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 16 * 1024;  // elements per tile

enum class Kind { kMaximum, kMinimum, kDiv, kSquaredDifference, kPrelu };

constexpr std::pair<const char*, Kind> kKinds[] = {
    {"maximum", Kind::kMaximum}, {"minimum", Kind::kMinimum},
    {"div", Kind::kDiv},         {"squared_difference", Kind::kSquaredDifference},
    {"prelu", Kind::kPrelu},
};

class BinaryQuantizedOp : public Op {
 public:
  explicit BinaryQuantizedOp(const StepSpec& spec)
      : a_(spec.inputs[0]),
        b_(spec.inputs[1]),
        output_(spec.outputs[0]),
        walk_(spec.inputs, output_, kGrain),
        kind_(read_kind(spec, kKinds)),
        a_zero_(read_stored(spec, a_, "a_zero_point")),
        b_zero_(read_stored(spec, b_, "b_zero_point")),
        a_multiplier_(static_cast<float>(read_multiplier(spec, "a_multiplier"))),
        range_(read_output_range(spec, output_)) {
    if (kind_ != Kind::kDiv) {
      b_multiplier_ = static_cast<float>(read_multiplier(spec, "b_multiplier"));
    }
    if (kind_ == Kind::kSquaredDifference) {
      out_multiplier_ = static_cast<float>(read_multiplier(spec, "out_multiplier"));
    }
    tiles_ = walk_.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    const float ma = a_multiplier_, mb = b_multiplier_, m = out_multiplier_;
    switch (kind_) {
      case Kind::kMaximum:
        return each(context, begin, end,
                    [=](float x, float y) { return std::max(x * ma, y * mb); });
      case Kind::kMinimum:
        return each(context, begin, end,
                    [=](float x, float y) { return std::min(x * ma, y * mb); });
      case Kind::kDiv:
        return each(context, begin, end, [=](float x, float y) { return x / y * ma; });
      case Kind::kSquaredDifference:
        return each(context, begin, end, [=](float x, float y) {
          const float difference = x * ma - y * mb;
          return difference * difference * m;
        });
      case Kind::kPrelu:
        return each(context, begin, end,
                    [=](float x, float y) { return x < 0 ? x * y * mb : x * ma; });
    }
  }

 private:
  template <class Function>
  void each(const RunContext& context, int64_t begin, int64_t end,
            const Function& function) const noexcept {
    const bool a_signed = is_signed(a_), b_signed = is_signed(b_);
    const int64_t a_step = walk_.scalar(0) ? 0 : 1, b_step = walk_.scalar(1) ? 0 : 1;
    const auto value = [](uint8_t byte, bool is_signed, int32_t zero) {
      return static_cast<float>((is_signed ? static_cast<int8_t>(byte) : byte) - zero);
    };
    walk_.walk({input_bytes(context, a_), input_bytes(context, b_)}, output_bytes(context, output_),
               begin, end, [&](const auto& inputs, uint8_t* out, int64_t n) {
                 for (int64_t i = 0; i < n; ++i) {
                   const float p = function(value(inputs[0][i * a_step], a_signed, a_zero_),
                                            value(inputs[1][i * b_step], b_signed, b_zero_));
                   out[i] = static_cast<uint8_t>(clamp_round(p, range_));
                 }
               });
  }

  TensorRef a_, b_, output_;
  BroadcastWalk<2> walk_;
  Kind kind_;
  int32_t a_zero_, b_zero_;
  float a_multiplier_, b_multiplier_ = 0, out_multiplier_ = 0;
  OutputRange range_;
};

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 2, 1);
  check_generic_kernel(spec);
  for (const TensorRef& input : spec.inputs) check_8bit(spec, input);
  check_8bit(spec, spec.outputs[0]);
  check_broadcast(spec, spec.inputs, spec.outputs[0]);
  return std::make_unique<BinaryQuantizedOp>(spec);
}

}  // namespace

const Verb verb_binary_quantized = {"binary_quantized", generic_candidates, nullptr, prepare};

}  // namespace edgerun
