// local_response: local response normalisation across channels,
//
//   out[c] = in[c] * (bias + alpha * sum of in[k]^2 for c - before <= k < c + after) ^ -beta
//
// inputs   float32; its last dimension are the channels
// outputs  float32, same shape; may not be the input's memory
// integers before, after       >= 0
// reals    bias, alpha, beta   finite
//
// Sums are made in double, in ascending order; the power is that of base/table.h.
#include "base/table.h"
#include "ops/normalize.h"

namespace edgerun {
namespace {

struct LocalResponse {
  explicit LocalResponse(const StepSpec& spec)
      : before(spec.attributes.integer("before", 0, std::numeric_limits<int32_t>::max())),
        after(spec.attributes.integer("after", 0, std::numeric_limits<int32_t>::max())),
        bias(read_finite(spec, "bias")),
        alpha(read_finite(spec, "alpha")),
        beta(read_finite(spec, "beta")) {}

  static double read_finite(const StepSpec& spec, const char* name) {
    const double value = spec.attributes.real(name);
    check(std::isfinite(value), std::string("local_response: '") + name + "' must be finite");
    return value;
  }

  void operator()(const float* in, float* out, int64_t n) const {
    for (int64_t c = 0; c < n; ++c) {
      double sum = 0;
      for (int64_t k = std::max<int64_t>(0, c - before); k < std::min(n, c + after); ++k) {
        sum += double{in[k]} * double{in[k]};
      }
      out[c] = static_cast<float>(double{in[c]} * poly_pow(bias + alpha * sum, -beta));
    }
  }

  int64_t before, after;
  double bias, alpha, beta;
};

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_float_rows(spec);
  return std::make_unique<RowOp<LocalResponse>>(spec, LocalResponse(spec));
}

}  // namespace

const Verb verb_local_response = {"local_response", generic_candidates, nullptr, prepare};

}  // namespace edgerun
