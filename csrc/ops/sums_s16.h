// What the convolutions of int16 share: the window, exact sums, and how a sum becomes an int16.
#pragma once

#include <cmath>
#include <cstring>

#include "ops/recurrent.h"

namespace edgerun {

// The sum of `n` products of int16 by int8 values, n a multiple of kPadding: exact.
inline int64_t dot_wide(const int16_t* a, const int16_t* b, int64_t n) {
  constexpr int64_t kBlock = 32 * kPadding;  // 32 products of 23 bits fit into an int32
  int64_t sum = 0;
  while (n > 0) {
    const int64_t now = std::min(n, kBlock);
    int32_t lanes[kPadding] = {};
    for (int64_t k = 0; k < now; k += kPadding) {
      for (int i = 0; i < kPadding; ++i) lanes[i] += static_cast<int32_t>(a[k + i]) * b[k + i];
    }
    for (const int32_t lane : lanes) sum += lane;
    a += now;
    b += now;
    n -= now;
  }
  return sum;
}

// Reads kernel, strides, dilations and padding, and walks the taps of an output row.
class WindowS16 {
 public:
  WindowS16(const StepSpec& spec, const TensorRef& x, const TensorRef& y) {
    check(x.rank() == 4 && y.rank() == 4 && x.dim(0) == y.dim(0), spec.verb + ": the tensors must be NHWC");
    constexpr int64_t kMost = int64_t{1} << 30;
    const Attributes& a = spec.attributes;
    const auto &kernel = a.integers("kernel", 2, 1, kMost), &strides = a.integers("strides", 2, 1, kMost),
               &dilations = a.integers("dilations", 2, 1, kMost), &padding = a.integers("padding", 2, 0, kMost);
    check(kernel[0] <= (int64_t{1} << 30) / kernel[1], spec.verb + ": the kernel is too large");
    for (size_t i = 0; i < 2; ++i) {
      const int axis = static_cast<int>(i) + 1;
      axes_[i] = {x.dim(axis), y.dim(axis), kernel[i], strides[i], dilations[i], padding[i]};
    }
  }

  int64_t taps() const { return axes_[0].kernel * axes_[1].kernel; }

  // Calls tap(row of x), -1 in the padding, for each tap of row `row` of y.
  template <class Tap>
  void for_each_tap(int64_t row, const Tap& tap) const {
    const auto &h = axes_[0], &w = axes_[1];
    const int64_t left = row % w.out, top = row / w.out % h.out, image = row / w.out / h.out;
    for (int64_t i = 0; i < h.kernel; ++i) {
      const int64_t y = top * h.stride + i * h.dilation - h.padding;
      for (int64_t j = 0; j < w.kernel; ++j) {
        const int64_t x = left * w.stride + j * w.dilation - w.padding;
        const bool inside = y >= 0 && y < h.in && x >= 0 && x < w.in;
        tap(inside ? (image * h.in + y) * w.in + x : -1);
      }
    }
  }

 private:
  struct Axis {
    int64_t in = 0, out = 0, kernel = 1, stride = 1, dilation = 1, padding = 0;
  };
  Axis axes_[2];
};

// Reads bias, multipliers, narrow, out_min and out_max; reals, where there are any, instead of multipliers.
class FinishS16 {
 public:
  FinishS16(const StepSpec& spec, int64_t channels)
      : bias_(spec.attributes.blob("bias", static_cast<size_t>(8 * channels))),
        real_(spec.attributes.has("reals")),
        multipliers_(
            spec.attributes.blob(real_ ? "reals" : "multipliers", static_cast<size_t>(8 * channels))),
        narrow_(spec.attributes.integer("narrow", 0, 1) != 0),
        low_(static_cast<int32_t>(spec.attributes.integer("out_min", -32768, 32767))),
        high_(static_cast<int32_t>(spec.attributes.integer("out_max", low_, 32767))) {
    if (real_) {
      check(!narrow_, spec.verb + ": narrow sums have no real multipliers");
      const auto* reals = multipliers_->data<double>();
      for (int64_t i = 0; i < channels; ++i) {
        check(reals[i] >= 0 && reals[i] <= 1e9, spec.verb + ": a multiplier is out of range");
      }
      return;
    }
    const auto* pairs = multipliers_->data<int32_t>();
    for (int64_t i = 0; i < channels; ++i) {
      const int32_t shift = pairs[2 * i + 1];
      check(pairs[2 * i] >= 0 && shift >= -31 && shift <= (narrow_ ? 30 : 14),
            spec.verb + ": a multiplier is out of range");
    }
  }

  int16_t result(int64_t sum, int64_t channel) const {
    if (real_) {
      sum = with_bias(sum, channel);
      const double scaled = static_cast<double>(sum) * multipliers_->data<double>()[channel];
      const double low = low_, high = high_;  // clamped first: then it fits an integer
      return static_cast<int16_t>(std::round(std::min(std::max(scaled, low), high)));
    }
    const auto* pair = multipliers_->data<int32_t>() + 2 * channel;
    const FixedMultiplier by = {pair[0], pair[1]};
    sum = with_bias(sum, channel);
    const int32_t scaled =
        narrow_ ? fixed_multiply(static_cast<int32_t>(sum), by) : fixed_multiply_wide(sum, by);
    return static_cast<int16_t>(std::min(std::max(scaled, low_), high_));
  }

 private:
  // Modulo 2^64: a bias may be any number.
  int64_t with_bias(int64_t sum, int64_t channel) const {
    return static_cast<int64_t>(static_cast<uint64_t>(sum) +
                                static_cast<uint64_t>(bias_->data<int64_t>()[channel]));
  }

  std::shared_ptr<const Blob> bias_;
  bool real_;
  std::shared_ptr<const Blob> multipliers_;
  bool narrow_;
  int32_t low_, high_;
};

}  // namespace edgerun
