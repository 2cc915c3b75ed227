// The attributes by which every requantising verb describes its output.
#pragma once

#include "base/requantize.h"
#include "executor/op.h"

namespace edgerun {

// Reads out_min, out_max and out_zero_point, in the storage domain of the 8-bit tensor `out`.
inline OutputRange read_output_range(const StepSpec& spec, const TensorRef& out) {
  check_dtype(spec, out, {DType::kU8, DType::kS8});
  const int64_t low = out.dtype == DType::kU8 ? 0 : -128, high = low + 255;
  const int64_t out_min = spec.attributes.integer("out_min", low, high);
  const int64_t out_max = spec.attributes.integer("out_max", out_min, high);
  const int64_t zero_point = spec.attributes.integer("out_zero_point", low, high);
  return {static_cast<float>(out_min - zero_point), static_cast<float>(out_max - zero_point),
          static_cast<int32_t>(zero_point)};
}

}  // namespace edgerun
