// arg_reduce: where along one dimension the greatest or the least value is; the first of equal
// ones, or the last one. A NaN is neither, unless it comes first.
//
// inputs   8-bit, bool, int32, int64 or float32 [outer, taps] or [outer, taps, inner]
// outputs  int32 or int64 [outer, 1] or [outer, inner]
// text     kind     "arg_max" | "arg_min" | "last_arg_max" | "last_arg_min"
#include "ops/reduction.h"

namespace edgerun {
namespace {

struct Kind {
  bool greatest, last;
};
constexpr std::pair<const char*, Kind> kKinds[] = {{"arg_max", {true, false}},
                                                   {"arg_min", {false, false}},
                                                   {"last_arg_max", {true, true}},
                                                   {"last_arg_min", {false, true}}};

template <class T>
int64_t best_index(Kind kind, const uint8_t* in, int64_t taps, int64_t step) {
  const auto value = [&](int64_t t) { return *reinterpret_cast<const T*>(in + t * step); };
  int64_t best = 0;
  T best_value = value(0);
  for (int64_t t = 1; t < taps; ++t) {
    const T x = value(t);
    if ((kind.greatest ? x > best_value : x < best_value) || (kind.last && x == best_value)) {
      best = t;
      best_value = x;
    }
  }
  return best;
}

using Find = int64_t (*)(Kind, const uint8_t*, int64_t, int64_t);

Find find_for(DType dtype) {
  switch (dtype) {
    case DType::kS8:
      return best_index<int8_t>;
    case DType::kS32:
      return best_index<int32_t>;
    case DType::kS64:
      return best_index<int64_t>;
    case DType::kF32:
      return best_index<float>;
    default:
      return best_index<uint8_t>;
  }
}

class ArgReduceOp : public Op {
 public:
  explicit ArgReduceOp(const StepSpec& spec)
      : reduction_(spec),
        kind_(read_kind(spec, kKinds)),
        find_(find_for(spec.inputs[0].dtype)) {
    tiles_ = reduction_.tiling.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    const int64_t size = size_of(reduction_.input.dtype);
    reduction_.walk(context, begin, end, [&](const uint8_t* in, uint8_t* out, int64_t columns) {
      for (int64_t c = 0; c < columns; ++c) {
        const int64_t index = find_(kind_, in + c * size, reduction_.taps, reduction_.tap_step);
        if (reduction_.output.dtype == DType::kS32) {
          reinterpret_cast<int32_t*>(out)[c] = static_cast<int32_t>(index);
        } else {
          reinterpret_cast<int64_t*>(out)[c] = index;
        }
      }
    });
  }

 private:
  Reduction reduction_;
  Kind kind_;
  Find find_;
};

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  check_generic_kernel(spec);
  check_dtype(spec, spec.inputs[0],
              {DType::kU8, DType::kS8, DType::kBool, DType::kS32, DType::kS64, DType::kF32});
  check_dtype(spec, spec.outputs[0], {DType::kS32, DType::kS64});
  return std::make_unique<ArgReduceOp>(spec);
}

}  // namespace

const Verb verb_arg_reduce = {"arg_reduce", generic_candidates, nullptr, prepare};

}  // namespace edgerun
