// top_k: the largest entries of each row and where they are, the largest first; or the smallest ones. Of
// equal ones the first comes first; a NaN counts as minus infinity, or as infinity among the smallest.
//
// inputs   x: any numbers
// outputs  values: x's element type, with k <= x's channels
//          indices: int32 or int64, same shape
// text     kind     "largest" | "smallest"
#include <cmath>
#include <numeric>
#include <type_traits>

#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 4 * 1024;  // elements per tile

constexpr std::pair<const char*, bool> kKinds[] = {{"largest", false}, {"smallest", true}};

// What a value counts as: a NaN comes last in either order.
template <bool kSmallest, class T>
T key(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    constexpr T kInfinity = std::numeric_limits<T>::infinity();
    return !std::isnan(value) ? value : kSmallest ? kInfinity : -kInfinity;
  } else {
    return value;
  }
}

// order: room for n indices, of which the first k are the result.
template <bool kSmallest, class T>
void top_row(const uint8_t* in, int64_t n, int64_t k, int32_t* order, uint8_t* values) {
  const auto* x = reinterpret_cast<const T*>(in);
  std::iota(order, order + n, 0);
  std::partial_sort(order, order + k, order + n, [x](int32_t a, int32_t b) {
    const T first = key<kSmallest>(x[a]), second = key<kSmallest>(x[b]);
    if (first == second) return a < b;
    return kSmallest ? first < second : first > second;
  });
  for (int64_t i = 0; i < k; ++i) reinterpret_cast<T*>(values)[i] = x[order[i]];
}

using TopRow = void (*)(const uint8_t* in, int64_t n, int64_t k, int32_t* order, uint8_t* values);

template <bool kSmallest>
TopRow top_row_of(DType dtype) {
  switch (dtype) {
    case DType::kU8:
      return top_row<kSmallest, uint8_t>;
    case DType::kS8:
      return top_row<kSmallest, int8_t>;
    case DType::kS16:
      return top_row<kSmallest, int16_t>;
    case DType::kS32:
      return top_row<kSmallest, int32_t>;
    case DType::kS64:
      return top_row<kSmallest, int64_t>;
    case DType::kF32:
      return top_row<kSmallest, float>;
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
        top_row_(read_kind(spec, kKinds) ? top_row_of<true>(input_.dtype)
                                         : top_row_of<false>(input_.dtype)),
        tiling_(input_.rows(), input_.channels(), kGrain) {
    tiles_ = tiling_.tiles();
    scratch_bytes_ = input_.channels() * static_cast<int64_t>(sizeof(int32_t));
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    auto* order = reinterpret_cast<int32_t*>(context.scratch);
    const int64_t last = tiling_.begin(end), k = values_.channels();
    for (int64_t row = tiling_.begin(begin); row < last; ++row) {
      top_row_(input_bytes(context, input_) + row * input_.row_stride, input_.channels(), k, order,
               output_bytes(context, values_) + row * values_.row_stride);
      uint8_t* indices = output_bytes(context, indices_) + row * indices_.row_stride;
      if (indices_.dtype == DType::kS32) {
        std::copy(order, order + k, reinterpret_cast<int32_t*>(indices));
      } else {
        std::copy(order, order + k, reinterpret_cast<int64_t*>(indices));
      }
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
  check_dtype(spec, spec.outputs[1], {DType::kS32, DType::kS64});
  check_same_shape(spec, spec.outputs[0], spec.outputs[1]);
  check(spec.inputs[0].rank() >= 1 && spec.outputs[0].rows() == spec.inputs[0].rows() &&
            spec.outputs[0].channels() <= spec.inputs[0].channels(),
        "top_k: the outputs do not fit the input");
  return std::make_unique<TopKOp>(spec);
}

}  // namespace

const Verb verb_top_k = {"top_k", candidates, nullptr, prepare};

}  // namespace edgerun
