// select: out = condition ? a : b with numpy's broadcasting of all three.
//
// inputs   condition: bool; a, b: any one element type; rank 0 .. 8
// outputs  a's element type, of the broadcast shape
#include "ops/broadcast.h"
#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 16 * 1024;  // elements per tile

template <class T>
class SelectOp : public Op {
 public:
  explicit SelectOp(const StepSpec& spec)
      : condition_(spec.inputs[0]),
        a_(spec.inputs[1]),
        b_(spec.inputs[2]),
        output_(spec.outputs[0]),
        walk_(spec.inputs, output_, kGrain) {
    tiles_ = walk_.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    int64_t steps[3];
    for (size_t k = 0; k < 3; ++k) steps[k] = walk_.scalar(k) ? 0 : 1;
    walk_.walk(
        {input_bytes(context, condition_), input_bytes(context, a_), input_bytes(context, b_)},
        output_bytes(context, output_), begin, end,
        [&](const auto& inputs, uint8_t* out, int64_t n) {
          const auto* a = reinterpret_cast<const T*>(inputs[1]);
          const auto* b = reinterpret_cast<const T*>(inputs[2]);
          for (int64_t i = 0; i < n; ++i) {
            const bool first = inputs[0][i * steps[0]] != 0;
            reinterpret_cast<T*>(out)[i] = first ? a[i * steps[1]] : b[i * steps[2]];
          }
        });
  }

 private:
  TensorRef condition_, a_, b_, output_;
  BroadcastWalk<3> walk_;
};

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 3, 1);
  check_generic_kernel(spec);
  const TensorRef& output = spec.outputs[0];
  check_dtype(spec, spec.inputs[0], {DType::kBool});
  check_dtype(spec, spec.inputs[1], {output.dtype});
  check_dtype(spec, spec.inputs[2], {output.dtype});
  check_broadcast(spec, spec.inputs, output);
  switch (size_of(output.dtype)) {
    case 1:
      return std::make_unique<SelectOp<uint8_t>>(spec);
    case 2:
      return std::make_unique<SelectOp<uint16_t>>(spec);
    case 4:
      return std::make_unique<SelectOp<uint32_t>>(spec);
    default:
      return std::make_unique<SelectOp<uint64_t>>(spec);
  }
}

}  // namespace

const Verb verb_select = {"select", generic_candidates, nullptr, prepare};

}  // namespace edgerun
