// quantize: out = clamp_round(in / float32(scale)).
//
// inputs   float32
// outputs  8-bit, same shape
// reals    scale                              > 0
// integers out_zero_point, out_min, out_max   as stored
#include "kernels/quantize/quantize.h"
#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 32 * 1024;  // elements per tile

class QuantizeOp : public Op {
 public:
  explicit QuantizeOp(const StepSpec& spec)
      : kernel_(chosen_kernel(spec, quantize_kernels())),
        input_(spec.inputs[0]),
        output_(spec.outputs[0]),
        walk_(input_, output_, kGrain) {
    args_.scale = read_scale(spec, "scale");
    args_.range = read_output_range(spec, output_);
    tiles_ = walk_.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    walk_.walk(input_bytes(context, input_), output_bytes(context, output_), begin, end,
               [this](const uint8_t* in, uint8_t* out, int64_t n) {
                 QuantizeArgs args = args_;
                 args.in = reinterpret_cast<const float*>(in);
                 args.out = out;
                 args.n = n;
                 kernel_.quantize(args);
               });
  }

 private:
  const QuantizeKernel& kernel_;
  TensorRef input_, output_;
  ElementwiseWalk walk_;
  QuantizeArgs args_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa cap) {
  return kernel_candidates(quantize_kernels(), cap);
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  check_dtype(spec, spec.inputs[0], {DType::kF32});
  check_8bit(spec, spec.outputs[0]);
  check_same_shape(spec, spec.inputs[0], spec.outputs[0]);
  return std::make_unique<QuantizeOp>(spec);
}

}  // namespace

const Verb verb_quantize = {"quantize", candidates, nullptr, prepare};

}  // namespace edgerun
