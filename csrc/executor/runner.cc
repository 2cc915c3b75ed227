#include "executor/runner.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <mutex>

#include "base/check.h"
#include "base/float_mode.h"

namespace edgerun {

Runner::Runner(Segments segments, std::vector<int64_t> buffer_bytes,
               std::vector<std::shared_ptr<const Blob>> constants,
               std::vector<std::shared_ptr<const Blob>> states, int lanes)
    : segments_(std::move(segments)),
      buffer_bytes_(std::move(buffer_bytes)),
      constants_(std::move(constants)),
      states_(std::move(states)),
      state_memory_(buffer_bytes_.size()),
      own_(buffer_bytes_.size(), nullptr),
      lanes_(lanes) {
  check(!buffer_bytes_.empty() && constants_.size() == buffer_bytes_.size() &&
            states_.size() == buffer_bytes_.size(),
        "the arena is missing");
  check(lanes_ >= 1, "a run needs at least one lane");
  for (const int64_t bytes : buffer_bytes_) check(bytes >= 0, "a buffer has a negative size");
  int64_t scratch = 0;
  for (const auto& program : segments_) {
    if (program == nullptr) continue;
    check(program->buffer_bytes() == buffer_bytes_, "a program was prepared for buffers of other sizes");
    for (size_t b = 0; b < constants_.size(); ++b) {
      check(constants_[b] == nullptr || !program->writes(b), "a step writes to a constant");
    }
    scratch = std::max(scratch, program->scratch_bytes() * std::min(program->max_lanes(), lanes_));
  }
  arena_ = std::make_unique<Blob>(static_cast<size_t>(buffer_bytes_[0]));
  scratch_ = std::make_unique<Blob>(static_cast<size_t>(scratch));
  own_[0] = arena_->data<std::byte>();
  for (size_t b = 1; b < constants_.size(); ++b) {
    if (constants_[b] == nullptr) continue;
    check(constants_[b]->size() >= static_cast<size_t>(buffer_bytes_[b]), "a constant is too short");
    // No step writes to it, as checked above.
    own_[b] = const_cast<std::byte*>(constants_[b]->data<std::byte>());
  }
  for (size_t b = 1; b < states_.size(); ++b) {
    if (states_[b] == nullptr) continue;
    check(states_[b]->size() == static_cast<size_t>(buffer_bytes_[b]), "a state has another size");
    state_memory_[b] = std::make_unique<Blob>(states_[b]->size());
    own_[b] = state_memory_[b]->data<std::byte>();
  }
  reset();
}

void Runner::reset() {
  const std::lock_guard<ForkSafeMutex> lock(mutex_);
  for (size_t b = 1; b < states_.size(); ++b) {
    if (states_[b] == nullptr || states_[b]->size() == 0) continue;
    std::memcpy(own_[b], states_[b]->data<std::byte>(), states_[b]->size());
  }
}

size_t Runner::steps() const {
  size_t count = 0;
  for (const auto& program : segments_) count += program == nullptr ? 1 : program->size();
  return count;
}

void Runner::run(std::byte* const* buffers, const std::function<void(size_t)>& host, int64_t* times,
                 const std::function<void()>& after) {
  const std::lock_guard<ForkSafeMutex> lock(mutex_);
  for (size_t i = 0; i < segments_.size(); ++i) {
    const Program* program = segments_[i].get();
    if (program != nullptr) {
      const FloatMode mode;
      program->run(buffers, scratch_->data<std::byte>(), lanes_, times);
      if (times != nullptr) times += program->size();
      continue;
    }
    const auto before = std::chrono::steady_clock::now();
    host(i);
    if (times != nullptr) {
      *times++ = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - before)
                     .count();
    }
  }
  if (after) after();
}

}  // namespace edgerun
