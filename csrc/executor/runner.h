// The state of one stream of inferences: a program of segments, an arena and scratch of its own. Twins are
// runners over the same segments. Runs of one runner take turns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/blob.h"
#include "base/fork_safe_mutex.h"
#include "executor/program.h"

namespace edgerun {

// Between native segments stands host code: an operator that only Python has, a branch, a new shape.
// A null program is such a place.
using Segments = std::vector<std::shared_ptr<const Program>>;

class Runner {
 public:
  // buffer_bytes: the sizes of all buffers; buffer 0 is the arena, which the runner owns. constants[b],
  // where not null, is the content of buffer b; states[b], where not null, what buffer b, the runner's own,
  // holds before the first run and after reset(). The other buffers belong to the caller of each run.
  Runner(Segments segments, std::vector<int64_t> buffer_bytes,
         std::vector<std::shared_ptr<const Blob>> constants, std::vector<std::shared_ptr<const Blob>> states,
         int lanes);

  const std::vector<int64_t>& buffer_bytes() const { return buffer_bytes_; }
  const std::vector<std::byte*>& own_buffers() const { return own_; }
  size_t steps() const;

  // Runs all segments over `buffers`: own_buffers() with the external ones filled in. `host(i)` is called
  // for segment i when it has no program; what it throws is passed on. `times`, when not null, receives
  // the nanoseconds of each step and of each host segment, in order.
  // `after`, when not empty, is called before the next run may begin, while the arena is as this one left it.
  void run(std::byte* const* buffers, const std::function<void(size_t)>& host, int64_t* times,
           const std::function<void()>& after = {});

  // The states as before the first run. Waits for the run that may be under way.
  void reset();

 private:
  Segments segments_;
  std::vector<int64_t> buffer_bytes_;
  std::vector<std::shared_ptr<const Blob>> constants_, states_;
  std::vector<std::unique_ptr<Blob>> state_memory_;  // by buffer
  std::vector<std::byte*> own_;
  std::unique_ptr<Blob> arena_, scratch_;
  int lanes_;
  ForkSafeMutex mutex_;
};

}  // namespace edgerun
