// scatter: y = x, but rows of updates at computed places.
//
//   y[indices[n][0], .., indices[n][K-1]] = updates[n]
//
// Of several updates of one place, the last one stays. An index that is out of range is left out.
//
// inputs   x: any element type, [dims[0] * .. * dims[K-1], C]; indices: int32 or int64 [N, K];
//          updates: an element type of x's size, [N, C]
// outputs  like x
// integers dims[K]
#include "base/small_copy.h"
#include "ops/common.h"

namespace edgerun {
namespace {

class ScatterOp : public Op {
 public:
  explicit ScatterOp(const StepSpec& spec)
      : input_(spec.inputs[0]),
        indices_(spec.inputs[1]),
        updates_(spec.inputs[2]),
        output_(spec.outputs[0]) {
    check_dtype(spec, indices_, {DType::kS32, DType::kS64});
    check_same_shape(spec, input_, output_);
    for (const TensorRef* tensor : {&input_, &indices_, &updates_})
      check(tensor->rank() == 2, "scatter: a tensor must have rows and channels");
    check(updates_.rows() == indices_.rows() && updates_.channels() == output_.channels(),
          "scatter: the updates do not fit");
    check(size_of(input_.dtype) == size_of(output_.dtype) &&
              size_of(updates_.dtype) == size_of(output_.dtype),
          "scatter: two tensors differ in the size of their elements");
    dims_ = spec.attributes.integers("dims", static_cast<size_t>(indices_.channels()), 1,
                                     int64_t{1} << 40);
    int64_t rows = 1;
    for (const int64_t dim : dims_) {
      check(rows <= output_.rows() / dim, "scatter: the output has too few rows");
      rows *= dim;
    }
    check(rows == output_.rows(), "scatter: the rows are not those of the indices");
  }

  // One tile: the order of the updates matters.
  void run(const RunContext& context, int64_t, int64_t) const noexcept override {
    const uint8_t* x = input_bytes(context, input_);
    const uint8_t* updates = input_bytes(context, updates_);
    const uint8_t* indices = input_bytes(context, indices_);
    uint8_t* y = output_bytes(context, output_);
    const auto bytes = static_cast<size_t>(output_.row_bytes());
    for (int64_t row = 0; row < output_.rows(); ++row)
      small_copy(y + row * output_.row_stride, x + row * input_.row_stride, bytes);
    for (int64_t n = 0; n < updates_.rows(); ++n) {
      const int64_t row = place(indices + n * indices_.row_stride);
      if (row < 0) continue;
      small_copy(y + row * output_.row_stride, updates + n * updates_.row_stride, bytes);
    }
  }

 private:
  // The row that a list of indices means; -1 where one is out of range.
  int64_t place(const uint8_t* indices) const noexcept {
    int64_t row = 0;
    for (size_t k = 0; k < dims_.size(); ++k) {
      const int64_t index = indices_.dtype == DType::kS32
                                ? reinterpret_cast<const int32_t*>(indices)[k]
                                : reinterpret_cast<const int64_t*>(indices)[k];
      if (index < 0 || index >= dims_[k]) return -1;
      row = row * dims_[k] + index;
    }
    return row;
  }

  TensorRef input_, indices_, updates_, output_;
  std::vector<int64_t> dims_;
};

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 3, 1);
  check_generic_kernel(spec);
  return std::make_unique<ScatterOp>(spec);
}

}  // namespace

const Verb verb_scatter = {"scatter", generic_candidates, nullptr, prepare};

}  // namespace edgerun
