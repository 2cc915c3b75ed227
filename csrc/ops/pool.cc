// pool: maximum or average over a window of an NHWC image. Taps outside of the image do not count.
//
// inputs   8-bit [N, H, W, C]
// outputs  8-bit [N, OH, OW, C]; every window must hold at least one pixel of the image
// text     kind                               "max" | "average"
// integers kernel, strides [h, w], padding [top, left]
//                                             bottom and right follow from the output's shape
// max:     input and output have one element type
// integers out_min, out_max                   clamp the stored value
// average:
// reals    multiplier                         input scale / output scale
// integers zero_point                         the input's, as stored
//          out_zero_point, out_min, out_max   as stored
#include "kernels/pool/pool.h"

#include "ops/common.h"
#include "ops/pooling.h"

namespace edgerun {
namespace {

class PoolOp : public Op {
 public:
  explicit PoolOp(const StepSpec& spec) : pooling_(spec, kMaxPoolTaps) {
    const TensorRef& input = spec.inputs[0];
    const TensorRef& output = spec.outputs[0];
    const PoolKernel& kernel = chosen_kernel(spec, pool_kernels());
    constexpr std::pair<const char*, bool> kKinds[] = {{"max", false}, {"average", true}};
    const bool average = read_kind(spec, kKinds);
    run_ = average ? kernel.average : kernel.max;
    if (average) {
      multiplier_ = read_multiplier(spec, "multiplier");
      args_.zero_point = read_stored(spec, input, "zero_point");
      args_.range = read_output_range(spec, output);
    } else {
      check(input.dtype == output.dtype, "pool: a maximum keeps its element type");
      args_.low = read_stored(spec, output, "out_min");
      args_.high = read_stored(spec, output, "out_max");
      check(args_.low <= args_.high, "pool: out_min is greater than out_max");
    }
    args_.in_signed = is_signed(input);
    tiles_ = pooling_.tiles();
    scratch_bytes_ = pooling_.scratch_bytes();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    pooling_.walk<uint8_t>(context, begin, end, args_, [this](PoolArgs& args) {
      args.multiplier = static_cast<float>(multiplier_ / args.tap_count);
      run_(args);
    });
  }

 private:
  void (*run_)(const PoolArgs& args);
  Pooling pooling_;
  PoolArgs args_;
  double multiplier_ = 0;
};

std::vector<Candidate> candidates(const StepSpec&, Isa cap) {
  return kernel_candidates(pool_kernels(), cap);
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  check_8bit(spec, spec.inputs[0]);
  check_8bit(spec, spec.outputs[0]);
  return std::make_unique<PoolOp>(spec);
}

}  // namespace

const Verb verb_pool = {"pool", candidates, nullptr, prepare};

}  // namespace edgerun
