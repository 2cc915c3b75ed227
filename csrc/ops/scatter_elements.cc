// scatter_elements: y = x, but y[o, indices[o, j, c], c] = updates[o, j, c]. Of several updates of one place,
// the last one stays. An index that is out of range is left out.
//
// inputs   x: any element type [outer, size, inner]; indices: int32 or int64 [outer, n, inner];
//          updates: an element type of x's size [outer, n, inner]
// outputs  like x
#include "base/small_copy.h"
#include "ops/elements.h"

namespace edgerun {
namespace {

class ScatterElementsOp : public Op {
 public:
  explicit ScatterElementsOp(const StepSpec& spec)
      : input_(spec.inputs[0]), elements_(spec, spec.outputs[0], spec.inputs[1], spec.inputs[2]) {
    check_same_shape(spec, input_, elements_.whole);
    check(size_of(input_.dtype) == size_of(elements_.whole.dtype),
          "scatter_elements: input and output differ in the size of their elements");
    tiles_ = elements_.tiling.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    const TensorRef& output = elements_.whole;
    const uint8_t* x = input_bytes(context, input_);
    const uint8_t* updates = input_bytes(context, elements_.parts);
    uint8_t* y = output_bytes(context, output);
    const int64_t size = elements_.size(), bytes = size_of(output.dtype);
    const int64_t last = elements_.tiling.begin(end) * size;
    for (int64_t row = elements_.tiling.begin(begin) * size; row < last; ++row) {
      small_copy(y + row * output.row_stride, x + row * input_.row_stride,
                 static_cast<size_t>(output.row_bytes()));
    }
    elements_.walk(input_bytes(context, elements_.indices), begin, end,
                   [&](int64_t index, int64_t to, int64_t from) {
                     if (index < 0 || index >= size) return;
                     move_element(y + to + index * output.row_stride, updates + from, bytes);
                   });
  }

 private:
  TensorRef input_;
  Elements elements_;
};

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 3, 1);
  check_generic_kernel(spec);
  return std::make_unique<ScatterElementsOp>(spec);
}

}  // namespace

const Verb verb_scatter_elements = {"scatter_elements", generic_candidates, nullptr, prepare};

}  // namespace edgerun
