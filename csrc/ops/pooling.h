// The walk of a pooling window over an NHWC image, whatever the element type. Taps outside of the
// image do not count.
#pragma once

#include <algorithm>

#include "base/check.h"
#include "executor/op.h"
#include "ops/common.h"

namespace edgerun {

class Pooling {
 public:
  Pooling() = default;
  // Reads kernel, strides [h, w] and padding [top, left]; bottom and right follow from the output's
  // shape. Throws Error unless every window holds a pixel of the image and at most `max_taps`.
  Pooling(const StepSpec& spec, int64_t max_taps)
      : input_(spec.inputs[0]), output_(spec.outputs[0]) {
    check(input_.rank() == 4 && output_.rank() == 4,
          spec.verb + ": input and output must have 4 dimensions");
    check(input_.dim(0) == output_.dim(0) && input_.dim(3) == output_.dim(3),
          spec.verb + ": input and output differ in images or channels");
    y_ = read_axis(spec, input_.dim(1), output_.dim(1), 0, max_taps);
    x_ = read_axis(spec, input_.dim(2), output_.dim(2), 1, max_taps);
    check(y_.kernel * x_.kernel <= max_taps,
          spec.verb + ": a window has more than " + std::to_string(max_taps) + " taps");
    for (inner_begin_ = 0; inner_begin_ < x_.out && !x_.inside(inner_begin_);) ++inner_begin_;
    for (inner_end_ = inner_begin_; inner_end_ < x_.out && x_.inside(inner_end_);) ++inner_end_;
    // Pieces: output rows, or blocks of channels where there are few rows (global pooling).
    const int64_t rows = output_.dim(0) * y_.out;
    const int64_t row_cost = x_.out * y_.kernel * x_.kernel * input_.row_bytes();
    blocks_ = std::clamp<int64_t>(row_cost / kGrain, 1, (input_.channels() + kBlock - 1) / kBlock);
    if (rows >= blocks_) blocks_ = 1;
    tiling_ = Tiling(rows * blocks_, std::max<int64_t>(1, row_cost / blocks_), kGrain);
  }

  int64_t tiles() const { return tiling_.tiles(); }
  int64_t scratch_bytes() const {
    return y_.kernel * x_.kernel * static_cast<int64_t>(sizeof(const uint8_t*));
  }

  // Calls run(args) for each run of output pixels of tiles begin .. end-1, with taps, tap_count,
  // tap_step, count, channels, out and out_step set; Element is what args' pointers point to.
  template <class Element, class Args, class Run>
  void walk(const RunContext& context, int64_t begin, int64_t end, Args args,
            const Run& run) const {
    const auto size = static_cast<int64_t>(sizeof(Element));
    args.tap_step = x_.stride * (input_.dim(2) > 1 ? input_.row_stride : 0) / size;
    args.out_step = (output_.dim(2) > 1 ? output_.row_stride : 0) / size;
    const int64_t block_count = (input_.channels() + kBlock - 1) / kBlock;
    for (int64_t piece = tiling_.begin(begin); piece < tiling_.begin(end); ++piece) {
      const int64_t block = piece % blocks_;
      const int64_t channel = block * block_count / blocks_ * kBlock;
      const int64_t channel_end =
          std::min(input_.channels(), (block + 1) * block_count / blocks_ * kBlock);
      args.channels = static_cast<int>(channel_end - channel);
      walk_row<Element>(context, piece / blocks_, channel * size, args, run);
    }
  }

 private:
  static constexpr int64_t kGrain = 32 * 1024;  // bytes read per tile
  static constexpr int64_t kBlock = 64;         // channels: no kernel's vectors are wider
  static constexpr int64_t kMaxStride = 1 << 20;

  // One axis of the image: which taps of an output position lie inside.
  struct Axis {
    int64_t in = 1, out = 1, kernel = 1, stride = 1, padding = 0;

    int64_t first(int64_t o) const { return o * stride - padding; }
    int64_t tap_begin(int64_t o) const { return std::max<int64_t>(0, -first(o)); }
    int64_t tap_end(int64_t o) const { return std::min(kernel, in - first(o)); }
    bool inside(int64_t o) const { return first(o) >= 0 && first(o) + kernel <= in; }
  };

  static Axis read_axis(const StepSpec& spec, int64_t in, int64_t out, size_t index,
                        int64_t max_taps) {
    Axis axis;
    axis.in = in;
    axis.out = out;
    axis.kernel = spec.attributes.integers("kernel", 2, 1, max_taps)[index];
    axis.stride = spec.attributes.integers("strides", 2, 1, kMaxStride)[index];
    axis.padding = spec.attributes.integers("padding", 2, 0, max_taps)[index];
    check(axis.padding < axis.kernel && axis.first(out - 1) < in,
          spec.verb + ": a window lies outside of the image");
    return axis;
  }

  // Output row `row` (of all images), from byte `channel` of each pixel on.
  template <class Element, class Args, class Run>
  void walk_row(const RunContext& context, int64_t row, int64_t channel, Args& args,
                const Run& run) const {
    const int64_t oy = row % y_.out, image = row / y_.out;
    const uint8_t* in =
        input_bytes(context, input_) + image * y_.in * x_.in * input_.row_stride + channel;
    uint8_t* out = output_bytes(context, output_) + row * x_.out * output_.row_stride + channel;
    auto** taps = reinterpret_cast<const Element**>(context.scratch);
    args.taps = taps;
    for (int64_t ox = 0; ox < x_.out;) {
      const bool inner = ox >= inner_begin_ && ox < inner_end_;
      args.count = static_cast<int>(inner ? inner_end_ - ox : 1);
      args.out = reinterpret_cast<Element*>(out + ox * output_.row_stride);
      args.tap_count = 0;
      for (int64_t ty = y_.tap_begin(oy); ty < y_.tap_end(oy); ++ty) {
        const int64_t line = (y_.first(oy) + ty) * x_.in + x_.first(ox);
        for (int64_t tx = x_.tap_begin(ox); tx < x_.tap_end(ox); ++tx) {
          taps[args.tap_count++] =
              reinterpret_cast<const Element*>(in + (line + tx) * input_.row_stride);
        }
      }
      run(args);
      ox += args.count;
    }
  }

  TensorRef input_, output_;
  Axis y_, x_;
  int64_t inner_begin_ = 0, inner_end_ = 0;  // output columns whose windows lie inside
  int64_t blocks_ = 1;
  Tiling tiling_;
};

}  // namespace edgerun
