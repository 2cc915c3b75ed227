// gather_elements: y[o, j, c] = x[o, indices[o, j, c], c].
//
// An index below 0 or past the end takes the first or the last entry: a run cannot fail.
//
// inputs   x: any element type [outer, size, inner]; indices: int32 or int64 [outer, n, inner]
// outputs  an element type of x's size [outer, n, inner]
#include "ops/elements.h"

namespace edgerun {
namespace {

class GatherElementsOp : public Op {
 public:
  explicit GatherElementsOp(const StepSpec& spec)
      : elements_(spec, spec.inputs[0], spec.inputs[1], spec.outputs[0]) {
    tiles_ = elements_.tiling.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    const uint8_t* x = input_bytes(context, elements_.whole);
    uint8_t* y = output_bytes(context, elements_.parts);
    const int64_t last = elements_.size() - 1, stride = elements_.whole.row_stride;
    const int64_t bytes = size_of(elements_.whole.dtype);
    elements_.walk(input_bytes(context, elements_.indices), begin, end,
                   [&](int64_t index, int64_t from, int64_t to) {
                     const int64_t inside = std::min(std::max<int64_t>(index, 0), last);
                     move_element(y + to, x + from + inside * stride, bytes);
                   });
  }

 private:
  Elements elements_;
};

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 2, 1);
  check_generic_kernel(spec);
  return std::make_unique<GatherElementsOp>(spec);
}

}  // namespace

const Verb verb_gather_elements = {"gather_elements", generic_candidates, nullptr, prepare};

}  // namespace edgerun
