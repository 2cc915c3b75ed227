// dequantize: out = float32(in - zero_point) * float32(scale).
//
// inputs   8-bit
// outputs  float32, same shape
// reals    scale        > 0
// integers zero_point   as stored
#include "kernels/quantize/quantize.h"
#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 32 * 1024;  // elements per tile

class DequantizeOp : public Op {
 public:
  explicit DequantizeOp(const StepSpec& spec)
      : kernel_(chosen_kernel(spec, quantize_kernels())),
        input_(spec.inputs[0]),
        output_(spec.outputs[0]),
        walk_(input_, output_, kGrain) {
    args_.in_signed = is_signed(input_);
    args_.zero_point = read_stored(spec, input_, "zero_point");
    args_.scale = read_scale(spec, "scale");
    tiles_ = walk_.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    walk_.walk(input_bytes(context, input_), output_bytes(context, output_), begin, end,
               [this](const uint8_t* in, uint8_t* out, int64_t n) {
                 DequantizeArgs args = args_;
                 args.in = in;
                 args.out = reinterpret_cast<float*>(out);
                 args.n = n;
                 kernel_.dequantize(args);
               });
  }

 private:
  const QuantizeKernel& kernel_;
  TensorRef input_, output_;
  ElementwiseWalk walk_;
  DequantizeArgs args_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa cap) {
  return kernel_candidates(quantize_kernels(), cap);
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  check_8bit(spec, spec.inputs[0]);
  check_dtype(spec, spec.outputs[0], {DType::kF32});
  check_same_shape(spec, spec.inputs[0], spec.outputs[0]);
  return std::make_unique<DequantizeOp>(spec);
}

}  // namespace

const Verb verb_dequantize = {"dequantize", candidates, nullptr, prepare};

}  // namespace edgerun
