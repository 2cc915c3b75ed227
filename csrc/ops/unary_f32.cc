// unary_f32: out = f(in) for each element. kernels/unary_f32/unary_f32.h defines the functions.
//
// inputs   float32
// outputs  float32, same shape
// text     kind         "abs" | "neg" | "clamp" | "floor" | "ceil" | "round" | "sign" | "square" |
//                       "sqrt" | "rsqrt" | "exp" | "log" | "logistic" | "tanh" | "erf" | "sin" |
//                       "cos" | "gelu" | "gelu_tanh" | "elu" | "hard_swish" | "leaky_relu"
// reals    low, high    clamp only; infinities for no bound
//          alpha        leaky_relu only: the slope of negative values
#include "kernels/unary_f32/unary_f32.h"

#include <utility>

#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 16 * 1024;  // elements per tile

constexpr std::pair<const char*, UnaryF32> kKinds[] = {
    {"abs", UnaryF32::kAbs},
    {"neg", UnaryF32::kNeg},
    {"clamp", UnaryF32::kClamp},
    {"floor", UnaryF32::kFloor},
    {"ceil", UnaryF32::kCeil},
    {"round", UnaryF32::kRound},
    {"sign", UnaryF32::kSign},
    {"square", UnaryF32::kSquare},
    {"sqrt", UnaryF32::kSqrt},
    {"rsqrt", UnaryF32::kRsqrt},
    {"exp", UnaryF32::kExp},
    {"log", UnaryF32::kLog},
    {"logistic", UnaryF32::kLogistic},
    {"tanh", UnaryF32::kTanh},
    {"erf", UnaryF32::kErf},
    {"sin", UnaryF32::kSin},
    {"cos", UnaryF32::kCos},
    {"gelu", UnaryF32::kGelu},
    {"gelu_tanh", UnaryF32::kGeluTanh},
    {"elu", UnaryF32::kElu},
    {"hard_swish", UnaryF32::kHardSwish},
    {"leaky_relu", UnaryF32::kLeakyRelu},
};

class UnaryF32Op : public Op {
 public:
  explicit UnaryF32Op(const StepSpec& spec)
      : kernel_(chosen_kernel(spec, unary_f32_kernels())),
        input_(spec.inputs[0]),
        output_(spec.outputs[0]),
        walk_(input_, output_, kGrain) {
    args_.kind = read_kind(spec, kKinds);
    if (args_.kind == UnaryF32::kClamp) {
      std::tie(args_.low, args_.high) = read_float_range(spec, "low", "high");
    }
    if (args_.kind == UnaryF32::kLeakyRelu) {
      args_.alpha = static_cast<float>(spec.attributes.real("alpha"));
    }
    tiles_ = walk_.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    walk_.walk(input_bytes(context, input_), output_bytes(context, output_), begin, end,
               [this](const uint8_t* in, uint8_t* out, int64_t n) {
                 UnaryF32Args args = args_;
                 args.in = reinterpret_cast<const float*>(in);
                 args.out = reinterpret_cast<float*>(out);
                 args.n = n;
                 kernel_.run(args);
               });
  }

 private:
  const UnaryF32Kernel& kernel_;
  TensorRef input_, output_;
  ElementwiseWalk walk_;
  UnaryF32Args args_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa cap) {
  return kernel_candidates(unary_f32_kernels(), cap);
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  check_dtype(spec, spec.inputs[0], {DType::kF32});
  check_dtype(spec, spec.outputs[0], {DType::kF32});
  check_same_shape(spec, spec.inputs[0], spec.outputs[0]);
  return std::make_unique<UnaryF32Op>(spec);
}

}  // namespace

const Verb verb_unary_f32 = {"unary_f32", candidates, nullptr, prepare};

}  // namespace edgerun
