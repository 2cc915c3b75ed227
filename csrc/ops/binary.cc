// binary: add, sub or mul of two quantised tensors with numpy's broadcasting.
//
// inputs   a, b: 8-bit, rank 0 .. 8
// outputs  8-bit, of the broadcast shape
// text     kind                               "add" | "sub" | "mul"
// integers a_zero_point, b_zero_point         as stored
// reals    a_multiplier                       add, sub: a's scale / the output's scale;
//                                             mul: the product of both scales / the output's
//          b_multiplier                       add, sub only: b's scale / the output's scale
// integers out_zero_point, out_min, out_max   as stored
#include "kernels/binary/binary.h"

#include "ops/broadcast.h"
#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 32 * 1024;  // elements per tile

class BinaryOp : public Op {
 public:
  explicit BinaryOp(const StepSpec& spec)
      : a_(spec.inputs[0]), b_(spec.inputs[1]), output_(spec.outputs[0]) {
    const BinaryKernel& kernel = chosen_kernel(spec, binary_kernels());
    const std::string& kind = spec.attributes.text("kind");
    check(kind == "add" || kind == "sub" || kind == "mul",
          "binary: there is no kind called '" + kind + "'");
    run_ = kind == "mul" ? kernel.mul : kernel.add;
    args_.a_multiplier = static_cast<float>(read_multiplier(spec, "a_multiplier"));
    if (kind != "mul")
      args_.b_multiplier = static_cast<float>(read_multiplier(spec, "b_multiplier"));
    if (kind == "sub") args_.b_multiplier = -args_.b_multiplier;
    args_.a_signed = is_signed(a_);
    args_.b_signed = is_signed(b_);
    args_.a_zero_point = read_stored(spec, a_, "a_zero_point");
    args_.b_zero_point = read_stored(spec, b_, "b_zero_point");
    args_.range = read_output_range(spec, output_);

    walk_ = BroadcastWalk<2>(spec.inputs, output_, kGrain);
    swapped_ = walk_.scalar(0) && !walk_.scalar(1);  // both operators commute
    args_.b_scalar = walk_.scalar(swapped_ ? 0 : 1);
    if (swapped_) {
      std::swap(args_.a_signed, args_.b_signed);
      std::swap(args_.a_zero_point, args_.b_zero_point);
      if (kind != "mul") std::swap(args_.a_multiplier, args_.b_multiplier);
    }
    tiles_ = walk_.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    walk_.walk({input_bytes(context, a_), input_bytes(context, b_)}, output_bytes(context, output_),
               begin, end, [this](const auto& inputs, uint8_t* out, int64_t n) {
                 BinaryArgs args = args_;
                 args.a = inputs[swapped_ ? 1 : 0];
                 args.b = inputs[swapped_ ? 0 : 1];
                 args.out = out;
                 args.n = n;
                 run_(args);
               });
  }

 private:
  void (*run_)(const BinaryArgs& args);
  TensorRef a_, b_, output_;
  BinaryArgs args_;
  bool swapped_ = false;
  BroadcastWalk<2> walk_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa cap) {
  return kernel_candidates(binary_kernels(), cap);
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 2, 1);
  for (const TensorRef& input : spec.inputs) check_8bit(spec, input);
  check_8bit(spec, spec.outputs[0]);
  check_broadcast(spec, spec.inputs, spec.outputs[0]);
  return std::make_unique<BinaryOp>(spec);
}

}  // namespace

const Verb verb_binary = {"binary", candidates, nullptr, prepare};

}  // namespace edgerun
