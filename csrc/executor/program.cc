#include "executor/program.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "base/check.h"
#include "base/thread_pool.h"

namespace edgerun {
namespace {

void check_ref(const TensorRef& ref, const std::vector<int64_t>& buffer_bytes) {
  check(ref.buffer >= 0 && static_cast<size_t>(ref.buffer) < buffer_bytes.size(),
        "a tensor lies in a buffer that does not exist");
  check_shape(ref);
  const int64_t unit = size_of(ref.dtype);
  check(ref.offset >= 0 && ref.offset <= kMaxElements && ref.offset % unit == 0,
        "a tensor starts at an impossible place");
  check(ref.row_stride >= ref.row_bytes() && ref.row_stride <= kMaxElements && ref.row_stride % unit == 0,
        "the rows of a tensor overlap");
  check(ref.rows() <= kMaxElements / std::max<int64_t>(ref.row_stride, 1), "a tensor is too large");
  const int64_t size = buffer_bytes[static_cast<size_t>(ref.buffer)];
  check(ref.end() <= size, "a tensor ends at byte " + std::to_string(ref.end()) + " of a buffer of " +
                               std::to_string(size));
}

// What the lanes of one step share.
struct StepRun {
  const Op* op;
  std::byte* const* buffers;
  std::byte* scratch;
  int64_t scratch_bytes;
};

void run_tiles(const void* argument, int lane, int64_t begin, int64_t end) {
  const auto& run = *static_cast<const StepRun*>(argument);
  run.op->run({run.buffers, run.scratch + lane * run.scratch_bytes}, begin, end);
}

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Program::Program(const std::vector<StepSpec>& steps, const std::vector<int>& lanes,
                 const std::vector<int64_t>& buffer_bytes)
    : buffer_bytes_(buffer_bytes), written_(buffer_bytes.size(), false) {
  check(steps.size() == lanes.size(), "every step needs a number of lanes");
  ThreadPool::instance();  // made here, where want of memory is an error: a run must not fail
  for (size_t i = 0; i < steps.size(); ++i) {
    const StepSpec& spec = steps[i];
    try {
      for (const TensorRef& ref : spec.inputs) check_ref(ref, buffer_bytes);
      for (const TensorRef& ref : spec.outputs) {
        check_ref(ref, buffer_bytes);
        written_[static_cast<size_t>(ref.buffer)] = true;
      }
      check(lanes[i] >= 1, "a step needs at least one lane");
      Step step{verb_by_name(spec.verb).prepare(spec), lanes[i]};
      spec.attributes.check_all_read();
      scratch_bytes_ = std::max(scratch_bytes_, (step.op->scratch_bytes() + 63) / 64 * 64);
      max_lanes_ = std::max(max_lanes_, step.lanes);
      steps_.push_back(std::move(step));
    } catch (const Error& error) {
      throw Error("step " + std::to_string(i) + " (" + spec.verb + "): " + error.what());
    }
  }
}

void Program::run(std::byte* const* buffers, std::byte* scratch, int lanes, int64_t* times) const noexcept {
  ThreadPool& pool = ThreadPool::instance();
  int64_t before = times == nullptr ? 0 : now_ns();
  for (const Step& step : steps_) {
    const StepRun run{step.op.get(), buffers, scratch, scratch_bytes_};
    const int64_t tiles = step.op->tiles();
    if (step.lanes == 1 || lanes == 1) {
      run_tiles(&run, 0, 0, tiles);
    } else {
      pool.run(std::min(step.lanes, lanes), tiles, run_tiles, &run);
    }
    if (times != nullptr) {
      const int64_t after = now_ns();
      *times++ = after - before;
      before = after;
    }
  }
}

}  // namespace edgerun
