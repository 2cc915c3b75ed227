// resample: an image, bilinearly, at positions (x, y); what lies outside of it is 0.
//
// inputs   image float32 [N, H, W, C]
//          kind "positions": float32 [N, OH, OW, 2], of which those in (-1, W) x (-1, H) count
//          else one matrix, float32 of 16, and N = 1: pixel (j, i) of the output lies at
//          (m00 j + m01 i + m03, m10 j + m11 i + m13), which counts within [0, W-1] x [0, H-1]
// outputs  float32 [N, OH, OW, C]
// text     kind    positions, matrix, or half_pixel_matrix: the matrix is about coordinates in
//                  which the centres of pixels lie at halves
#include <cstring>

#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 4 * 1024;  // output elements per tile

enum class Kind { kPositions, kMatrix, kHalfPixelMatrix };

struct Position {
  float x, y;
  bool inside;
};

class ResampleOp : public Op {
 public:
  ResampleOp(const StepSpec& spec, Kind kind)
      : kind_(kind),
        image_(spec.inputs[0]),
        positions_(spec.inputs[1]),
        output_(spec.outputs[0]),
        tiling_(output_.rows(), output_.channels(), kGrain) {
    tiles_ = tiling_.tiles();
    scratch_bytes_ = output_.row_bytes();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    std::memset(context.scratch, 0, static_cast<size_t>(scratch_bytes_));
    const Matrix matrix = kind_ == Kind::kPositions ? Matrix{} : read_matrix(context);
    const int64_t height = output_.dim(1), width = output_.dim(2);
    for (int64_t row = tiling_.begin(begin); row < tiling_.begin(end); ++row) {
      const int64_t n = row / (height * width), i = row / width % height, j = row % width;
      const Position at =
          kind_ == Kind::kPositions ? given(context, row) : matrix_at(matrix, i, j);
      auto* out =
          reinterpret_cast<float*>(output_bytes(context, output_) + row * output_.row_stride);
      if (at.inside) {
        blend(context, n, at, out);
      } else {
        std::memset(out, 0, static_cast<size_t>(output_.row_bytes()));
      }
    }
  }

 private:
  struct Matrix {
    float x[3] = {}, y[3] = {};
  };

  Matrix read_matrix(const RunContext& context) const noexcept {
    Matrix matrix;
    for (int64_t k = 0; k < 2; ++k) {
      const auto* from = reinterpret_cast<const float*>(input_bytes(context, positions_) +
                                                        k * positions_.row_stride);
      float* to = k == 0 ? matrix.x : matrix.y;
      to[0] = from[0];
      to[1] = from[1];
      to[2] = from[3];
      if (kind_ == Kind::kHalfPixelMatrix) {
        to[2] = static_cast<float>(double{to[2]} + (to[0] * 0.5 + to[1] * 0.5 - 0.5));
      }
    }
    return matrix;
  }

  Position matrix_at(const Matrix& m, int64_t i, int64_t j) const noexcept {
    const auto fi = static_cast<float>(i), fj = static_cast<float>(j);
    const float x = m.x[0] * fj + m.x[1] * fi + m.x[2], y = m.y[0] * fj + m.y[1] * fi + m.y[2];
    return {x, y,
            x >= 0 && x <= static_cast<float>(image_.dim(2) - 1) && y >= 0 &&
                y <= static_cast<float>(image_.dim(1) - 1)};
  }

  Position given(const RunContext& context, int64_t row) const noexcept {
    const auto* at = reinterpret_cast<const float*>(input_bytes(context, positions_) +
                                                    row * positions_.row_stride);
    return {at[0], at[1],
            at[0] > -1 && at[0] < static_cast<float>(image_.dim(2)) && at[1] > -1 &&
                at[1] < static_cast<float>(image_.dim(1))};
  }

  void blend(const RunContext& context, int64_t n, const Position& at, float* out) const noexcept {
    const float x = std::floor(at.x), y = std::floor(at.y), dx = at.x - x, dy = at.y - y;
    const auto j = static_cast<int64_t>(x), i = static_cast<int64_t>(y);
    const float *p = pixel(context, n, i, j), *right = pixel(context, n, i, j + 1),
                *below = pixel(context, n, i + 1, j), *last = pixel(context, n, i + 1, j + 1);
    for (int64_t c = 0; c < output_.channels(); ++c) {
      const float upper = (1 - dx) * p[c] + dx * right[c],
                  lower = (1 - dx) * below[c] + dx * last[c];
      out[c] = (1 - dy) * upper + dy * lower;
    }
  }

  // Zeros where there is no such pixel.
  const float* pixel(const RunContext& context, int64_t n, int64_t i, int64_t j) const noexcept {
    const int64_t height = image_.dim(1), width = image_.dim(2);
    if (i < 0 || j < 0 || i >= height || j >= width)
      return reinterpret_cast<const float*>(context.scratch);
    const int64_t row = (n * height + i) * width + j;
    return reinterpret_cast<const float*>(input_bytes(context, image_) + row * image_.row_stride);
  }

  Kind kind_;
  TensorRef image_, positions_, output_;
  Tiling tiling_;
};

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  constexpr int64_t kMaxSide = 1 << 24;  // exact as float32
  check_tensors(spec, 2, 1);
  check_generic_kernel(spec);
  const TensorRef &image = spec.inputs[0], &positions = spec.inputs[1], &output = spec.outputs[0];
  for (const TensorRef* tensor : {&image, &positions, &output})
    check_dtype(spec, *tensor, {DType::kF32});
  constexpr std::pair<const char*, Kind> kKinds[] = {
      {"positions", Kind::kPositions},
      {"matrix", Kind::kMatrix},
      {"half_pixel_matrix", Kind::kHalfPixelMatrix},
  };
  const Kind kind = read_kind(spec, kKinds);
  check(image.rank() == 4 && output.rank() == 4 && image.dim(0) == output.dim(0) &&
            image.dim(3) == output.dim(3),
        "resample: image and output must be of 4 dimensions, of as many images and channels");
  for (int i = 1; i <= 2; ++i) {
    check(image.dim(i) <= kMaxSide && output.dim(i) <= kMaxSide,
          "resample: a side is longer than 2^24");
  }
  if (kind == Kind::kPositions) {
    const std::vector<int64_t> shape = {output.dim(0), output.dim(1), output.dim(2), 2};
    check(positions.shape == shape, "resample: there must be one position for each output pixel");
  } else {
    check(positions.elements() == 16 && positions.channels() == 4 && image.dim(0) == 1,
          "resample: there must be one image and one matrix of 4 x 4");
  }
  return std::make_unique<ResampleOp>(spec, kind);
}

}  // namespace

const Verb verb_resample = {"resample", generic_candidates, nullptr, prepare};

}  // namespace edgerun
