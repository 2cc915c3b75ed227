// cumulative: running sums or products along the middle dimension.
//
// Integers wrap around; floats are added or multiplied in float64 and rounded once.
//
// inputs   x: int32, int64 or float32 [outer, taps, inner]
// outputs  like x
// text     kind       "sum" | "product"
// integers exclusive  1: without the element at the place itself
//          reverse    1: from the end
#include <type_traits>

#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 8 * 1024;  // elements per tile
constexpr std::pair<const char*, bool> kKinds[] = {{"sum", false}, {"product", true}};

// What a sum is kept in.
template <class T>
struct Wide {
  using Type = std::make_unsigned_t<T>;
};
template <>
struct Wide<float> {
  using Type = double;
};

// n elements that lie `in_step` and `out_step` bytes apart.
template <class T>
void running(bool product, bool exclusive, const uint8_t* in, int64_t in_step, uint8_t* out,
             int64_t out_step, int64_t n) {
  using Sum = typename Wide<T>::Type;
  Sum sum = product ? 1 : 0;
  for (int64_t i = 0; i < n; ++i) {
    const auto x = static_cast<Sum>(*reinterpret_cast<const T*>(in + i * in_step));
    const Sum before = sum;
    sum = product ? sum * x : sum + x;
    *reinterpret_cast<T*>(out + i * out_step) = static_cast<T>(exclusive ? before : sum);
  }
}

using Running = void (*)(bool, bool, const uint8_t*, int64_t, uint8_t*, int64_t, int64_t);

class CumulativeOp : public Op {
 public:
  CumulativeOp(const StepSpec& spec, Running running)
      : input_(spec.inputs[0]),
        output_(spec.outputs[0]),
        product_(read_kind(spec, kKinds)),
        exclusive_(spec.attributes.integer("exclusive", 0, 1) != 0),
        reverse_(spec.attributes.integer("reverse", 0, 1) != 0),
        running_(running) {
    check(input_.rank() == 3, "cumulative: the input must have 3 dimensions");
    tiling_ = Tiling(input_.dim(0) * input_.dim(2), input_.dim(1), kGrain);
    tiles_ = tiling_.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    const int64_t taps = input_.dim(1), inner = input_.dim(2), size = size_of(input_.dtype);
    const int64_t sign = reverse_ ? -1 : 1;
    for (int64_t piece = tiling_.begin(begin); piece < tiling_.begin(end); ++piece) {
      const int64_t row = piece / inner * taps + (reverse_ ? taps - 1 : 0), c = piece % inner;
      running_(product_, exclusive_,
               input_bytes(context, input_) + row * input_.row_stride + c * size,
               sign * input_.row_stride,
               output_bytes(context, output_) + row * output_.row_stride + c * size,
               sign * output_.row_stride, taps);
    }
  }

 private:
  TensorRef input_, output_;
  bool product_, exclusive_, reverse_;
  Running running_;
  Tiling tiling_;
};

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  check_generic_kernel(spec);
  check_dtype(spec, spec.inputs[0], {DType::kS32, DType::kS64, DType::kF32});
  check_dtype(spec, spec.outputs[0], {spec.inputs[0].dtype});
  check_same_shape(spec, spec.inputs[0], spec.outputs[0]);
  const DType dtype = spec.inputs[0].dtype;
  return std::make_unique<CumulativeOp>(spec, dtype == DType::kS32   ? running<int32_t>
                                              : dtype == DType::kS64 ? running<int64_t>
                                                                     : running<float>);
}

}  // namespace

const Verb verb_cumulative = {"cumulative", generic_candidates, nullptr, prepare};

}  // namespace edgerun
