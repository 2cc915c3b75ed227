// resize_f32: bilinear resizing of an image to another height and width, in TFLite's coordinates.
//
// inputs   float32 [N, H, W, C]
// outputs  float32 [N, OH, OW, C]
// integers align_corners, half_pixel_centers     0 or 1
//
// Per axis and in float32, with scale = in / out, or (in - 1) / (out - 1) when corners are aligned
// and out > 1: position = o * scale, or (o + 0.5) * scale - 0.5 with half-pixel centres. The pixels
// at floor(position) and ceil(position), both clamped to the image, are blended by what the
// position has beyond the first one.
#include "kernels/resize_f32/resize_f32.h"

#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 4 * 1024;  // output elements per tile

// Where an output position lies between two input positions; the weight is the second one's.
struct Tap {
  int64_t first = 0, second = 0;
  float weight = 0;
};

std::vector<Tap> taps_of(int64_t in, int64_t out, bool align_corners, bool half_pixel) {
  const float scale = align_corners && out > 1
                          ? static_cast<float>(in - 1) / static_cast<float>(out - 1)
                          : static_cast<float>(in) / static_cast<float>(out);
  std::vector<Tap> taps;
  for (int64_t o = 0; o < out; ++o) {
    const auto x = static_cast<float>(o);
    const float position = half_pixel ? (x + 0.5f) * scale - 0.5f : x * scale;
    const auto low = static_cast<int64_t>(std::floor(position)),
               high = static_cast<int64_t>(std::ceil(position));
    Tap tap{std::clamp<int64_t>(low, 0, in - 1), std::clamp<int64_t>(high, 0, in - 1), 0};
    if (tap.second > tap.first) tap.weight = position - static_cast<float>(tap.first);
    taps.push_back(tap);
  }
  return taps;
}

class ResizeF32Op : public Op {
 public:
  explicit ResizeF32Op(const StepSpec& spec)
      : kernel_(chosen_kernel(spec, resize_f32_kernels())),
        input_(spec.inputs[0]),
        output_(spec.outputs[0]) {
    const bool align_corners = spec.attributes.integer("align_corners", 0, 1) == 1;
    const bool half_pixel = spec.attributes.integer("half_pixel_centers", 0, 1) == 1;
    rows_ = taps_of(input_.dim(1), output_.dim(1), align_corners, half_pixel);
    const auto channels = static_cast<int32_t>(input_.channels());
    for (const Tap& tap : taps_of(input_.dim(2), output_.dim(2), align_corners, half_pixel)) {
      columns_.push_back({static_cast<int32_t>(tap.first) * channels,
                          static_cast<int32_t>(tap.second) * channels, tap.weight});
    }
    input_step_ = input_.rows() > 1 ? input_.row_stride : input_.row_bytes();
    output_step_ = output_.rows() > 1 ? output_.row_stride : output_.row_bytes();
    tiling_ = Tiling(output_.dim(0) * output_.dim(1), output_.dim(2) * channels, kGrain);
    tiles_ = tiling_.tiles();
    scratch_bytes_ = input_.dim(2) * input_.row_bytes();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    const int64_t in_row = input_.dim(2) * input_step_, out_row = output_.dim(2) * output_step_;
    auto* t = reinterpret_cast<float*>(context.scratch);
    BlendColumnsF32Args columns;
    columns.t = t;
    columns.columns = columns_.data();
    columns.count = static_cast<int>(output_.dim(2));
    columns.channels = static_cast<int>(output_.channels());
    columns.out_step = output_step_ / static_cast<int64_t>(sizeof(float));
    for (int64_t row = tiling_.begin(begin); row < tiling_.begin(end); ++row) {
      const Tap& tap = rows_[static_cast<size_t>(row % output_.dim(1))];
      const uint8_t* image =
          input_bytes(context, input_) + row / output_.dim(1) * input_.dim(1) * in_row;
      blend_rows(image + tap.first * in_row, image + tap.second * in_row, tap.weight, t);
      columns.out = reinterpret_cast<float*>(output_bytes(context, output_) + row * out_row);
      kernel_.blend_columns(columns);
    }
  }

 private:
  void blend_rows(const uint8_t* top, const uint8_t* bottom, float weight,
                  float* t) const noexcept {
    BlendRowsF32Args args;
    args.weight = weight;
    const bool whole = input_step_ == input_.row_bytes();
    const int64_t runs = whole ? 1 : input_.dim(2);
    args.n = whole ? input_.dim(2) * input_.channels() : input_.channels();
    for (int64_t i = 0; i < runs; ++i) {
      args.top = reinterpret_cast<const float*>(top + i * input_step_);
      args.bottom = reinterpret_cast<const float*>(bottom + i * input_step_);
      args.t = t + i * args.n;
      kernel_.blend_rows(args);
    }
  }

  const ResizeF32Kernel& kernel_;
  TensorRef input_, output_;
  std::vector<Tap> rows_;
  std::vector<ResizeColumnF32> columns_;
  int64_t input_step_ = 0, output_step_ = 0;  // bytes from pixel to pixel
  Tiling tiling_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa cap) {
  return kernel_candidates(resize_f32_kernels(), cap);
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  constexpr int64_t kMaxSide = 1 << 24;  // exact as float32
  check_tensors(spec, 1, 1);
  const TensorRef& input = spec.inputs[0];
  const TensorRef& output = spec.outputs[0];
  check_dtype(spec, input, {DType::kF32});
  check_dtype(spec, output, {DType::kF32});
  check(input.rank() == 4 && output.rank() == 4,
        "resize_f32: input and output must have 4 dimensions");
  check(input.dim(0) == output.dim(0) && input.dim(3) == output.dim(3),
        "resize_f32: input and output differ in images or channels");
  for (int i = 1; i <= 2; ++i) {
    check(input.dim(i) <= kMaxSide && output.dim(i) <= kMaxSide,
          "resize_f32: a side is longer than 2^24");
  }
  check(input.dim(2) <= std::numeric_limits<int32_t>::max() / input.channels(),
        "resize_f32: a row of the image has more than 2^31 elements");
  return std::make_unique<ResizeF32Op>(spec);
}

}  // namespace

const Verb verb_resize_f32 = {"resize_f32", candidates, nullptr, prepare};

}  // namespace edgerun
