// table: out = table[in], every unary operator on 8-bit values.
//
// inputs   8-bit
// outputs  8-bit, same shape
// blob     table        256 bytes: the stored output of each stored input byte
#include "kernels/table/table.h"
#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 64 * 1024;  // elements per tile

class TableOp : public Op {
 public:
  explicit TableOp(const StepSpec& spec)
      : kernel_(chosen_kernel(spec, table_kernels())),
        table_(spec.attributes.blob("table", 256)),
        input_(spec.inputs[0]),
        output_(spec.outputs[0]),
        walk_(input_, output_, kGrain) {
    tiles_ = walk_.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    const auto* table = table_->data<uint8_t>();
    walk_.walk(input_bytes(context, input_), output_bytes(context, output_), begin, end,
               [&](const uint8_t* in, uint8_t* out, int64_t n) { kernel_.run(in, n, table, out); });
  }

 private:
  const TableKernel& kernel_;
  std::shared_ptr<const Blob> table_;
  TensorRef input_, output_;
  ElementwiseWalk walk_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa cap) {
  return kernel_candidates(table_kernels(), cap);
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  check_8bit(spec, spec.inputs[0]);
  check_8bit(spec, spec.outputs[0]);
  check_same_shape(spec, spec.inputs[0], spec.outputs[0]);
  return std::make_unique<TableOp>(spec);
}

}  // namespace

const Verb verb_table = {"table", candidates, nullptr, prepare};

}  // namespace edgerun
