// roi_align: regions of images, cut into bins, each of which is the mean of samples between the pixels, or
// the largest weighted pixel of all samples. https://arxiv.org/abs/1703.06870
//
// Places are computed in float32, sums in float64. A sample more than one pixel outside of the image is 0;
// a region whose image does not exist is 0 all over.
//
// inputs   x: float32 [n, c, h, w]; regions: float32 [r, 4] (x1, y1, x2, y2); images: int32 or int64 [r]
// outputs  float32 [r, c, bins down, bins across]
// text     kind        "mean" | "largest"
// integers half_pixel  1: the centre of the first pixel is at 0.5
//          samples     per bin and direction; 0: as many as the bin has pixels
//          most        that number's limit
// real     scale       of the regions
#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 4 * 1024;  // pixels per tile
constexpr int64_t kPixels = 16;       // that a bin is guessed to read, per channel
constexpr std::pair<const char*, bool> kKinds[] = {{"mean", false}, {"largest", true}};

// Where the samples of one bin lie, in one direction; those from `first` to `last` - 1 are inside.
struct Samples {
  float start = 0, step = 0;  // of the bin
  int64_t count = 0;
  int64_t first = 0, last = 0;
};

// The pixels at both sides of a sample and how much they count.
struct Between {
  int64_t low = 0, high = 0;
  double of_low = 0, of_high = 0;
};

float place_of(const Samples& samples, int64_t k) {
  return samples.start +
         (static_cast<float>(k) + 0.5f) * samples.step / static_cast<float>(samples.count);
}

Between between(const Samples& samples, int64_t k, int64_t size) {
  Between result;
  const float at = std::max(place_of(samples, k), 0.0f);
  result.low = std::min(static_cast<int64_t>(at), size - 1);
  result.high = std::min(result.low + 1, size - 1);
  const float part = result.low == size - 1 ? 0.0f : at - static_cast<float>(result.low);
  result.of_high = static_cast<double>(part);
  result.of_low = 1.0 - result.of_high;
  return result;
}

class RoiAlignOp : public Op {
 public:
  explicit RoiAlignOp(const StepSpec& spec)
      : input_(spec.inputs[0]),
        regions_(spec.inputs[1]),
        images_(spec.inputs[2]),
        output_(spec.outputs[0]),
        largest_(read_kind(spec, kKinds)),
        half_pixel_(spec.attributes.integer("half_pixel", 0, 1) != 0),
        most_(spec.attributes.integer("most", 1, int64_t{1} << 20)),
        samples_(spec.attributes.integer("samples", 0, most_)),
        scale_(static_cast<float>(spec.attributes.real("scale"))) {
    check(input_.rank() == 4 && output_.rank() == 4 && regions_.rank() == 2 && images_.rank() == 1,
          "roi_align: a tensor has the wrong rank");
    check(regions_.dim(1) == 4 && regions_.dim(0) == output_.dim(0) &&
              images_.dim(0) == output_.dim(0) && input_.dim(1) == output_.dim(1),
          "roi_align: the tensors do not fit each other");
    tiling_ = Tiling(output_.dim(0) * output_.dim(2) * output_.dim(3), kPixels * input_.dim(1),
                     kGrain);
    tiles_ = tiling_.tiles();
    scratch_bytes_ = input_.dim(1) * static_cast<int64_t>(sizeof(double));
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    const int64_t rows = output_.dim(2), columns = output_.dim(3);
    for (int64_t piece = tiling_.begin(begin); piece < tiling_.begin(end); ++piece)
      bin(context, piece / (rows * columns), piece / columns % rows, piece % columns);
  }

