// What the verbs of the audio front end share: small steps over a vector or two, run as one tile.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ops/common.h"

namespace edgerun {

// A step of one tile: `run` is called with the context.
template <class Run>
class SingleTile : public Op {
 public:
  explicit SingleTile(Run run) : run_(std::move(run)) {}
  void run(const RunContext& context, int64_t, int64_t) const noexcept override { run_(context); }

 private:
  Run run_;
};

template <class Run>
std::unique_ptr<Op> single_tile(Run run) {
  return std::make_unique<SingleTile<Run>>(std::move(run));
}

template <class T>
const T* input_data(const RunContext& context, const TensorRef& tensor, int64_t row = 0) {
  return reinterpret_cast<const T*>(input_bytes(context, tensor) + row * tensor.row_stride);
}

template <class T>
T* output_data(const RunContext& context, const TensorRef& tensor, int64_t row = 0) {
  return reinterpret_cast<T*>(output_bytes(context, tensor) + row * tensor.row_stride);
}

// Operands with these element types, in order: inputs, then outputs.
inline void check_signal(const StepSpec& spec, const std::vector<DType>& inputs,
                         const std::vector<DType>& outputs) {
  check_tensors(spec, inputs.size(), outputs.size());
  check(spec.kernel == "generic", spec.verb + ": there is no kernel called '" + spec.kernel + "'");
  for (size_t i = 0; i < inputs.size(); ++i) check_dtype(spec, spec.inputs[i], {inputs[i]});
  for (size_t i = 0; i < outputs.size(); ++i) check_dtype(spec, spec.outputs[i], {outputs[i]});
}

inline void check_vector(const StepSpec& spec, const TensorRef& tensor, int64_t size) {
  check(tensor.rank() == 1 && tensor.dim(0) == size,
        spec.verb + ": a tensor must be a vector of " + std::to_string(size));
}

inline void check_scalar(const StepSpec& spec, const TensorRef& tensor) {
  check(tensor.rank() == 0, spec.verb + ": a tensor must be a scalar");
}

inline std::vector<Candidate> signal_candidates(const StepSpec&, Isa) {
  return {{"generic", "", "any"}};
}

// The number of bits up to the highest that is set.
inline int bit_length(uint64_t x) {
  int bits = 0;
  for (; x != 0; x >>= 1) ++bits;
  return bits;
}

}  // namespace edgerun
