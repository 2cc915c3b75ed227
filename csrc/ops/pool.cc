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

namespace edgerun {
namespace {

constexpr int64_t kGrain = 32 * 1024;  // bytes read per tile
constexpr int64_t kMaxStride = 1 << 20;

// One axis of the image: which taps of an output position lie inside.
struct Axis {
  int64_t in = 1, out = 1, kernel = 1, stride = 1, padding = 0;

  int64_t first(int64_t o) const { return o * stride - padding; }
  int64_t tap_begin(int64_t o) const { return std::max<int64_t>(0, -first(o)); }
  int64_t tap_end(int64_t o) const { return std::min(kernel, in - first(o)); }
  bool inside(int64_t o) const { return first(o) >= 0 && first(o) + kernel <= in; }
};

Axis read_axis(const StepSpec& spec, int64_t in, int64_t out, size_t index) {
  Axis axis;
  axis.in = in;
  axis.out = out;
  axis.kernel = spec.attributes.integers("kernel", 2, 1, kMaxPoolTaps)[index];
  axis.stride = spec.attributes.integers("strides", 2, 1, kMaxStride)[index];
  axis.padding = spec.attributes.integers("padding", 2, 0, kMaxPoolTaps)[index];
  check(axis.padding < axis.kernel && axis.first(out - 1) < in,
        "pool: a window lies outside of the image");
  return axis;
}

class PoolOp : public Op {
 public:
  explicit PoolOp(const StepSpec& spec)
      : input_(spec.inputs[0]),
        output_(spec.outputs[0]),
        y_(read_axis(spec, input_.dim(1), output_.dim(1), 0)),
        x_(read_axis(spec, input_.dim(2), output_.dim(2), 1)) {
    const PoolKernel& kernel = chosen_kernel(spec, pool_kernels());
    const std::string& kind = spec.attributes.text("kind");
    check(kind == "max" || kind == "average", "pool: there is no kind called '" + kind + "'");
    check(y_.kernel * x_.kernel <= kMaxPoolTaps, "pool: a window has more than 65536 taps");
    average_ = kind == "average";
    run_ = average_ ? kernel.average : kernel.max;
    if (average_) {
      multiplier_ = read_multiplier(spec, "multiplier");
      args_.zero_point = read_stored(spec, input_, "zero_point");
      args_.range = read_output_range(spec, output_);
    } else {
      check(input_.dtype == output_.dtype, "pool: a maximum keeps its element type");
      args_.low = read_stored(spec, output_, "out_min");
      args_.high = read_stored(spec, output_, "out_max");
      check(args_.low <= args_.high, "pool: out_min is greater than out_max");
    }
    args_.in_signed = is_signed(input_);
    args_.channels = static_cast<int>(input_.channels());
    args_.tap_step = x_.stride * (input_.dim(2) > 1 ? input_.row_stride : 0);
    args_.out_step = output_.dim(2) > 1 ? output_.row_stride : 0;
    for (inner_begin_ = 0; inner_begin_ < x_.out && !x_.inside(inner_begin_);) ++inner_begin_;
    for (inner_end_ = inner_begin_; inner_end_ < x_.out && x_.inside(inner_end_);) ++inner_end_;
    // Pieces: output rows, or blocks of channels where there are few rows (global pooling).
    const int64_t rows = output_.dim(0) * y_.out;
    const int64_t row_cost = x_.out * y_.kernel * x_.kernel * input_.channels();
    blocks_ = std::clamp<int64_t>(row_cost / kGrain, 1, (input_.channels() + kBlock - 1) / kBlock);
    if (rows >= blocks_) blocks_ = 1;
    tiling_ = Tiling(rows * blocks_, std::max<int64_t>(1, row_cost / blocks_), kGrain);
    tiles_ = tiling_.tiles();
    scratch_bytes_ = y_.kernel * x_.kernel * static_cast<int64_t>(sizeof(const uint8_t*));
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    const int64_t block_count = (input_.channels() + kBlock - 1) / kBlock;
    for (int64_t piece = tiling_.begin(begin); piece < tiling_.begin(end); ++piece) {
      const int64_t block = piece % blocks_;
      const int64_t channel = block * block_count / blocks_ * kBlock;
      const int64_t channel_end =
          std::min(input_.channels(), (block + 1) * block_count / blocks_ * kBlock);
      run_row(context, piece / blocks_, channel, channel_end - channel);
    }
  }

 private:
  static constexpr int64_t kBlock = 64;  // channels: no kernel's vectors are wider

  // Output row `row` (of all images), `channels` channels from `channel` on.
  void run_row(const RunContext& context, int64_t row, int64_t channel,
               int64_t channels) const noexcept {
    const int64_t oy = row % y_.out, image = row / y_.out;
    const uint8_t* in =
        input_bytes(context, input_) + image * y_.in * x_.in * input_.row_stride + channel;
    uint8_t* out = output_bytes(context, output_) + row * x_.out * output_.row_stride + channel;
    PoolArgs args = args_;
    args.channels = static_cast<int>(channels);
    for (int64_t ox = 0; ox < x_.out;) {
      const bool inner = ox >= inner_begin_ && ox < inner_end_;
      args.count = static_cast<int>(inner ? inner_end_ - ox : 1);
      args.out = out + ox * output_.row_stride;
      run_pixels(args, in, oy, ox, reinterpret_cast<const uint8_t**>(context.scratch));
      ox += args.count;
    }
  }

  void run_pixels(PoolArgs& args, const uint8_t* in, int64_t oy, int64_t ox,
                  const uint8_t** taps) const noexcept {
    int tap_count = 0;
    for (int64_t ty = y_.tap_begin(oy); ty < y_.tap_end(oy); ++ty) {
      const int64_t line = (y_.first(oy) + ty) * x_.in + x_.first(ox);
      for (int64_t tx = x_.tap_begin(ox); tx < x_.tap_end(ox); ++tx) {
        taps[tap_count++] = in + (line + tx) * input_.row_stride;
      }
    }
    args.taps = taps;
    args.tap_count = tap_count;
    args.multiplier = static_cast<float>(multiplier_ / tap_count);
    run_(args);
  }

  void (*run_)(const PoolArgs& args);
  TensorRef input_, output_;
  Axis y_, x_;
  PoolArgs args_;
  bool average_ = false;
  double multiplier_ = 0;
  int64_t inner_begin_ = 0, inner_end_ = 0;  // output columns whose windows lie inside
  int64_t blocks_ = 1;
  Tiling tiling_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa cap) {
  return kernel_candidates(pool_kernels(), cap);
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  const TensorRef& input = spec.inputs[0];
  const TensorRef& output = spec.outputs[0];
  check_8bit(spec, input);
  check_8bit(spec, output);
  check(input.rank() == 4 && output.rank() == 4, "pool: input and output must have 4 dimensions");
  check(input.dim(0) == output.dim(0) && input.dim(3) == output.dim(3),
        "pool: input and output differ in images or channels");
  return std::make_unique<PoolOp>(spec);
}

}  // namespace

const Verb verb_pool = {"pool", candidates, nullptr, prepare};

}  // namespace edgerun