 private:
  void bin(const RunContext& context, int64_t r, int64_t row, int64_t column) const noexcept {
    const int64_t channels = input_.dim(1), height = input_.dim(2), width = input_.dim(3);
    auto* sums = reinterpret_cast<double*>(context.scratch);
    std::fill(sums, sums + channels, 0.0);
    const uint8_t* at = input_bytes(context, images_);
    const int64_t image = images_.dtype == DType::kS32 ? reinterpret_cast<const int32_t*>(at)[r]
                                                       : reinterpret_cast<const int64_t*>(at)[r];
    double scale = 1;
    if (image >= 0 && image < input_.dim(0)) {
      const auto* region = reinterpret_cast<const float*>(input_bytes(context, regions_) +
                                                          r * regions_.row_stride);
      const Samples down = samples(region[1], region[3], row, output_.dim(2), height);
      const Samples across = samples(region[0], region[2], column, output_.dim(3), width);
      const uint8_t* x = input_bytes(context, input_) +
                         image * channels * height * input_.row_stride;
      // A sample outside is 0, which a largest one is not below.
      bool first = down.last - down.first == down.count && across.last - across.first == across.count;
      for (int64_t i = down.first; i < down.last; ++i) {
        const Between v = between(down, i, height);
        for (int64_t j = across.first; j < across.last; ++j, first = false)
          add(x, v, between(across, j, width), first, sums);
      }
      if (!largest_)
        scale = static_cast<double>(std::max<int64_t>(1, down.count * across.count));
    }
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t line = (r * channels + c) * output_.dim(2) + row;
      uint8_t* out = output_bytes(context, output_) + line * output_.row_stride;
      reinterpret_cast<float*>(out)[column] = static_cast<float>(sums[c] / scale);
    }
  }

  // One sample of all channels.
  void add(const uint8_t* x, const Between& v, const Between& h, bool first,
           double* sums) const noexcept {
    const int64_t channels = input_.dim(1), image = input_.dim(2) * input_.row_stride;
    const double weights[4] = {v.of_low * h.of_low, v.of_low * h.of_high, v.of_high * h.of_low,
                               v.of_high * h.of_high};
    for (int64_t c = 0; c < channels; ++c) {
      const uint8_t* plane = x + c * image;
      const auto* low = reinterpret_cast<const float*>(plane + v.low * input_.row_stride);
      const auto* high = reinterpret_cast<const float*>(plane + v.high * input_.row_stride);
      const double parts[4] = {low[h.low] * weights[0], low[h.high] * weights[1],
                               high[h.low] * weights[2], high[h.high] * weights[3]};
      if (largest_) {
        const double most = std::max(std::max(parts[0], parts[1]), std::max(parts[2], parts[3]));
        sums[c] = first ? most : std::max(sums[c], most);
      } else {
        sums[c] += (parts[0] + parts[1]) + (parts[2] + parts[3]);
      }
    }
  }

  Samples samples(float from, float to, int64_t bin, int64_t bins, int64_t size) const noexcept {
    const float shift = half_pixel_ ? 0.5f : 0.0f;
    const float start = from * scale_ - shift, end = to * scale_ - shift;
    float extent = end - start;
    if (!half_pixel_ && extent < 1.0f) extent = 1.0f;
    Samples result;
    result.step = extent / static_cast<float>(bins);
    result.start = start + static_cast<float>(bin) * result.step;
    result.count = samples_;
    if (samples_ == 0 && result.step > 0)
      result.count = static_cast<int64_t>(std::ceil(std::min(result.step, static_cast<float>(most_))));
    // Places ascend or descend, so that those inside follow each other.
    for (int64_t k = 0; k < result.count; ++k) {
      const float place = place_of(result, k);
      if (!(place >= -1.0f && place <= static_cast<float>(size))) continue;
      if (result.last == 0) result.first = k;
      result.last = k + 1;
    }
    return result;
  }

  TensorRef input_, regions_, images_, output_;
  bool largest_, half_pixel_;
  int64_t most_, samples_;
  float scale_;
  Tiling tiling_;
};

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 3, 1);
  check_generic_kernel(spec);
  for (const TensorRef* tensor : {&spec.inputs[0], &spec.inputs[1], &spec.outputs[0]})
    check_dtype(spec, *tensor, {DType::kF32});
  check_dtype(spec, spec.inputs[2], {DType::kS32, DType::kS64});
  return std::make_unique<RoiAlignOp>(spec);
}

}  // namespace

const Verb verb_roi_align = {"roi_align", generic_candidates, nullptr, prepare};

}  // namespace edgerun
