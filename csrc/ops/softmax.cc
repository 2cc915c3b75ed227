// softmax: over the last dimension, in the fixed-point arithmetic of kernels/softmax.
//
// inputs   8-bit
// outputs  8-bit, same shape
// blob     table                              int32[256] of base/table.h: not negative, and
//                                             positive at 0
// reals    out_inverse_scale                  1 / the output's scale
// integers out_zero_point, out_min, out_max   as stored
#include "kernels/softmax/softmax.h"
#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 8 * 1024;  // elements per tile
constexpr int64_t kRowCost = 32;      // what a row costs beyond its elements, in elements

class SoftmaxOp : public Op {
 public:
  explicit SoftmaxOp(const StepSpec& spec)
      : kernel_(chosen_kernel(spec, softmax_kernels())),
        table_(spec.attributes.blob("table", 256 * sizeof(int32_t))),
        input_(spec.inputs[0]),
        output_(spec.outputs[0]),
        tiling_(input_.rows(), input_.channels() + kRowCost, kGrain) {
    const auto* table = table_->data<int32_t>();
    check(table[0] > 0 && std::all_of(table, table + 256, [](int32_t e) { return e >= 0; }),
          "softmax: the table has a negative entry, or a zero where it must be 1");
    args_.n = input_.channels();
    args_.in_signed = is_signed(input_);
    args_.table = table;
    args_.out_inverse_scale = read_multiplier(spec, "out_inverse_scale");
    args_.range = read_output_range(spec, output_);
    tiles_ = tiling_.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    SoftmaxArgs args = args_;
    for (int64_t row = tiling_.begin(begin); row < tiling_.begin(end); ++row) {
      args.in = input_bytes(context, input_) + row * input_.row_stride;
      args.out = output_bytes(context, output_) + row * output_.row_stride;
      kernel_.run(args);
    }
  }

 private:
  const SoftmaxKernel& kernel_;
  std::shared_ptr<const Blob> table_;
  TensorRef input_, output_;
  Tiling tiling_;
  SoftmaxArgs args_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa cap) {
  return kernel_candidates(softmax_kernels(), cap);
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  check_8bit(spec, spec.inputs[0]);
  check_8bit(spec, spec.outputs[0]);
  check_same_shape(spec, spec.inputs[0], spec.outputs[0]);
  return std::make_unique<SoftmaxOp>(spec);
}

}  // namespace

const Verb verb_softmax = {"softmax", candidates, nullptr, prepare};

}  // namespace edgerun
