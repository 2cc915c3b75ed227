// The process's one pool of threads. A caller offers a job of many tiles; the caller and the workers that
// are free take tiles from an atomic counter until none is left (which also evens out big and little
// cores). If no worker is free the caller does it all: a job never waits for another one.
#pragma once

#include <atomic>
#include <cstdint>

namespace edgerun {

class ThreadPool {
 public:
  // Runs tiles [begin, end) as lane `lane`; must not throw.
  using Function = void (*)(const void* job, int lane, int64_t begin, int64_t end);

  // The pool of this process; a forked child gets a new one.
  static ThreadPool& instance();

  // Runs `function` over [0, tiles) on at most `lanes` lanes, lane 0 being the caller. Workers are started
  // when they are first needed; when the system refuses a thread, fewer lanes run.
  void run(int lanes, int64_t tiles, Function function, const void* job) noexcept;

 private:
  struct Job;
  struct State;

  ThreadPool();
  void ensure_workers(int count) noexcept;
  static void work(Job* job, int lane) noexcept;
  static void worker_main(State* state) noexcept;
  static void before_fork();
  static void after_fork_parent();
  static void after_fork_child();

  // Made anew in place, not cleaned, in a forked child: the parent's threads do not exist there.
  std::atomic<State*> state_;
};

}  // namespace edgerun
