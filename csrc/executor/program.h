// A prepared list of steps. Immutable after its construction, so any number of runs may share it, each with
// buffers and scratch of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "executor/op.h"

namespace edgerun {

class Program {
 public:
  // Prepares every step. `lanes[i]` is how many threads step i may use; `buffer_bytes[b]` the size of
  // buffer b. Throws Error when a step is malformed or would leave a buffer.
  Program(const std::vector<StepSpec>& steps, const std::vector<int>& lanes,
          const std::vector<int64_t>& buffer_bytes);

  size_t size() const { return steps_.size(); }
  // What one lane needs.
  int64_t scratch_bytes() const { return scratch_bytes_; }
  int max_lanes() const { return max_lanes_; }
  // The sizes that the steps were checked against, and whether one of them writes to buffer b.
  const std::vector<int64_t>& buffer_bytes() const { return buffer_bytes_; }
  bool writes(size_t b) const { return written_[b]; }

  // Runs all steps. `buffers` are at least as large as the constructor was told; `scratch` has
  // scratch_bytes() for each of `lanes` lanes, aligned to 64. `times`, when not null, receives the
  // nanoseconds of each step.
  void run(std::byte* const* buffers, std::byte* scratch, int lanes, int64_t* times) const noexcept;

 private:
  struct Step {
    std::unique_ptr<Op> op;
    int lanes;
  };

  std::vector<Step> steps_;
  std::vector<int64_t> buffer_bytes_;
  std::vector<bool> written_;
  int64_t scratch_bytes_ = 0;
  int max_lanes_ = 1;
};

}  // namespace edgerun
