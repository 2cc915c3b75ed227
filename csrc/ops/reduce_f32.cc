// reduce_f32: sum, mean, product, maximum or minimum over one dimension.
//
// inputs   float32 [outer, taps] or [outer, taps, inner]
// outputs  float32 [outer, 1] or [outer, inner]
// text     kind     "sum" | "mean" | "prod" | "max" | "min"
#include "kernels/reduce_f32/reduce_f32.h"

#include "ops/reduction.h"

namespace edgerun {
namespace {

constexpr std::pair<const char*, ReduceF32> kKinds[] = {
    {"sum", ReduceF32::kSum}, {"mean", ReduceF32::kMean}, {"prod", ReduceF32::kProd},
    {"max", ReduceF32::kMax}, {"min", ReduceF32::kMin},
};

class ReduceF32Op : public Op {
 public:
  explicit ReduceF32Op(const StepSpec& spec) : reduction_(spec) {
    const ReduceF32Kernel& kernel = chosen_kernel(spec, reduce_f32_kernels());
    run_ = reduction_.of_rows ? kernel.row : kernel.columns;
    args_.kind = read_kind(spec, kKinds);
    args_.taps = reduction_.taps;
    args_.tap_step = reduction_.tap_step / static_cast<int64_t>(sizeof(float));
    tiles_ = reduction_.tiling.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    reduction_.walk(context, begin, end, [this](const uint8_t* in, uint8_t* out, int64_t columns) {
      ReduceF32Args args = args_;
      args.in = reinterpret_cast<const float*>(in);
      args.out = reinterpret_cast<float*>(out);
      args.columns = columns;
      run_(args);
    });
  }

 private:
  void (*run_)(const ReduceF32Args& args);
  Reduction reduction_;
  ReduceF32Args args_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa cap) {
  return kernel_candidates(reduce_f32_kernels(), cap);
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  check_dtype(spec, spec.inputs[0], {DType::kF32});
  check_dtype(spec, spec.outputs[0], {DType::kF32});
  return std::make_unique<ReduceF32Op>(spec);
}

}  // namespace

const Verb verb_reduce_f32 = {"reduce_f32", candidates, nullptr, prepare};

}  // namespace edgerun
