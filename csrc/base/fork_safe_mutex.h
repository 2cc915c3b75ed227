// A mutex that a forked child finds unlocked, whatever its parent's other threads were doing.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

namespace edgerun {

class ForkSafeMutex {
 public:
  ForkSafeMutex() : mutex_(new std::mutex), generation_(generation()) {}
  ~ForkSafeMutex() { delete mutex_.load(); }
  ForkSafeMutex(const ForkSafeMutex&) = delete;
  ForkSafeMutex& operator=(const ForkSafeMutex&) = delete;

  void lock() { current().lock(); }
  void unlock() { mutex_.load(std::memory_order_relaxed)->unlock(); }

 private:
  // Counts the forks between the first process and this one.
  static uint64_t generation() {
    static const int registered = pthread_atfork(nullptr, nullptr, [] { counter().fetch_add(1); });
    static_cast<void>(registered);
    return counter().load(std::memory_order_relaxed);
  }
  static std::atomic<uint64_t>& counter() {
    static std::atomic<uint64_t> value{0};
    return value;
  }

  // The parent's mutex may be locked for ever: it is left behind, not unlocked or destroyed.
  std::mutex& current() {
    uint64_t seen = generation_.load(std::memory_order_acquire);
    const uint64_t now = generation();
    if (seen != now) {
      auto fresh = std::make_unique<std::mutex>();
      static std::mutex replacing;
      const std::lock_guard<std::mutex> lock(replacing);
      if (generation_.load(std::memory_order_relaxed) != now) {
        mutex_.store(fresh.release(), std::memory_order_release);
        generation_.store(now, std::memory_order_release);
      }
    }
    return *mutex_.load(std::memory_order_acquire);
  }

  std::atomic<std::mutex*> mutex_;
  std::atomic<uint64_t> generation_;
};

}  // namespace edgerun
