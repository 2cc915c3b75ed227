// compare: one of six comparisons of two tensors with numpy's broadcasting.
//
// inputs   a, b: float32, int32, int64 or bool, both the same; or both 8-bit; rank 0 .. 8
// outputs  bool, of the broadcast shape
// text     kind                         "equal" | "not_equal" | "less" | "less_equal" | "greater" |
//                                       "greater_equal"
// 8-bit:   their values are float32(a - a_zero_point) * float32(a_scale), and the same for b
// integers a_zero_point, b_zero_point   as stored
// reals    a_scale, b_scale             > 0
#include <functional>

#include "ops/broadcast.h"
#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 16 * 1024;  // elements per tile

enum class Kind { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual };

constexpr std::pair<const char*, Kind> kKinds[] = {
    {"equal", Kind::kEqual},     {"not_equal", Kind::kNotEqual},
    {"less", Kind::kLess},       {"less_equal", Kind::kLessEqual},
    {"greater", Kind::kGreater}, {"greater_equal", Kind::kGreaterEqual},
};

// How one operand is read.
template <class T>
struct Plain {
  Plain(const StepSpec&, const TensorRef&, const std::string&) {}
  T operator()(const uint8_t* p, int64_t i) const { return reinterpret_cast<const T*>(p)[i]; }
};

struct Quantised {
  Quantised(const StepSpec& spec, const TensorRef& tensor, const std::string& name)
      : signed_bytes(is_signed(tensor)),
        zero_point(read_stored(spec, tensor, name + "_zero_point")),
        scale(read_scale(spec, name + "_scale")) {}
  float operator()(const uint8_t* p, int64_t i) const {
    const int32_t stored = signed_bytes ? static_cast<int8_t>(p[i]) : p[i];
    return static_cast<float>(stored - zero_point) * scale;
  }
  bool signed_bytes;
  int32_t zero_point;
  float scale;
};

template <class Operand>
class CompareOp : public Op {
 public:
  explicit CompareOp(const StepSpec& spec)
      : a_(spec.inputs[0]),
        b_(spec.inputs[1]),
        output_(spec.outputs[0]),
        walk_(spec.inputs, output_, kGrain),
        read_a_(spec, a_, "a"),
        read_b_(spec, b_, "b"),
        kind_(read_kind(spec, kKinds)) {
    tiles_ = walk_.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    const int64_t a_step = walk_.scalar(0) ? 0 : 1, b_step = walk_.scalar(1) ? 0 : 1;
    const auto compare = [&](const auto& holds) {
      walk_.walk({input_bytes(context, a_), input_bytes(context, b_)},
                 output_bytes(context, output_), begin, end,
                 [&](const auto& inputs, uint8_t* out, int64_t n) {
                   for (int64_t i = 0; i < n; ++i) {
                     out[i] = holds(read_a_(inputs[0], i * a_step), read_b_(inputs[1], i * b_step));
                   }
                 });
    };
    switch (kind_) {
      case Kind::kEqual:
        return compare(std::equal_to<>());
      case Kind::kNotEqual:
        return compare(std::not_equal_to<>());
      case Kind::kLess:
        return compare(std::less<>());
      case Kind::kLessEqual:
        return compare(std::less_equal<>());
      case Kind::kGreater:
        return compare(std::greater<>());
      case Kind::kGreaterEqual:
        return compare(std::greater_equal<>());
    }
  }

 private:
  TensorRef a_, b_, output_;
  BroadcastWalk<2> walk_;
  Operand read_a_, read_b_;
  Kind kind_;
};

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 2, 1);
  check_generic_kernel(spec);
  const DType a = spec.inputs[0].dtype, b = spec.inputs[1].dtype;
  check(a == b || (is_8bit(a) && is_8bit(b)), "compare: two element types do not compare");
  check_dtype(spec, spec.outputs[0], {DType::kBool});
  check_broadcast(spec, spec.inputs, spec.outputs[0]);
  switch (a) {
    case DType::kU8:
    case DType::kS8:
      return std::make_unique<CompareOp<Quantised>>(spec);
    case DType::kBool:
      return std::make_unique<CompareOp<Plain<uint8_t>>>(spec);
    case DType::kS32:
      return std::make_unique<CompareOp<Plain<int32_t>>>(spec);
    case DType::kS64:
      return std::make_unique<CompareOp<Plain<int64_t>>>(spec);
    default:
      check_dtype(spec, spec.inputs[0], {DType::kF32});
      return std::make_unique<CompareOp<Plain<float>>>(spec);
  }
}

}  // namespace

const Verb verb_compare = {"compare", generic_candidates, nullptr, prepare};

}  // namespace edgerun
