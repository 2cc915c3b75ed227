// GCC vectorises the row sums at -O3 only; Clang does at -O2.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

#include "kernels/letterbox/letterbox.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace edgerun {
namespace {

// The pixels of one source axis that a crop touches: [low, high).
struct Span {
  int low, high;
};

Span crop_span(double start, double length, int size) {
  const int low = std::min(static_cast<int>(std::floor(start)), size - 1);
  const int high = std::min(static_cast<int>(std::ceil(start + length)), size);
  return {low, std::max(high, low + 1)};
}

// What each destination index of one axis reads: `count` source pixels from `first[i]` on, all
// inside the span, with weights[i * count ...], some of them 0.
struct Axis {
  int count;
  int* first;
  float* weights;
};

int axis_count(double length, int n, Span span) {
  const double ratio = length / n;
  const int window = ratio < 2.0 ? 2 : static_cast<int>(std::ceil(ratio)) + 1;
  return std::min(window, span.high - span.low);
}

size_t axis_bytes(double length, int n, Span span) {
  const size_t ints = static_cast<size_t>(n);
  return (ints + ints * static_cast<size_t>(axis_count(length, n, span))) * 4;
}

Axis make_axis(double start, double length, int n, Span span, char* memory) {
  Axis axis;
  axis.count = axis_count(length, n, span);
  axis.first = reinterpret_cast<int*>(memory);
  axis.weights = reinterpret_cast<float*>(memory) + n;
  const double ratio = length / n;
  for (int i = 0; i < n; ++i) {
    float* weights = axis.weights + static_cast<ptrdiff_t>(i) * axis.count;
    std::fill_n(weights, axis.count, 0.0f);
    if (ratio < 2.0) {
      const double point = start + (i + 0.5) * ratio - 0.5;
      const double inside =
          std::min(std::max<double>(point, span.low), static_cast<double>(span.high - 1));
      const int left = static_cast<int>(inside);
      const float share = static_cast<float>(inside - left);
      const int first = std::min(left, span.high - axis.count);
      axis.first[i] = first;
      weights[left - first] = 1.0f - share;
      if (share > 0.0f) weights[left - first + 1] = share;
    } else {
      const double from = start + i * ratio;
      const double to = from + ratio;
      const int first = std::min(static_cast<int>(from), span.high - axis.count);
      axis.first[i] = first;
      for (int k = 0; k < axis.count; ++k) {
        const double covered =
            std::min<double>(to, first + k + 1) - std::max<double>(from, first + k);
        weights[k] = static_cast<float>(std::max(covered, 0.0) / ratio);
      }
    }
  }
  return axis;
}

// sums[k] = weighted sum over the window's rows, for `n` bytes from source[0].
void blend_rows(const uint8_t* source, ptrdiff_t row_stride, const float* weights, int count,
                float* __restrict sums, int n) {
  int row = 0;
  if (count & 1) {
    const float w0 = weights[0];
    for (int k = 0; k < n; ++k) sums[k] = w0 * static_cast<float>(source[k]);
    row = 1;
  } else {
    std::memset(sums, 0, static_cast<size_t>(n) * sizeof(float));
  }
  for (; row < count; row += 2) {
    const float w0 = weights[row];
    const float w1 = weights[row + 1];
    if (w0 == 0.0f && w1 == 0.0f) continue;
    const uint8_t* __restrict a = source + row * row_stride;
    const uint8_t* __restrict b = a + row_stride;
    for (int k = 0; k < n; ++k) {
      sums[k] += w0 * static_cast<float>(a[k]) + w1 * static_cast<float>(b[k]);
    }
  }
}

template <int kChannels>
void blend_columns(const float* sums, const Axis& axis, int low, int n, float* __restrict pixels) {
  for (int i = 0; i < n; ++i) {
    const float* weights = axis.weights + static_cast<ptrdiff_t>(i) * axis.count;
    const float* from = sums + (axis.first[i] - low) * kChannels;
    float total[kChannels] = {};
    for (int k = 0; k < axis.count; ++k) {
      for (int s = 0; s < kChannels; ++s) total[s] += weights[k] * from[k * kChannels + s];
    }
    for (int s = 0; s < kChannels; ++s) pixels[i * kChannels + s] = total[s];
  }
}

// Round half to even for |v| < 2^22: adding 1.5 * 2^23 leaves no fraction bits.
int32_t round_half_even(float v) {
  const float shifted = v + 12582912.0f;
  int32_t bits;
  std::memcpy(&bits, &shifted, sizeof(bits));
  return bits - 0x4B400000;
}

template <typename T>
T store(float v, float low, float high, int zero_point) {
  // The negated comparison also sends NaN to `low`.
  v = !(v > low) ? low : (v < high ? v : high);
  return static_cast<T>(round_half_even(v) + zero_point);
}

template <>
float store<float>(float v, float, float, int) {
  return v;
}

template <typename T>
struct Limits {
  static constexpr int kMin = 0, kMax = 0;
};
template <>
struct Limits<int8_t> {
  static constexpr int kMin = -128, kMax = 127;
};
template <>
struct Limits<uint8_t> {
  static constexpr int kMin = 0, kMax = 255;
};

template <typename T>
class Writer {
 public:
  explicit Writer(const LetterboxTask& task)
      : task_(task),
        low_(static_cast<float>(Limits<T>::kMin - task.zero_point)),
        high_(static_cast<float>(Limits<T>::kMax - task.zero_point)) {}

