// a * b + c as the generic float kernels compute it: rounded once where the target has a fused multiply-add
// as fast as the two operations (AArch64), else rounded twice (x86 without FMA), which is within tolerance.
#pragma once

#include <cmath>

namespace edgerun {

inline float multiply_add(float a, float b, float c) {
#ifdef __FP_FAST_FMAF
  return std::fma(a, b, c);
#else
  return a * b + c;
#endif
}

// x within [lo, hi]; a NaN stays one.
inline float clamp_float(float x, float lo, float hi) {
  x = lo > x ? lo : x;
  return hi < x ? hi : x;
}

}  // namespace edgerun
