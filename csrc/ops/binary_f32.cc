// binary_f32: out = min(max(f(a, b), out_min), out_max) with numpy's broadcasting.
// kernels/binary_f32/binary_f32.h defines the functions.
//
// inputs   a, b: float32, rank 0 .. 8
// outputs  float32, of the broadcast shape
// text     kind               "add" | "sub" | "mul" | "div" | "maximum" | "minimum" |
//                             "squared_difference" | "prelu" | "pow" | "floor_mod"
// reals    out_min, out_max   infinities for no bound
#include "kernels/binary_f32/binary_f32.h"

#include <utility>

#include "ops/broadcast.h"
#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 16 * 1024;  // elements per tile

constexpr std::pair<const char*, BinaryF32> kKinds[] = {
    {"add", BinaryF32::kAdd},
    {"sub", BinaryF32::kSub},
    {"mul", BinaryF32::kMul},
    {"div", BinaryF32::kDiv},
    {"maximum", BinaryF32::kMaximum},
    {"minimum", BinaryF32::kMinimum},
    {"squared_difference", BinaryF32::kSquaredDifference},
    {"prelu", BinaryF32::kPrelu},
    {"pow", BinaryF32::kPow},
    {"floor_mod", BinaryF32::kFloorMod},
};

class BinaryF32Op : public Op {
 public:
  explicit BinaryF32Op(const StepSpec& spec)
      : kernel_(chosen_kernel(spec, binary_f32_kernels())),
        a_(spec.inputs[0]),
        b_(spec.inputs[1]),
        output_(spec.outputs[0]),
        walk_(spec.inputs, output_, kGrain) {
    args_.kind = read_kind(spec, kKinds);
    std::tie(args_.low, args_.high) = read_float_range(spec, "out_min", "out_max");
    args_.a_scalar = walk_.scalar(0);
    args_.b_scalar = walk_.scalar(1);
    tiles_ = walk_.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    walk_.walk({input_bytes(context, a_), input_bytes(context, b_)}, output_bytes(context, output_),
               begin, end, [this](const auto& inputs, uint8_t* out, int64_t n) {
                 BinaryF32Args args = args_;
                 args.a = reinterpret_cast<const float*>(inputs[0]);
                 args.b = reinterpret_cast<const float*>(inputs[1]);
                 args.out = reinterpret_cast<float*>(out);
                 args.n = n;
                 kernel_.run(args);
               });
  }

 private:
  const BinaryF32Kernel& kernel_;
  TensorRef a_, b_, output_;
  BroadcastWalk<2> walk_;
  BinaryF32Args args_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa cap) {
  return kernel_candidates(binary_f32_kernels(), cap);
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 2, 1);
  for (const TensorRef& input : spec.inputs) check_dtype(spec, input, {DType::kF32});
  check_dtype(spec, spec.outputs[0], {DType::kF32});
  check_broadcast(spec, spec.inputs, spec.outputs[0]);
  return std::make_unique<BinaryF32Op>(spec);
}

}  // namespace

const Verb verb_binary_f32 = {"binary_f32", candidates, nullptr, prepare};

}  // namespace edgerun
