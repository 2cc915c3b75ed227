#include "base/thread_pool.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <new>
#include <thread>

#include "base/float_mode.h"

namespace edgerun {
namespace {

constexpr int kMaxWorkers = 255;
// A worker looks for the next step's job this long before it sleeps: the gap between two steps of a run.
constexpr auto kSpin = std::chrono::microseconds(50);

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

}  // namespace

struct ThreadPool::Job {
  Function function;
  const void* argument;
  int64_t tiles;
  int64_t chunk;
  int lanes;
  int next_lane = 1;            // guarded by State::mutex
  Job* below = nullptr;         // guarded by State::mutex: the next job of State::jobs
  std::atomic<int> active{0};   // workers inside
  std::atomic<int64_t> next{0};
};

struct ThreadPool::State {
  std::mutex mutex;
  std::condition_variable wake;
  Job* jobs = nullptr;                // guarded by mutex: those that still take lanes, newest first; they are
                                      // linked, not listed, since a run must not fail for want of memory
  std::atomic<uint64_t> offered{0};   // counts jobs, so that spinning workers see a new one
  std::atomic<int> workers{0};        // written under mutex
  int sleeping = 0;                   // guarded by mutex
};

ThreadPool::ThreadPool() : state_(new State) {
  if (pthread_atfork(before_fork, after_fork_parent, after_fork_child) != 0) throw std::bad_alloc();
}

ThreadPool& ThreadPool::instance() {
  static ThreadPool* const pool = new ThreadPool;  // never destroyed: its threads outlive static objects
  return *pool;
}

// Forking while another thread holds the mutex would leave it locked in the child for ever.
void ThreadPool::before_fork() { instance().state_.load()->mutex.lock(); }
void ThreadPool::after_fork_parent() { instance().state_.load()->mutex.unlock(); }
// In place: a child must not fail for want of memory, and the parent's threads, for which nothing may be
// destroyed, do not exist here.
void ThreadPool::after_fork_child() { new (instance().state_.load()) State; }

void ThreadPool::work(Job* job, int lane) noexcept {
  for (;;) {
    const int64_t begin = job->next.fetch_add(job->chunk, std::memory_order_relaxed);
    if (begin >= job->tiles) return;
    job->function(job->argument, lane, begin, std::min(begin + job->chunk, job->tiles));
  }
}

void ThreadPool::worker_main(State* state) noexcept {
  const FloatMode mode;
  uint64_t seen = 0;
  for (;;) {
    const auto deadline = std::chrono::steady_clock::now() + kSpin;
    while (state->offered.load(std::memory_order_acquire) == seen &&
           std::chrono::steady_clock::now() < deadline) {
      for (int i = 0; i < 16; ++i) relax();
    }
    Job* job = nullptr;
    int lane = 0;
    {
      std::unique_lock<std::mutex> lock(state->mutex);
      while (state->jobs == nullptr && state->offered.load(std::memory_order_relaxed) == seen) {
        ++state->sleeping;
        state->wake.wait(lock);
        --state->sleeping;
      }
      seen = state->offered.load(std::memory_order_relaxed);
      if (state->jobs != nullptr) {
        job = state->jobs;
        lane = job->next_lane++;
        job->active.fetch_add(1, std::memory_order_relaxed);
        if (job->next_lane == job->lanes) state->jobs = job->below;
      }
    }
    if (job == nullptr) continue;
    work(job, lane);
    job->active.fetch_sub(1, std::memory_order_release);  // the job may be gone from here on
  }
}

void ThreadPool::ensure_workers(int count) noexcept {
  State* state = state_.load(std::memory_order_relaxed);
  const std::lock_guard<std::mutex> lock(state->mutex);
  while (state->workers.load(std::memory_order_relaxed) < std::min(count, kMaxWorkers)) {
    try {
      std::thread(worker_main, state).detach();
    } catch (...) {
      return;  // the system has no more threads: the lanes there are do the work
    }
    state->workers.fetch_add(1, std::memory_order_relaxed);
  }
}

void ThreadPool::run(int lanes, int64_t tiles, Function function, const void* argument) noexcept {
  lanes = static_cast<int>(std::min<int64_t>(lanes, tiles));
  if (lanes <= 1) {
    if (tiles > 0) function(argument, 0, 0, tiles);
    return;
  }
  State* state = state_.load(std::memory_order_relaxed);
  if (state->workers.load(std::memory_order_relaxed) < lanes - 1) ensure_workers(lanes - 1);
  Job job;
  job.function = function;
  job.argument = argument;
  job.tiles = tiles;
  job.chunk = std::max<int64_t>(1, tiles / (lanes * 8));
  job.lanes = lanes;
  bool sleepers = false;
  {
    const std::lock_guard<std::mutex> lock(state->mutex);
    job.below = state->jobs;
    state->jobs = &job;
    state->offered.fetch_add(1, std::memory_order_release);
    sleepers = state->sleeping > 0;
  }
  if (sleepers) state->wake.notify_all();
  work(&job, 0);
  {
    const std::lock_guard<std::mutex> lock(state->mutex);
    Job** link = &state->jobs;
    while (*link != nullptr && *link != &job) link = &(*link)->below;
    if (*link != nullptr) *link = job.below;
  }
  for (int turns = 0; job.active.load(std::memory_order_acquire) != 0; ++turns) {
    if (turns < 1000) {
      relax();
    } else {
      std::this_thread::yield();  // a worker may be waiting for this very core
    }
  }
}

}  // namespace edgerun
