// What the prepare() of many verbs share: choosing a kernel, reading quantisation attributes,
// checking tensors, and dealing out rows as tiles.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/requantize.h"
#include "executor/op.h"
#include "kernels/kernel.h"
#include "ops/requantization.h"

namespace edgerun {

// Candidates of a verb that packs nothing and whose kernels read any storage.
template <class Kernel>
std::vector<Candidate> kernel_candidates(const std::vector<const Kernel*>& kernels, Isa cap) {
  std::vector<Candidate> candidates;
  for (const Kernel* kernel : allowed_kernels(kernels, cap))
    candidates.push_back({kernel->info.name, "", "any"});
  return candidates;
}

// The kernel a step asks for by name; throws Error when there is none or this CPU cannot run it.
template <class Kernel>
const Kernel& chosen_kernel(const StepSpec& spec, const std::vector<const Kernel*>& kernels) {
  for (const Kernel* kernel : kernels) {
    if (spec.kernel != kernel->info.name) continue;
    check(is_runnable(kernel->info), spec.verb + ": the kernel '" + spec.kernel + "' cannot run here");
    return *kernel;
  }
  throw Error(spec.verb + ": there is no kernel called '" + spec.kernel + "'");
}

// Shapes below 2^31 per dimension and 2^40 elements, no empty dimension, rows that do not overlap,
// elements aligned to their size: what the address arithmetic of the verbs relies on. That the
// bytes lie inside of the buffer is the business of whoever owns the buffers.
inline void check_tensor(const StepSpec& spec, const TensorRef& tensor) {
  constexpr int64_t kMaxDim = std::numeric_limits<int32_t>::max(), kMaxElements = int64_t{1} << 40;
  int64_t elements = 1;
  for (const int64_t dim : tensor.shape) {
    check(dim >= 1 && dim <= kMaxDim,
          spec.verb + ": a dimension must lie in [1, 2^31), got " + std::to_string(dim));
    check(elements <= kMaxElements / dim, spec.verb + ": a tensor has more than 2^40 elements");
    elements *= dim;
  }
  check(tensor.buffer >= 0 && tensor.offset >= 0, spec.verb + ": a tensor has no place");
  check(tensor.rows() <= 1 ||
            (tensor.row_stride >= tensor.row_bytes() &&
             tensor.row_stride <= std::numeric_limits<int64_t>::max() / 2 / tensor.rows()),
        spec.verb + ": rows of " + std::to_string(tensor.row_bytes()) + " bytes cannot be " +
            std::to_string(tensor.row_stride) + " bytes apart");
  const int64_t size = size_of(tensor.dtype);
  check(tensor.offset % size == 0 && (tensor.rows() <= 1 || tensor.row_stride % size == 0),
        spec.verb + ": a tensor is not aligned to its elements");
}

// check_operands and check_tensor on all of them.
inline void check_tensors(const StepSpec& spec, size_t inputs, size_t outputs) {
  check_operands(spec, inputs, outputs);
  for (const TensorRef& tensor : spec.inputs) check_tensor(spec, tensor);
  for (const TensorRef& tensor : spec.outputs) check_tensor(spec, tensor);
}

inline void check_8bit(const StepSpec& spec, const TensorRef& tensor) {
  check_dtype(spec, tensor, {DType::kU8, DType::kS8});
}

inline bool is_signed(const TensorRef& tensor) { return tensor.dtype == DType::kS8; }

// An integer attribute that is a stored value of an 8-bit tensor.
inline int32_t read_stored(const StepSpec& spec, const TensorRef& tensor, const std::string& name) {
  const int64_t low = is_signed(tensor) ? -128 : 0;
  return static_cast<int32_t>(spec.attributes.integer(name, low, low + 255));
}

// A number that must be finite and not negative.
inline double read_multiplier(const StepSpec& spec, const std::string& name) {
  const double value = spec.attributes.real(name);
  check(
      value >= 0 && std::isfinite(static_cast<float>(value)),
      spec.verb + ": '" + name + "' must be finite and not negative, got " + std::to_string(value));
  return value;
}

// A scale: finite and positive, also as float32.
inline float read_scale(const StepSpec& spec, const std::string& name) {
  const double value = read_multiplier(spec, name);
  check(static_cast<float>(value) > 0, spec.verb + ": '" + name + "' must be positive");
  return static_cast<float>(value);
}

// The value that the text attribute "kind" names in a list of (name, value).
template <class Kind, size_t kCount>
Kind read_kind(const StepSpec& spec, const std::pair<const char*, Kind> (&kinds)[kCount]) {
  const std::string& name = spec.attributes.text("kind");
  for (const auto& [known, kind] : kinds) {
    if (name == known) return kind;
  }
  throw Error(spec.verb + ": there is no kind called '" + name + "'");
}

// Two numbers, infinite perhaps, of which the first is not above the second.
inline std::pair<float, float> read_float_range(const StepSpec& spec, const char* low,
                                                const char* high) {
  const auto from = static_cast<float>(spec.attributes.real(low)),
             to = static_cast<float>(spec.attributes.real(high));
  check(from <= to, spec.verb + ": '" + low + "' must not be above '" + high + "'");
  return {from, to};
}

// The one candidate of a verb that is plain C++ on every machine, and the check of its name.
inline std::vector<Candidate> generic_candidates(const StepSpec&, Isa) {
  return {{"generic", "", "any"}};
}
inline void check_generic_kernel(const StepSpec& spec) {
  check(spec.kernel == "generic",
        spec.verb + ": there is no kernel called '" + spec.kernel + "'");
}

// How `count` equal pieces of work are dealt out: in tiles of at least `grain` units of cost, a
// tile being pieces begin(t) .. begin(t + 1) - 1.
struct Tiling {
  Tiling() = default;
  Tiling(int64_t piece_count, int64_t piece_cost, int64_t grain)
      : count(piece_count), per_tile(std::max<int64_t>(1, (grain + piece_cost - 1) / piece_cost)) {}
  int64_t tiles() const { return (count + per_tile - 1) / per_tile; }
  int64_t begin(int64_t tile) const { return std::min(count, tile * per_tile); }

