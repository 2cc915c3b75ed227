// What the recurrent verbs share: sequences and states as rows, matrix-vector products.
#pragma once

#include <string>
#include <vector>

#include "base/fixed_point.h"
#include "base/table.h"
#include "ops/common.h"

namespace edgerun {

constexpr int64_t kPadding = 8;  // columns of a matrix come in multiples of it

inline int64_t padded(int64_t n) { return (n + kPadding - 1) / kPadding * kPadding; }

// The sum of `n` products, n a multiple of kPadding: exact modulo 2^32, so in any order.
inline int32_t dot(const int16_t* a, const int16_t* b, int64_t n) {
  uint32_t lanes[kPadding] = {};
  for (int64_t k = 0; k < n; k += kPadding) {
    for (int i = 0; i < kPadding; ++i)
      lanes[i] += static_cast<uint32_t>(static_cast<int32_t>(a[k + i]) * b[k + i]);
  }
  uint32_t sum = 0;
  for (const uint32_t lane : lanes) sum += lane;
  return static_cast<int32_t>(sum);
}

// y += x * w for n columns, n a multiple of kPadding. A product of two floats is exact in double: the result
// is the same with and without fused multiply-add.
inline void add_scaled(double* y, float x, const float* w, int64_t n) {
  for (int64_t k = 0; k < n; k += kPadding) {
    for (int i = 0; i < kPadding; ++i)
      y[k + i] += static_cast<double>(x) * static_cast<double>(w[k + i]);
  }
}

// Bytes of an int8 tensor of the model, stored with either sign, as int16; zero up to the next kPadding.
inline void widen(const uint8_t* bytes, int64_t n, bool is_signed, int16_t* out) {
  const uint8_t flip = is_signed ? 0 : 0x80;
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<int8_t>(bytes[i] ^ flip);
  for (int64_t i = n; i < padded(n); ++i) out[i] = 0;
}

inline void narrow(const int16_t* values, int64_t n, bool is_signed, uint8_t* out) {
  const uint8_t flip = is_signed ? 0 : 0x80;
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<uint8_t>(static_cast<uint8_t>(values[i]) ^ flip);
}

// A list of (multiplier, shift) pairs.
inline std::vector<FixedMultiplier> read_multipliers(const StepSpec& spec, const std::string& name,
                                                     size_t count) {
  constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
  const auto& values = spec.attributes.integers(name, 2 * count, -31, kMax);
  std::vector<FixedMultiplier> found;
  for (size_t i = 0; i < values.size(); i += 2) {
    check(values[i] >= 0 && values[i + 1] <= 30, spec.verb + ": '" + name + "' is no list of multipliers");
    found.push_back({static_cast<int32_t>(values[i]), static_cast<int32_t>(values[i + 1])});
  }
  return found;
}

// A fused activation.
enum class Activation { kNone, kRelu, kReluN1To1, kRelu6, kTanh };

inline Activation read_activation(const StepSpec& spec) {
  const std::string& name = spec.attributes.text("activation");
  if (name == "none") return Activation::kNone;
  if (name == "relu") return Activation::kRelu;
  if (name == "relu_n1_to_1") return Activation::kReluN1To1;
  if (name == "relu6") return Activation::kRelu6;
  check(name == "tanh", spec.verb + ": there is no activation '" + name + "'");
  return Activation::kTanh;
}

inline double activate(Activation activation, double x) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return std::max(x, 0.0);
    case Activation::kReluN1To1:
      return std::min(std::max(x, -1.0), 1.0);
    case Activation::kRelu6:
      return std::min(std::max(x, 0.0), 6.0);
    case Activation::kTanh:
      return poly_tanh(x);
  }
  return x;
}

// x within +-limit, where there is one.
inline double clip(double x, double limit) {
  return limit > 0 ? std::min(std::max(x, -limit), limit) : x;
}

// A sequence x [batch, time, n], [time, batch, n] or [batch, n], y of the same rows, and a state that is
// contiguous: how the rows of one element of the batch follow each other.
struct Sequence {
  Sequence() = default;
  Sequence(const StepSpec& spec, bool time_major) {
    const TensorRef &x = spec.inputs[0], &y = spec.outputs[0];
    const bool timed = x.rank() == 3;
    check(x.rank() == 2 || timed, spec.verb + ": a sequence has two or three dimensions");
    check(y.rank() == x.rank() && y.rows() == x.rows(), spec.verb + ": the output has other rows");
    time = timed ? x.dim(time_major ? 0 : 1) : 1;
    batch = x.rows() / time;
    step = time_major ? batch : 1;
    first = time_major ? 1 : time;
  }
  int64_t row(int64_t element, int64_t t) const { return element * first + t * step; }

  int64_t batch = 0, time = 0;
  int64_t first = 0, step = 0;
};

// A state of `n` elements for each element of the batch, as input and as output.
inline void check_state(const StepSpec& spec, size_t input, size_t output, int64_t batch, int64_t n) {
  const TensorRef &before = spec.inputs[input], &after = spec.outputs[output];
  for (const TensorRef& state : {before, after}) {
    check(state.contiguous() && state.elements() == batch * n,
          spec.verb + ": a state must be contiguous, of " + std::to_string(batch * n) + " elements");
  }
  check(size_of(before.dtype) == size_of(after.dtype), spec.verb + ": a state changes its element type");
}

}  // namespace edgerun
