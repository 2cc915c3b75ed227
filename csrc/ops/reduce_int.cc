// reduce_int: sum, mean, product, maximum or minimum of integers over one dimension.
//
// inputs   sum, mean, prod: int32 or int64; max, min: these, 8-bit, int16 or bool (any and all)
//          [outer, taps] or [outer, taps, inner]
// outputs  the same element type [outer, 1] or [outer, inner]
// text     kind     "sum" | "mean" | "prod" | "max" | "min"
//
// Sums and products wrap around; a mean is the sum, which does not wrap for int32, divided by taps
// and truncated.
#include "ops/reduction.h"

namespace edgerun {
namespace {

enum class Kind { kSum, kMean, kProd, kMax, kMin };

constexpr std::pair<const char*, Kind> kKinds[] = {
    {"sum", Kind::kSum}, {"mean", Kind::kMean}, {"prod", Kind::kProd},
    {"max", Kind::kMax}, {"min", Kind::kMin},
};

// One output: of `taps` values `step` bytes apart.
template <class T>
T reduce(Kind kind, const uint8_t* in, int64_t taps, int64_t step) {
  const auto value = [&](int64_t t) { return *reinterpret_cast<const T*>(in + t * step); };
  if (kind == Kind::kMax || kind == Kind::kMin) {
    T best = value(0);
    for (int64_t t = 1; t < taps; ++t) {
      best = kind == Kind::kMax ? std::max(best, value(t)) : std::min(best, value(t));
    }
    return best;
  }
  // Modulo 2^64, of which T keeps the low bits.
  uint64_t total = kind == Kind::kProd ? 1 : 0;
  for (int64_t t = 0; t < taps; ++t) {
    const auto x = static_cast<uint64_t>(static_cast<int64_t>(value(t)));
    total = kind == Kind::kProd ? total * x : total + x;
  }
  if (kind == Kind::kMean) return static_cast<T>(static_cast<int64_t>(total) / taps);
  return static_cast<T>(total);
}

template <class T>
void reduce_columns(Kind kind, const uint8_t* in, uint8_t* out, int64_t taps, int64_t step,
                    int64_t columns) {
  for (int64_t c = 0; c < columns; ++c) {
    const auto size = static_cast<int64_t>(sizeof(T));
    *reinterpret_cast<T*>(out + c * size) = reduce<T>(kind, in + c * size, taps, step);
  }
}

using Run = void (*)(Kind, const uint8_t*, uint8_t*, int64_t, int64_t, int64_t);

Run run_for(DType dtype) {
  switch (dtype) {
    case DType::kS8:
      return reduce_columns<int8_t>;
    case DType::kS16:
      return reduce_columns<int16_t>;
    case DType::kS32:
      return reduce_columns<int32_t>;
    case DType::kS64:
      return reduce_columns<int64_t>;
    default:
      return reduce_columns<uint8_t>;
  }
}

class ReduceIntOp : public Op {
 public:
  explicit ReduceIntOp(const StepSpec& spec)
      : reduction_(spec), kind_(read_kind(spec, kKinds)), run_(run_for(spec.inputs[0].dtype)) {
    const bool extreme = kind_ == Kind::kMax || kind_ == Kind::kMin;
    if (!extreme) check_dtype(spec, spec.inputs[0], {DType::kS32, DType::kS64});
    tiles_ = reduction_.tiling.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    reduction_.walk(context, begin, end, [this](const uint8_t* in, uint8_t* out, int64_t columns) {
      run_(kind_, in, out, reduction_.taps, reduction_.tap_step, columns);
    });
  }

 private:
  Reduction reduction_;
  Kind kind_;
  Run run_;
};

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  check_generic_kernel(spec);
  check_dtype(spec, spec.inputs[0],
              {DType::kU8, DType::kS8, DType::kBool, DType::kS16, DType::kS32, DType::kS64});
  check(spec.inputs[0].dtype == spec.outputs[0].dtype,
        "reduce_int: input and output must have the same element type");
  return std::make_unique<ReduceIntOp>(spec);
}

}  // namespace

const Verb verb_reduce_int = {"reduce_int", generic_candidates, nullptr, prepare};

}  // namespace edgerun
