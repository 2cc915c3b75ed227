// top_k: the largest entries of each row and where they are, the largest first. Of equal ones the first
// comes first; a NaN counts as minus infinity.
//
// inputs   x: any numbers
// outputs  values: x's element type, with k <= x's channels
//          indices: int32, same shape
#include <cmath>
#include <numeric>
#include <type_traits>

#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 4 * 1024;  // elements per tile

template <class T>
T key(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::isnan(value) ? -std::numeric_limits<T>::infinity() : value;
  } else {
    return value;
  }
}

// order: room for n indices.
template <class T>
void top_row(const uint8_t* in, int64_t n, int64_t k, int32_t* order, uint8_t* values,
             int32_t* indices) {
  const auto* x = reinterpret_cast<const T*>(in);
  std::iota(order, order + n, 0);
  std::partial_sort(order, order + k, order + n, [x](int32_t a, int32_t b) {
    const T first = key(x[a]), second = key(x[b]);
    return first != second ? first > second : a < b;
  });
  for (int64_t i = 0; i < k; ++i) {
    reinterpret_cast<T*>(values)[i] = x[order[i]];
    indices[i] = order[i];
  }
}

using TopRow = void (*)(const uint8_t* in, int64_t n, int64_t k, int32_t* order, uint8_t* values,
                        int32_t* indices);

TopRow top_row_of(DType dtype) {
  switch (dtype) {
    case DType::kU8:
      return top_row<uint8_t>;
    case DType::kS8:
      return top_row<int8_t>;
    case DType::kS16:
      return top_row<int16_t>;
    case DType::kS32:
      return top_row<int32_t>;
    case DType::kS64:
      return top_row<int64_t>;
    case DType::kF32:
      return top_row<float>;
    default:
      throw Error("top_k: the input must be 8-bit, int16, int32, int64 or float32");
  }
}

class TopKOp : public Op {
 public:
  explicit TopKOp(const StepSpec& spec)
      : input_(spec.inputs[0]),
        values_(spec.outputs[0]),
        indices_(spec.outputs[1]),
        top_row_(top_row_of(input_.dtype)),
        tiling_(input_.rows(), input_.channels(), kGrain) {
    tiles_ = tiling_.tiles();
    scratch_bytes_ = input_.channels() * static_cast<int64_t>(sizeof(int32_t));
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    const int64_t last = tiling_.begin(end);
    for (int64_t row = tiling_.begin(begin); row < last; ++row) {
      top_row_(input_bytes(context, input_) + row * input_.row_stride, input_.channels(),
               values_.channels(), reinterpret_cast<int32_t*>(context.scratch),
               output_bytes(context, values_) + row * values_.row_stride,
               reinterpret_cast<int32_t*>(output_bytes(context, indices_) +
                                          row * indices_.row_stride));
    }
  }

 private:
  TensorRef input_, values_, indices_;
  TopRow top_row_;
  Tiling tiling_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa) { return {{"generic", "", "any"}}; }

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 2);
  check(spec.kernel == "generic", "top_k: there is no kernel called '" + spec.kernel + "'");
  check_dtype(spec, spec.outputs[0], {spec.inputs[0].dtype});
  check_dtype(spec, spec.outputs[1], {DType::kS32});
  check_same_shape(spec, spec.outputs[0], spec.outputs[1]);
  check(spec.inputs[0].rank() >= 1 && spec.outputs[0].rows() == spec.inputs[0].rows() &&
            spec.outputs[0].channels() <= spec.inputs[0].channels(),
        "top_k: the outputs do not fit the input");
  return std::make_unique<TopKOp>(spec);
}

}  // namespace

const Verb verb_top_k = {"top_k", candidates, nullptr, prepare};

}  // namespace edgerun
