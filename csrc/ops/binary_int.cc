// binary_int: integer arithmetic on two tensors with numpy's broadcasting.
//
// inputs   a, b: int32, int64 or uint32; maximum and minimum also bool (or, and); rank 0 .. 8
// outputs  the same element type, of the broadcast shape
// text     kind     "add" | "sub" | "mul" | "div" | "floor_div" | "floor_mod" | "maximum" |
// "minimum" |
//                   "squared_difference" | "pow"
// integers out_min, out_max   clamp the result; numbers of the element type
//
// Results wrap around. div truncates, floor_div rounds down, floor_mod has the sign of b; where b
// is 0, all three give 0. A negative exponent gives the truncated power (0, or 1 and -1 of these).
#include <limits>

#include "ops/broadcast.h"
#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 16 * 1024;  // elements per tile

enum class Kind {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kFloorDiv,
  kFloorMod,
  kMaximum,
  kMinimum,
  kSquaredDifference,
  kPow,
};

constexpr std::pair<const char*, Kind> kKinds[] = {
    {"add", Kind::kAdd},
    {"sub", Kind::kSub},
    {"mul", Kind::kMul},
    {"div", Kind::kDiv},
    {"floor_div", Kind::kFloorDiv},
    {"floor_mod", Kind::kFloorMod},
    {"maximum", Kind::kMaximum},
    {"minimum", Kind::kMinimum},
    {"squared_difference", Kind::kSquaredDifference},
    {"pow", Kind::kPow},
};

// The low bits of 64-bit arithmetic without signs are those of wrapping arithmetic in T.
template <class T>
uint64_t wide(T x) {
  return static_cast<uint64_t>(static_cast<int64_t>(x));
}

// INT_MIN / -1 wraps around to itself.
template <class T>
T divided(T a, T b) {
  if (b == 0) return 0;
  if (b == static_cast<T>(-1) && std::numeric_limits<T>::is_signed) {
    return static_cast<T>(0 - wide(a));
  }
  return static_cast<T>(a / b);
}

template <class T>
T floor_divided(T a, T b) {
  const T quotient = divided(a, b);
  const T rest = static_cast<T>(wide(a) - wide(quotient) * wide(b));
  return b != 0 && rest != 0 && (rest < 0) != (b < 0) ? static_cast<T>(quotient - 1) : quotient;
}

template <class T>
T floor_modulo(T a, T b) {
  return b == 0 ? T{0} : static_cast<T>(wide(a) - wide(floor_divided(a, b)) * wide(b));
}

template <class T>
T power(T a, T b) {
  if (b < 0) {
    if (a == 1) return 1;
    if (wide(a) == wide(static_cast<T>(-1))) return wide(b) % 2 == 0 ? T{1} : static_cast<T>(-1);
    return 0;
  }
  uint64_t value = 1, factor = wide(a);
  for (auto rest = static_cast<uint64_t>(b); rest != 0; rest >>= 1) {
    if (rest & 1) value *= factor;
    factor *= factor;
  }
  return static_cast<T>(value);
}

struct Range {
  int64_t low, high;
};

template <class T>
using Run = void (*)(const T* a, const T* b, T* out, int64_t n, int64_t a_step, int64_t b_step,
                     const Range& range);

template <class T, T (*kFunction)(T, T)>
void run_all(const T* a, const T* b, T* out, int64_t n, int64_t a_step, int64_t b_step,
             const Range& range) {
  const T low = static_cast<T>(range.low), high = static_cast<T>(range.high);
  for (int64_t i = 0; i < n; ++i) {
    const T value = kFunction(a[i * a_step], b[i * b_step]);
    out[i] = value < low ? low : value > high ? high : value;
  }
}

template <class T>
struct Functions {
  static T add(T a, T b) { return static_cast<T>(wide(a) + wide(b)); }
  static T sub(T a, T b) { return static_cast<T>(wide(a) - wide(b)); }
  static T mul(T a, T b) { return static_cast<T>(wide(a) * wide(b)); }
  static T maximum(T a, T b) { return a > b ? a : b; }
  static T minimum(T a, T b) { return a < b ? a : b; }
  static T squared_difference(T a, T b) { return mul(sub(a, b), sub(a, b)); }
};

template <class T>
Run<T> run_for(Kind kind) {
  using F = Functions<T>;
  switch (kind) {
    case Kind::kAdd:
      return run_all<T, F::add>;
    case Kind::kSub:
      return run_all<T, F::sub>;
    case Kind::kMul:
      return run_all<T, F::mul>;
    case Kind::kDiv:
      return run_all<T, divided<T>>;
    case Kind::kFloorDiv:
      return run_all<T, floor_divided<T>>;
    case Kind::kFloorMod:
      return run_all<T, floor_modulo<T>>;
    case Kind::kMaximum:
      return run_all<T, F::maximum>;
    case Kind::kMinimum:
      return run_all<T, F::minimum>;
    case Kind::kSquaredDifference:
      return run_all<T, F::squared_difference>;
    case Kind::kPow:
      break;
  }
  return run_all<T, power<T>>;
}

template <class T>
class BinaryIntOp : public Op {
 public:
  explicit BinaryIntOp(const StepSpec& spec)
      : a_(spec.inputs[0]),
        b_(spec.inputs[1]),
        output_(spec.outputs[0]),
        walk_(spec.inputs, output_, kGrain) {
    const Kind kind = read_kind(spec, kKinds);
    check(output_.dtype != DType::kBool || kind == Kind::kMaximum || kind == Kind::kMinimum,
          "binary_int: of two bool there is only the maximum and the minimum");
    run_ = run_for<T>(kind);
    const int64_t low = std::numeric_limits<T>::min(),
                  high = static_cast<int64_t>(std::numeric_limits<T>::max());
    range_.low = spec.attributes.integer("out_min", low, high);
    range_.high = spec.attributes.integer("out_max", range_.low, high);
    tiles_ = walk_.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    walk_.walk({input_bytes(context, a_), input_bytes(context, b_)}, output_bytes(context, output_),
               begin, end, [this](const auto& inputs, uint8_t* out, int64_t n) {
                 run_(reinterpret_cast<const T*>(inputs[0]), reinterpret_cast<const T*>(inputs[1]),
                      reinterpret_cast<T*>(out), n, walk_.scalar(0) ? 0 : 1,
                      walk_.scalar(1) ? 0 : 1, range_);
               });
  }

 private:
  TensorRef a_, b_, output_;
  BroadcastWalk<2> walk_;
  Run<T> run_;
  Range range_{};
};

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 2, 1);
  check_generic_kernel(spec);
  const TensorRef& output = spec.outputs[0];
  check_dtype(spec, output, {DType::kS32, DType::kS64, DType::kU32, DType::kBool});
  for (const TensorRef& input : spec.inputs) check_dtype(spec, input, {output.dtype});
  check_broadcast(spec, spec.inputs, output);
  switch (output.dtype) {
    case DType::kS32:
      return std::make_unique<BinaryIntOp<int32_t>>(spec);
    case DType::kS64:
      return std::make_unique<BinaryIntOp<int64_t>>(spec);
    case DType::kU32:
      return std::make_unique<BinaryIntOp<uint32_t>>(spec);
    default:
      return std::make_unique<BinaryIntOp<uint8_t>>(spec);
  }
}

}  // namespace

const Verb verb_binary_int = {"binary_int", generic_candidates, nullptr, prepare};

}  // namespace edgerun
