// MediaPipe's operators on landmarks.
//
// landmarks_matrix: the matrix that takes the pixels of a crop around landmarks to the image
//
// inputs   float32 [1, N, 3]: x, y and what does not count
// outputs  float32 [1, 4, 4]
// integers left, right     the direction between these landmarks is that of `rotation` in the crop
//          subset          the crop is the smallest box around these, times the scale
//          size            height and width of the crop
// reals    scale_x, scale_y, rotation (radians)
//
// In double, rounded once. No angle is computed: the difference of the two landmarks, divided by
// its length, is cosine and sine.
//
// transform_landmarks: x' = m00 x + m01 y + scale * m03, y' = m10 x + m11 y + scale * m13
//
// inputs   float32 [..., k * dimensions], float32 matrix of 16
// outputs  float32, the shape of the first input; a third dimension stays
// integers dimensions      2 or 3
// reals    scale
#include "base/table.h"
#include "ops/signal.h"

namespace edgerun {
namespace {

constexpr int64_t kMany = 1 << 20;

struct CropSpec {
  TensorRef x, y;
  int64_t left = 0, right = 0;
  std::vector<int64_t> subset;
  double height = 0, width = 0, scale_x = 0, scale_y = 0, cos = 0, sin = 0;
};

void landmarks_matrix(const RunContext& context, const CropSpec& spec) {
  const auto point = [&](int64_t i) { return input_data<float>(context, spec.x, i); };
  const float *left = point(spec.left), *right = point(spec.right);
  const double dx = double{right[0]} - left[0], dy = double{right[1]} - left[1];
  const double length = std::sqrt(dx * dx + dy * dy);
  const double cos_d = length > 0 ? dx / length : 1, sin_d = length > 0 ? dy / length : 0;
  const double cos = cos_d * spec.cos + sin_d * spec.sin, sin = sin_d * spec.cos - cos_d * spec.sin;

  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double u_min = kInfinity, u_max = -kInfinity, v_min = kInfinity, v_max = -kInfinity;
  for (const int64_t i : spec.subset) {
    const float* p = point(i);
    const double u = cos * p[0] + sin * p[1], v = cos * p[1] - sin * p[0];
    u_min = std::min(u_min, u);
    u_max = std::max(u_max, u);
    v_min = std::min(v_min, v);
    v_max = std::max(v_max, v);
  }
  const double a = (u_max - u_min) * spec.scale_x / spec.width,
               b = (v_max - v_min) * spec.scale_y / spec.height;
  const double from_u = (u_min + u_max) / 2 - a * spec.width / 2,
               from_v = (v_min + v_max) / 2 - b * spec.height / 2;
  const double matrix[16] = {cos * a, -sin * b, 0, cos * from_u - sin * from_v,  //
                             sin * a, cos * b,  0, sin * from_u + cos * from_v,  //
                             0,       0,        1, 0,                            //
                             0,       0,        0, 1};
  for (int64_t row = 0; row < 4; ++row) {
    auto* out = output_data<float>(context, spec.y, row);
    for (int64_t i = 0; i < 4; ++i) out[i] = static_cast<float>(matrix[4 * row + i]);
  }
}

std::unique_ptr<Op> prepare_landmarks_matrix(const StepSpec& spec) {
  check_signal(spec, {DType::kF32}, {DType::kF32});
  CropSpec crop;
  crop.x = spec.inputs[0];
  crop.y = spec.outputs[0];
  check(crop.x.rank() == 3 && crop.x.dim(0) == 1 && crop.x.dim(2) == 3,
        "landmarks_matrix: the landmarks must be [1, N, 3]");
  check(crop.y.shape == std::vector<int64_t>{1, 4, 4},
        "landmarks_matrix: the output must be [1, 4, 4]");
  const int64_t last = crop.x.dim(1) - 1;
  crop.left = spec.attributes.integer("left", 0, last);
  crop.right = spec.attributes.integer("right", 0, last);
  crop.subset = spec.attributes.integers("subset");
  check(!crop.subset.empty() &&
            std::all_of(crop.subset.begin(), crop.subset.end(),
                        [&](int64_t i) { return i >= 0 && i <= last; }),
        "landmarks_matrix: the subset must be landmarks, one at least");
  const auto& size = spec.attributes.integers("size", 2, 1, kMany);
  crop.height = static_cast<double>(size[0]);
  crop.width = static_cast<double>(size[1]);
  crop.scale_x = spec.attributes.real("scale_x");
  crop.scale_y = spec.attributes.real("scale_y");
  const double rotation = spec.attributes.real("rotation");
  crop.cos = poly_cos(rotation);
  crop.sin = poly_sin(rotation);
  return single_tile([crop](const RunContext& context) { landmarks_matrix(context, crop); });
}

struct TransformSpec {
  TensorRef x, matrix, y;
  int64_t dimensions = 0;
  double scale = 0;
};

void transform_landmarks(const RunContext& context, const TransformSpec& spec) {
  double m[2][3];
  for (int64_t i = 0; i < 2; ++i) {
    const auto* row = input_data<float>(context, spec.matrix, i);
    m[i][0] = row[0];
    m[i][1] = row[1];
    m[i][2] = row[3] * spec.scale;
  }
  for (int64_t row = 0; row < spec.x.rows(); ++row) {
    const auto* x = input_data<float>(context, spec.x, row);
    auto* y = output_data<float>(context, spec.y, row);
    for (int64_t i = 0; i < spec.x.channels(); i += spec.dimensions) {
      const double px = x[i], py = x[i + 1];
      if (spec.dimensions == 3) y[i + 2] = x[i + 2];
      y[i] = static_cast<float>(m[0][0] * px + m[0][1] * py + m[0][2]);
      y[i + 1] = static_cast<float>(m[1][0] * px + m[1][1] * py + m[1][2]);
    }
  }
}

std::unique_ptr<Op> prepare_transform_landmarks(const StepSpec& spec) {
  check_signal(spec, {DType::kF32, DType::kF32}, {DType::kF32});
  TransformSpec transform;
  transform.x = spec.inputs[0];
  transform.matrix = spec.inputs[1];
  transform.y = spec.outputs[0];
  transform.dimensions = spec.attributes.integer("dimensions", 2, 3);
  transform.scale = static_cast<float>(spec.attributes.real("scale"));
  check_same_shape(spec, transform.x, transform.y);
  check(transform.x.rank() >= 1 && transform.x.channels() % transform.dimensions == 0,
        "transform_landmarks: the last dimension must be made of landmarks");
  check(transform.matrix.elements() == 16 && transform.matrix.channels() == 4,
        "transform_landmarks: the matrix must be 4 x 4");
  return single_tile(
      [transform](const RunContext& context) { transform_landmarks(context, transform); });
}

}  // namespace

const Verb verb_landmarks_matrix = {"landmarks_matrix", signal_candidates, nullptr,
                                    prepare_landmarks_matrix};
const Verb verb_transform_landmarks = {"transform_landmarks", signal_candidates, nullptr,
                                       prepare_transform_landmarks};

}  // namespace edgerun
