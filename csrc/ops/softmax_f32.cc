// softmax_f32: softmax over the last dimension, or its logarithm.
//
// inputs   float32, any rank
// outputs  float32, same shape
// text     kind    "softmax" | "log_softmax"
// reals    beta    softmax only: what the inputs are multiplied by, finite
#include "kernels/softmax_f32/softmax_f32.h"

#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 4 * 1024;  // elements per tile

class SoftmaxF32Op : public Op {
 public:
  explicit SoftmaxF32Op(const StepSpec& spec)
      : input_(spec.inputs[0]),
        output_(spec.outputs[0]),
        tiling_(input_.rows(), input_.channels(), kGrain) {
    const SoftmaxF32Kernel& kernel = chosen_kernel(spec, softmax_f32_kernels());
    constexpr std::pair<const char*, bool> kKinds[] = {{"softmax", false}, {"log_softmax", true}};
    const bool logarithm = read_kind(spec, kKinds);
    run_ = logarithm ? kernel.log_softmax : kernel.softmax;
    if (!logarithm) {
      args_.beta = static_cast<float>(spec.attributes.real("beta"));
      check(std::isfinite(args_.beta), "softmax_f32: 'beta' must be finite");
    }
    args_.n = input_.channels();
    tiles_ = tiling_.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    SoftmaxF32Args args = args_;
    for (int64_t row = tiling_.begin(begin); row < tiling_.begin(end); ++row) {
      args.in =
          reinterpret_cast<const float*>(input_bytes(context, input_) + row * input_.row_stride);
      args.out =
          reinterpret_cast<float*>(output_bytes(context, output_) + row * output_.row_stride);
      run_(args);
    }
  }

 private:
  void (*run_)(const SoftmaxF32Args& args);
  TensorRef input_, output_;
  Tiling tiling_;
  SoftmaxF32Args args_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa cap) {
  return kernel_candidates(softmax_f32_kernels(), cap);
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  check_dtype(spec, spec.inputs[0], {DType::kF32});
  check_dtype(spec, spec.outputs[0], {DType::kF32});
  check_same_shape(spec, spec.inputs[0], spec.outputs[0]);
  return std::make_unique<SoftmaxF32Op>(spec);
}

}  // namespace

const Verb verb_softmax_f32 = {"softmax_f32", candidates, nullptr, prepare};

}  // namespace edgerun
