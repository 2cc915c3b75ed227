// How floats are quantised by their own range before products with int8 weights: as TFLite does it, or as ONNX's
// DynamicQuantizeLinear does, with each quantum 128 lower.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace edgerun {

enum class DynamicScheme { kSymmetric = 0, kAsymmetric = 1, kOnnx = 2 };

struct DynamicRange {
  float inverse = 0, scale = 1;  // a quantum is round(x * inverse) + zero; an all but infinite x has a finite inverse
  float lowest = -127;           // quantum; the highest is 127
  int32_t zero = 0;

  // As ONNX does it: a quantum is round_half_even(x / scale) + zero.
  static DynamicRange onnx(float lo, float hi) {
    DynamicRange range(0, 0, true);
    range.scale = (lo == hi ? 1.0f : hi - lo) / 255.0f;
    const float exact = 0.0f - lo / range.scale;
    range.zero = exact >= 255.0f ? 127 : exact > 0.0f ? static_cast<int32_t>(std::nearbyint(exact)) - 128 : -128;
    return range;
  }

  // Of values from `lo` <= 0 to `hi` >= 0. Without `asymmetric` the zero point is 0.
  DynamicRange(float lo, float hi, bool asymmetric) {
    if (asymmetric) {
      spread(lo, hi);
    } else if (const float range = std::max(-lo, hi); range != 0) {
      inverse = 127.0f / range;
      scale = range / 127.0f;
    }
    // Of infinite values nothing can be said; what is multiplied with must be finite all the same.
    if (!std::isfinite(inverse)) inverse = 0;
  }

 private:
  void spread(float lo, float hi) {
    constexpr double kLowest = -128, kHighest = 127;
    lowest = static_cast<float>(kLowest);
    if (lo == hi) return;
    const float range = hi - lo;  // rounded, as TFLite has it
    const double low = lo, high = hi, step = static_cast<double>(range) / (kHighest - kLowest);
    // The zero point by either end of the range; the smaller numbers lose less.
    const double from_low = kLowest - low / step, from_high = kHighest - high / step;
    const double low_error = std::fabs(kLowest) + std::fabs(low / step);
    const double high_error = std::fabs(kHighest) + std::fabs(high / step);
    const double exact = low_error < high_error ? from_low : from_high;
    zero = exact <= kLowest    ? static_cast<int32_t>(kLowest)
           : exact >= kHighest ? static_cast<int32_t>(kHighest)
           : exact == exact    ? static_cast<int32_t>(std::round(exact))
                               : 0;
    scale = static_cast<float>(step);
    inverse = 1.0f / scale;
  }
};

// out[i] = what x[i] is after it was quantised by the range of all: (q - zero) * scale.
inline void as_quantised(const float* x, int64_t n, bool asymmetric, float* out) {
  float lo = 0, hi = 0;
  for (int64_t i = 0; i < n; ++i) lo = std::min(lo, x[i]), hi = std::max(hi, x[i]);
  const DynamicRange range(lo, hi, asymmetric);
  const auto zero = static_cast<float>(range.zero);
  for (int64_t i = 0; i < n; ++i) {
    const float p = x[i] * range.inverse;
    const float rounded = p == p ? std::trunc(p + std::copysign(0.5f, p)) : 0.0f;
    const float q = std::min(std::max(rounded + zero, range.lowest), 127.0f);
    out[i] = (q - zero) * range.scale;
  }
}

}  // namespace edgerun