  int64_t count = 0;
  int64_t per_tile = 1;
};

// An elementwise verb's walk over an input and an output of one shape: one long run when both are
// contiguous, cut into tiles of `grain` elements; otherwise rows.
class ElementwiseWalk {
 public:
  ElementwiseWalk() = default;
  ElementwiseWalk(const TensorRef& input, const TensorRef& output, int64_t grain)
      : flat_(input.contiguous() && output.contiguous()),
        row_length_(input.channels()),
        input_stride_(input.row_stride),
        output_stride_(output.row_stride),
        input_size_(size_of(input.dtype)),
        output_size_(size_of(output.dtype)),
        tiling_(flat_ ? Tiling(input.elements(), 1, grain)
                      : Tiling(input.rows(), std::max<int64_t>(1, input.channels()), grain)) {}

  int64_t tiles() const { return tiling_.tiles(); }

  // Calls run(input, output, n) for each run of tiles begin .. end-1.
  template <class Run>
  void walk(const uint8_t* input, uint8_t* output, int64_t begin, int64_t end,
            const Run& run) const {
    const int64_t first = tiling_.begin(begin), last = tiling_.begin(end);
    if (flat_) {
      run(input + first * input_size_, output + first * output_size_, last - first);
      return;
    }
    for (int64_t row = first; row < last; ++row) {
      run(input + row * input_stride_, output + row * output_stride_, row_length_);
    }
  }

 private:
  bool flat_ = true;
  int64_t row_length_ = 0, input_stride_ = 0, output_stride_ = 0, input_size_ = 1, output_size_ = 1;
  Tiling tiling_;
};

}  // namespace edgerun
