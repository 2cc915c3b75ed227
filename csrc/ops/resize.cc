// resize: another height and width of an image, in TFLite's coordinates.
//
// inputs   8-bit [N, H, W, C]; nearest: any element type
// outputs  the same element type [N, OH, OW, C]
// text     kind                                  "bilinear" | "bilinear_q10" | "nearest"
// integers align_corners, half_pixel_centers     0 or 1
//
// Per axis, with scale = in / out, or (in - 1) / (out - 1) when corners are aligned and out > 1:
//
// bilinear       In double: position = o * scale, or (o + 0.5) * scale - 0.5 with half-pixel
//                centres, rounded half up to 1/2048 and clamped to [0, in - 1]. The pixels at
//                floor(position) and after it are blended by what is left of the position. This
//                is TFLite's operator on uint8, and XNNPACK's on both types.
// bilinear_q10   The same from a position in 1/1024 whose scale is itself rounded to 1/1024, as in
//                TFLite's reference operator on int8: s = (1024 * in + out / 2) / out, or
//                (1024 * (in - 1) + (out - 1) / 2) / (out - 1), in integers; position = o * s, or
//                o * s + s / 2 - 512. It drifts from the exact position by up to out / 2048 pixels.
// nearest        In float32: the floor of o * scale, or of (o + 0.5) * scale; rounded half away
//                from zero instead when corners are aligned; clamped to [0, in - 1].
#include <cstring>

#include "kernels/resize/resize.h"
#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 16 * 1024;  // output bytes per tile

// Where an output position lies between two input positions.
struct Tap {
  int32_t first = 0, second = 0;
  int32_t weight = 0;  // of `second`, of kResizeOne
};

struct Axis {
  int64_t in = 1, out = 1;
  bool align_corners = false, half_pixel = false;

  bool aligned() const { return align_corners && out > 1; }

  // From a position in 1/kResizeOne pixels.
  Tap tap(int64_t position) const {
    position = std::clamp<int64_t>(position, 0, (in - 1) * kResizeOne);
    const int64_t first = position / kResizeOne;
    return {static_cast<int32_t>(first), static_cast<int32_t>(std::min(first + 1, in - 1)),
            static_cast<int32_t>(position % kResizeOne)};
  }

  Tap bilinear(int64_t o) const {
    const double scale = aligned() ? static_cast<double>(in - 1) / static_cast<double>(out - 1)
                                   : static_cast<double>(in) / static_cast<double>(out);
    const double x = static_cast<double>(o);
    const double position = half_pixel ? (x + 0.5) * scale - 0.5 : x * scale;
    return tap(static_cast<int64_t>(std::floor(position * kResizeOne + 0.5)));
  }

  Tap bilinear_q10(int64_t o) const {
    const int64_t scale =
        aligned() ? (1024 * (in - 1) + (out - 1) / 2) / (out - 1) : (1024 * in + out / 2) / out;
    const int64_t position = half_pixel ? o * scale + scale / 2 - 512 : o * scale;
    return tap(position * (kResizeOne / 1024));
  }

  Tap nearest(int64_t o) const {
    const float scale = aligned() ? static_cast<float>(in - 1) / static_cast<float>(out - 1)
                                  : static_cast<float>(in) / static_cast<float>(out);
    const float position = (static_cast<float>(o) + (half_pixel ? 0.5f : 0.0f)) * scale;
    const auto pixel =
        static_cast<int64_t>(align_corners ? std::round(position) : std::floor(position));
    const auto first = static_cast<int32_t>(std::clamp<int64_t>(pixel, 0, in - 1));
    return {first, first, 0};
  }

  std::vector<Tap> taps(const std::string& kind) const {
    std::vector<Tap> taps(static_cast<size_t>(out));
    for (int64_t o = 0; o < out; ++o) {
      taps[static_cast<size_t>(o)] = kind == "nearest"    ? nearest(o)
                                     : kind == "bilinear" ? bilinear(o)
                                                          : bilinear_q10(o);
    }
    return taps;
  }
};