  // `n` pixels of float32 source channels to row y, from column x on.
  template <int kChannels>
  void write(const float* pixels, int y, int x, int n) const {
    T* to = static_cast<T*>(task_.destination) + y * task_.row_stride + x * task_.column_stride;
    for (int c = 0; c < task_.channels; ++c) {
      const float bias = task_.bias[c];
      const float* mix = task_.mix[c];
      T* out = to + c * task_.channel_stride;
      for (int i = 0; i < n; ++i) {
        float v = bias;
        for (int s = 0; s < kChannels; ++s) v += mix[s] * pixels[i * kChannels + s];
        out[i * task_.column_stride] = store<T>(v, low_, high_, task_.zero_point);
      }
    }
  }

  void fill(int y, int x, int n) const {
    for (int c = 0; c < task_.channels; ++c) {
      float v = task_.bias[c];
      for (int s = 0; s < task_.source_channels; ++s) v += task_.mix[c][s] * task_.fill;
      T* out = static_cast<T*>(task_.destination) + y * task_.row_stride +
               x * task_.column_stride + c * task_.channel_stride;
      const T value = store<T>(v, low_, high_, task_.zero_point);
      for (int i = 0; i < n; ++i) out[i * task_.column_stride] = value;
    }
  }

 private:
  const LetterboxTask& task_;
  const float low_, high_;
};

template <typename T, int kChannels>
void run(const LetterboxTask& task, char* scratch) {
  const Span rows = crop_span(task.crop_y, task.crop_height, task.source_height);
  const Span columns = crop_span(task.crop_x, task.crop_width, task.source_width);
  const Axis down = make_axis(task.crop_y, task.crop_height, task.place_height, rows, scratch);
  scratch += axis_bytes(task.crop_height, task.place_height, rows);
  const Axis along = make_axis(task.crop_x, task.crop_width, task.place_width, columns, scratch);
  scratch += axis_bytes(task.crop_width, task.place_width, columns);
  float* sums = reinterpret_cast<float*>(scratch);
  float* pixels = sums + static_cast<ptrdiff_t>(columns.high - columns.low) * kChannels;

  const Writer<T> writer(task);
  const int right = task.place_x + task.place_width;
  for (int y = 0; y < task.height; ++y) {
    const int i = y - task.place_y;
    if (i < 0 || i >= task.place_height) {
      writer.fill(y, 0, task.width);
      continue;
    }
    const uint8_t* source = task.source + down.first[i] * task.source_row_stride +
                            static_cast<ptrdiff_t>(columns.low) * kChannels;
    const float* weights = down.weights + static_cast<ptrdiff_t>(i) * down.count;
    blend_rows(source, task.source_row_stride, weights, down.count, sums,
               (columns.high - columns.low) * kChannels);
    blend_columns<kChannels>(sums, along, columns.low, task.place_width, pixels);
    writer.fill(y, 0, task.place_x);
    writer.template write<kChannels>(pixels, y, task.place_x, task.place_width);
    writer.fill(y, right, task.width - right);
  }
}

template <typename T>
void run_channels(const LetterboxTask& task, void* scratch) {
  if (task.source_channels == 1) {
    run<T, 1>(task, static_cast<char*>(scratch));
  } else {
    run<T, 3>(task, static_cast<char*>(scratch));
  }
}

}  // namespace

size_t letterbox_scratch_bytes(const LetterboxTask& task) {
  const Span rows = crop_span(task.crop_y, task.crop_height, task.source_height);
  const Span columns = crop_span(task.crop_x, task.crop_width, task.source_width);
  const size_t pixels = static_cast<size_t>(columns.high - columns.low + task.place_width);
  return axis_bytes(task.crop_height, task.place_height, rows) +
         axis_bytes(task.crop_width, task.place_width, columns) +
         pixels * static_cast<size_t>(task.source_channels) * sizeof(float);
}

void letterbox(const LetterboxTask& task, void* scratch) noexcept {
  switch (task.type) {
    case PixelType::kInt8:
      return run_channels<int8_t>(task, scratch);
    case PixelType::kUint8:
      return run_channels<uint8_t>(task, scratch);
    case PixelType::kFloat32:
      return run_channels<float>(task, scratch);
  }
}

}  // namespace edgerun
