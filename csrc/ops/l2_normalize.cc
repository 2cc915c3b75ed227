// l2_normalize: each row, the last dimension, divided by its length, but by 1e-6 at least.
//
// inputs   float32
// outputs  float32, same shape; may not be the input's memory
//
// The sum of squares is made in double, in ascending order.
#include "ops/normalize.h"

namespace edgerun {
namespace {

void normalize(const float* in, float* out, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += double{in[i]} * double{in[i]};
  const auto length = static_cast<float>(std::max(std::sqrt(sum), 1e-6));
  for (int64_t i = 0; i < n; ++i) out[i] = in[i] / length;
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_float_rows(spec);
  return std::make_unique<RowOp<void (*)(const float*, float*, int64_t)>>(spec, normalize);
}

}  // namespace

const Verb verb_l2_normalize = {"l2_normalize", generic_candidates, nullptr, prepare};

}  // namespace edgerun
