// The joint walk of an elementwise verb over inputs that are broadcast as in numpy and one output:
// as few runs as possible, in each of which every input is either contiguous or a scalar.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/check.h"
#include "executor/op.h"
#include "ops/common.h"

namespace edgerun {

constexpr size_t kMaxBroadcastRank = 8;

// Throws Error unless the output has the broadcast shape of the inputs.
inline void check_broadcast(const StepSpec& spec, const std::vector<TensorRef>& inputs,
                            const TensorRef& output) {
  check(output.shape.size() <= kMaxBroadcastRank, spec.verb + ": more than 8 dimensions");
  for (const TensorRef& input : inputs) {
    check(input.rank() <= output.rank(),
          spec.verb + ": an input has more dimensions than the output");
  }
  for (int i = 1; i <= output.rank(); ++i) {
    const int64_t wanted = output.dim(output.rank() - i);
    int64_t widest = 1;
    for (const TensorRef& input : inputs) {
      const int64_t dim = i <= input.rank() ? input.dim(input.rank() - i) : 1;
      check(dim == 1 || dim == wanted, spec.verb + ": an input of " + std::to_string(dim) +
                                           " cannot be broadcast to " + std::to_string(wanted));
      widest = std::max(widest, dim);
    }
    check(widest == wanted, spec.verb + ": the output is not of the broadcast shape of the inputs");
  }
}

template <size_t kInputs>
class BroadcastWalk {
 public:
  BroadcastWalk() = default;
  // Tiles of about `grain` elements.
  BroadcastWalk(const std::vector<TensorRef>& inputs, const TensorRef& output, int64_t grain) {
    merge_dims(inputs, output);
    inner_ = dims_.front();
    dims_.erase(dims_.begin());
    int64_t runs = 1;
    for (const Dim& dim : dims_) runs *= dim.size;
    // A single long run is cut; many runs are dealt out whole.
    cut_ = runs == 1;
    tiling_ = cut_ ? Tiling(inner_.size, 1, grain) : Tiling(runs, inner_.size + kRunCost, grain);
  }

  int64_t tiles() const { return tiling_.tiles(); }
  // Whether the input is one element for each whole run.
  bool scalar(size_t input) const { return inner_.steps[input] == 0; }

  using Inputs = std::array<const uint8_t*, kInputs>;

  // Calls run(inputs, output, n) for each run of tiles begin .. end-1.
  template <class Run>
  void walk(const Inputs& inputs, uint8_t* output, int64_t begin, int64_t end,
            const Run& run) const {
    const int64_t first = tiling_.begin(begin), last = tiling_.begin(end);
    if (cut_) {
      Inputs at = inputs;
      for (size_t k = 0; k < kInputs; ++k) at[k] += first * inner_.steps[k];
      run(at, output + first * inner_.out_step, last - first);
      return;
    }
    int64_t index[kMaxBroadcastRank] = {};
    int64_t rest = first;
    for (size_t i = 0; i < dims_.size(); ++i) {
      index[i] = rest % dims_[i].size;
      rest /= dims_[i].size;
    }
    for (int64_t i = first; i < last; ++i) {
      Inputs at = inputs;
      int64_t out_at = 0;
      for (size_t d = 0; d < dims_.size(); ++d) {
        for (size_t k = 0; k < kInputs; ++k) at[k] += index[d] * dims_[d].steps[k];
        out_at += index[d] * dims_[d].out_step;
      }
      run(at, output + out_at, inner_.size);
      for (size_t d = 0; d < dims_.size() && ++index[d] == dims_[d].size; ++d) index[d] = 0;
    }
  }

 private:
  static constexpr int64_t kRunCost = 32;  // what a run costs beyond its elements, in elements

  // One dimension of the walk, in bytes; a step of 0 repeats.
  struct Dim {
    int64_t size = 1;
    std::array<int64_t, kInputs> steps{};
    int64_t out_step = 0;
  };

  // The step along each of `rank` dimensions of a tensor of rank <= `rank`, aligned at the last
  // one.
  static std::vector<int64_t> steps_of(const TensorRef& tensor, size_t rank) {
    std::vector<int64_t> steps(rank, 0);
    int64_t step = size_of(tensor.dtype);
    for (size_t i = 0; i < tensor.shape.size(); ++i) {
      const int64_t dim = tensor.shape[tensor.shape.size() - 1 - i];
      if (i == 1) step = tensor.row_stride;
      if (dim != 1) steps[rank - 1 - i] = step;
      step *= dim;
    }
    return steps;
  }

  // The dimensions of the walk, innermost first, as few as possible. The first one is a run: the
  // output's step is one element there, and the inputs' are none or one.
  void merge_dims(const std::vector<TensorRef>& inputs, const TensorRef& output) {
    const size_t rank = output.shape.size();
    std::vector<std::vector<int64_t>> steps;
    for (const TensorRef& input : inputs) steps.push_back(steps_of(input, rank));
    const std::vector<int64_t> out_steps = steps_of(output, rank);
    for (size_t i = rank; i-- > 0;) {
      if (output.shape[i] == 1) continue;
      Dim dim;
      dim.size = output.shape[i];
      dim.out_step = out_steps[i];
      bool is_run = dim.out_step == size_of(output.dtype);
      for (size_t k = 0; k < kInputs; ++k) {
        dim.steps[k] = steps[k][i];
        is_run = is_run && (dim.steps[k] == 0 || dim.steps[k] == size_of(inputs[k].dtype));
      }
      // Where the last dimension is 1 the next one may be more than an element apart: a run of one
      // comes first.
      if (dims_.empty() && !is_run) dims_.push_back({});
      if (!dims_.empty() && dims_.back().size > 1 && continues(dims_.back(), dim)) {
        dims_.back().size *= dim.size;
      } else {
        dims_.push_back(dim);
      }
    }
    if (dims_.empty()) dims_.push_back({});
  }

  static bool continues(const Dim& inner, const Dim& dim) {
    for (size_t k = 0; k < kInputs; ++k) {
      if (dim.steps[k] != inner.size * inner.steps[k]) return false;
    }
    return dim.out_step == inner.size * inner.out_step;
  }

  Dim inner_;
  std::vector<Dim> dims_;  // outside of the runs, innermost first
  bool cut_ = true;
  Tiling tiling_;
};

}  // namespace edgerun
