// A verb whose rows, the last dimension of a float32 tensor, are normalised each by itself.
#pragma once

#include "executor/op.h"
#include "ops/common.h"

namespace edgerun {

// row(in, out, channels) does one row.
template <class Row>
class RowOp : public Op {
 public:
  RowOp(const StepSpec& spec, Row row)
      : input_(spec.inputs[0]),
        output_(spec.outputs[0]),
        row_(row),
        tiling_(input_.rows(), input_.channels(), kGrain) {
    tiles_ = tiling_.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    for (int64_t i = tiling_.begin(begin); i < tiling_.begin(end); ++i) {
      row_(reinterpret_cast<const float*>(input_bytes(context, input_) + i * input_.row_stride),
           reinterpret_cast<float*>(output_bytes(context, output_) + i * output_.row_stride),
           input_.channels());
    }
  }

 private:
  static constexpr int64_t kGrain = 4 * 1024;  // elements per tile
  TensorRef input_, output_;
  Row row_;
  Tiling tiling_;
};

inline void check_float_rows(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  check_generic_kernel(spec);
  check_dtype(spec, spec.inputs[0], {DType::kF32});
  check_dtype(spec, spec.outputs[0], {DType::kF32});
  check_same_shape(spec, spec.inputs[0], spec.outputs[0]);
}

}  // namespace edgerun