class ResizeOp : public Op {
 public:
  explicit ResizeOp(const StepSpec& spec)
      : kernel_(chosen_kernel(spec, resize_kernels())),
        input_(spec.inputs[0]),
        output_(spec.outputs[0]) {
    const std::string& kind = spec.attributes.text("kind");
    check(kind == "bilinear" || kind == "bilinear_q10" || kind == "nearest",
          "resize: there is no kind called '" + kind + "'");
    nearest_ = kind == "nearest";
    const bool align_corners = spec.attributes.integer("align_corners", 0, 1) == 1;
    const bool half_pixel = spec.attributes.integer("half_pixel_centers", 0, 1) == 1;
    rows_ = Axis{input_.dim(1), output_.dim(1), align_corners, half_pixel}.taps(kind);
    const auto columns = Axis{input_.dim(2), output_.dim(2), align_corners, half_pixel}.taps(kind);
    const auto channels = static_cast<int32_t>(input_.channels());
    check(nearest_ || is_8bit(input_.dtype), "resize: only 'nearest' takes every element type");
    input_step_ = input_.rows() > 1 ? input_.row_stride : input_.row_bytes();
    output_step_ = output_.rows() > 1 ? output_.row_stride : output_.row_bytes();
    for (const Tap& tap : columns) {
      columns_.push_back({tap.first * channels, tap.second * channels, tap.weight});
      picks_.push_back(tap.first * input_step_);
    }
    const int64_t in_row = input_.dim(2) * input_.channels(),
                  out_row = output_.dim(2) * output_.row_bytes();
    tiling_ = Tiling(output_.dim(0) * output_.dim(1), out_row, kGrain);
    tiles_ = tiling_.tiles();
    scratch_bytes_ = nearest_ ? 0 : (in_row + kResizeSlack) * static_cast<int64_t>(sizeof(int32_t));
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    const int64_t in_row = input_.dim(2) * input_step_, out_row = output_.dim(2) * output_step_;
    for (int64_t row = tiling_.begin(begin); row < tiling_.begin(end); ++row) {
      const Tap& tap = rows_[static_cast<size_t>(row % output_.dim(1))];
      const uint8_t* image =
          input_bytes(context, input_) + row / output_.dim(1) * input_.dim(1) * in_row;
      uint8_t* out = output_bytes(context, output_) + row * out_row;
      const uint8_t* top = image + tap.first * in_row;
      if (nearest_) {
        pick(top, out);
      } else {
        blend(top, image + tap.second * in_row, tap.weight,
              reinterpret_cast<int32_t*>(context.scratch), out);
      }
    }
  }

 private:
  void blend(const uint8_t* top, const uint8_t* bottom, int32_t weight, int32_t* t,
             uint8_t* out) const noexcept {
    BlendRowsArgs rows;
    rows.weight = weight;
    rows.in_signed = is_signed(input_);
    const bool whole = input_step_ == input_.channels();
    const int64_t runs = whole ? 1 : input_.dim(2);
    rows.n = whole ? input_.dim(2) * input_.channels() : input_.channels();
    for (int64_t i = 0; i < runs; ++i) {
      rows.top = top + i * input_step_;
      rows.bottom = bottom + i * input_step_;
      rows.t = t + i * rows.n;
      kernel_.blend_rows(rows);
    }
    BlendColumnsArgs columns;
    columns.t = t;
    columns.columns = columns_.data();
    columns.count = static_cast<int>(output_.dim(2));
    columns.channels = static_cast<int>(output_.channels());
    columns.out = out;
    columns.out_step = output_step_;
    kernel_.blend_columns(columns);
  }

  void pick(const uint8_t* in, uint8_t* out) const noexcept {
    const auto bytes = static_cast<size_t>(input_.row_bytes());
    for (const int64_t offset : picks_) {
      std::memcpy(out, in + offset, bytes);
      out += output_step_;
    }
  }

  const ResizeKernel& kernel_;
  TensorRef input_, output_;
  bool nearest_ = false;
  std::vector<Tap> rows_;
  std::vector<ResizeColumn> columns_;
  std::vector<int64_t> picks_;  // nearest: the byte offset of each output pixel's source in its row
  int64_t input_step_ = 0, output_step_ = 0;  // bytes from pixel to pixel
  Tiling tiling_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa cap) {
  return kernel_candidates(resize_kernels(), cap);
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  constexpr int64_t kMaxSide = 1 << 24;  // exact as float32
  check_tensors(spec, 1, 1);
  const TensorRef& input = spec.inputs[0];
  const TensorRef& output = spec.outputs[0];
  check(input.dtype == output.dtype, "resize: input and output must have the same element type");
  check(input.rank() == 4 && output.rank() == 4, "resize: input and output must have 4 dimensions");
  check(input.dim(0) == output.dim(0) && input.dim(3) == output.dim(3),
        "resize: input and output differ in images or channels");
  for (int i = 1; i <= 2; ++i) {
    check(input.dim(i) <= kMaxSide && output.dim(i) <= kMaxSide,
          "resize: a side is longer than 2^24");
  }
  check(input.dim(2) <= std::numeric_limits<int32_t>::max() / input.channels(),
        "resize: a row of the image has more than 2^31 elements");
  return std::make_unique<ResizeOp>(spec);
}

}  // namespace

const Verb verb_resize = {"resize", candidates, nullptr, prepare};

}  // namespace edgerun
