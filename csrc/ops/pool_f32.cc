// pool_f32: maximum or average over a window of an NHWC image. Taps outside of the image do not
// count.
//
// inputs   float32 [N, H, W, C]
// outputs  float32 [N, OH, OW, C]; every window must hold at least one pixel of the image
// text     kind                               "max" | "average"
// integers kernel, strides [h, w], padding [top, left]
//                                             bottom and right follow from the output's shape
// reals    out_min, out_max                   clamp the result; infinities for no bound
#include "kernels/pool_f32/pool_f32.h"

#include "ops/common.h"
#include "ops/pooling.h"

namespace edgerun {
namespace {

constexpr int64_t kMaxTaps = 1 << 16;

class PoolF32Op : public Op {
 public:
  explicit PoolF32Op(const StepSpec& spec) : pooling_(spec, kMaxTaps) {
    const PoolF32Kernel& kernel = chosen_kernel(spec, pool_f32_kernels());
    constexpr std::pair<const char*, bool> kKinds[] = {{"max", false}, {"average", true}};
    run_ = read_kind(spec, kKinds) ? kernel.average : kernel.max;
    std::tie(args_.low, args_.high) = read_float_range(spec, "out_min", "out_max");
    tiles_ = pooling_.tiles();
    scratch_bytes_ = pooling_.scratch_bytes();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    pooling_.walk<float>(context, begin, end, args_, run_);
  }

 private:
  void (*run_)(const PoolF32Args& args);
  Pooling pooling_;
  PoolF32Args args_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa cap) {
  return kernel_candidates(pool_f32_kernels(), cap);
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  check_dtype(spec, spec.inputs[0], {DType::kF32});
  check_dtype(spec, spec.outputs[0], {DType::kF32});
  return std::make_unique<PoolF32Op>(spec);
}

}  // namespace

const Verb verb_pool_f32 = {"pool_f32", candidates, nullptr, prepare};

}  // namespace edgerun
