// The attributes by which verbs with float outputs describe their clamp.
#pragma once

#include "base/check.h"
#include "executor/op.h"

namespace edgerun {

struct FloatRange {
  float lo, hi;
};

// Reads out_min and out_max, which may be infinite.
inline FloatRange read_float_range(const StepSpec& spec) {
  const FloatRange range{static_cast<float>(spec.attributes.real("out_min")),
                         static_cast<float>(spec.attributes.real("out_max"))};
  check(range.lo <= range.hi, spec.verb + ": out_min must not be above out_max");
  return range;
}

inline const float* float_input(const RunContext& context, const TensorRef& ref) {
  return reinterpret_cast<const float*>(input_bytes(context, ref));
}
inline float* float_output(const RunContext& context, const TensorRef& ref) {
  return reinterpret_cast<float*>(output_bytes(context, ref));
}
// How many floats apart the rows of a float tensor are.
inline ptrdiff_t float_stride(const TensorRef& ref) {
  return static_cast<ptrdiff_t>(ref.row_stride / static_cast<int64_t>(sizeof(float)));
}

}  // namespace edgerun
