// What the native checks share: random values, buffers that notice a stray access, and a line per
// kernel.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/requantize.h"
#include "kernels/kernel.h"

namespace edgerun {
namespace {

int failures = 0;

constexpr int kMaxSize = 2 * 128 + 3;  // the widest loop takes 128 bytes at a time

class Random {
 public:
  Random() = default;
  explicit Random(uint64_t seed) : state_(seed) {}  // not 0

  uint32_t next() {  // xorshift
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<uint32_t>(state_ >> 16);
  }
  int between(int low, int high) {
    return low + static_cast<int>(next() % static_cast<uint32_t>(high - low + 1));
  }
  bool coin() { return (next() & 1) != 0; }
  // Mostly ordinary, sometimes a value that overflows, underflows or saturates.
  float multiplier() {
    constexpr float kExtremes[] = {0.0f, 1e-40f, 1e-6f, 1e6f, 3e38f, 1.0f, 0.5f};
    if (between(0, 3) == 0) return kExtremes[between(0, 6)];
    return static_cast<float>(next() % 100000) * 2e-5f;
  }
  OutputRange range(bool is_signed) {
    const int base = is_signed ? -128 : 0;
    const int zero_point = base + between(0, 255);
    int low = base, high = base + 255;
    if (coin()) {
      low += between(0, 200);
      high = low + between(0, base + 255 - low);
    }
    return {static_cast<float>(low - zero_point), static_cast<float>(high - zero_point),
            zero_point};
  }
  int stored(bool is_signed) { return (is_signed ? -128 : 0) + between(0, 255); }

 private:
  uint64_t state_ = 88172645463325252u;
};

Random random_source;

// Exactly `size` elements, so that a sanitizer sees every byte too many; `skew` moves them off
// alignment.
template <class T>
class Input {
 public:
  explicit Input(size_t size, size_t skew = 0)
      : data_(new T[size + skew]), skew_(skew), size_(size) {
    auto* bytes = reinterpret_cast<uint8_t*>(data_.get());
    for (size_t i = 0; i < (size + skew) * sizeof(T); ++i)
      bytes[i] = static_cast<uint8_t>(random_source.next());
    // Runs of the extremes are as likely as noise.
    if (random_source.between(0, 4) == 0)
      std::memset(bytes, random_source.coin() ? 0xff : 0x80, (size + skew) * sizeof(T));
  }
  T* get() { return data_.get() + skew_; }
  size_t size() const { return size_; }

 private:
  std::unique_ptr<T[]> data_;
  size_t skew_, size_;
};

// `size` elements between guards.
template <class T>
class Output {
 public:
  explicit Output(size_t size)
      : bytes_(size * sizeof(T) + 2 * kGuard, kPattern), size_(size * sizeof(T)) {}
  T* get() { return reinterpret_cast<T*>(bytes_.data() + kGuard); }
  bool operator==(const Output& other) const { return bytes_ == other.bytes_; }
  bool guarded() const {
    for (size_t i = 0; i < kGuard; ++i) {
      if (bytes_[i] != kPattern || bytes_[kGuard + size_ + i] != kPattern) return false;
    }
    return true;
  }

 private:
  static constexpr size_t kGuard = 64;
  static constexpr uint8_t kPattern = 0xa5;
  std::vector<uint8_t> bytes_;
  size_t size_;
};

// Counts the comparisons of one kernel.
class Report {
 public:
  Report(const char* folder, const KernelInfo& info)
      : name_(std::string(folder) + "/" + info.name) {}
  ~Report() {
    std::printf("%-20s %s (%d cases)\n", name_.c_str(), bad_ == 0 ? "ok" : "FAILED", cases_);
  }
  template <class T>
  void compare(const Output<T>& expected, const Output<T>& got, const std::string& what) {
    expect(expected.guarded() && expected == got, "differs from generic: " + what);
  }
  void expect(bool ok, const std::string& what) {
    ++cases_;
    if (ok) return;
    ++failures;
    if (++bad_ <= 5) std::printf("%s: %s\n", name_.c_str(), what.c_str());
  }

 private:
  std::string name_;
  int cases_ = 0, bad_ = 0;
};

// Calls check(kernel, generic, report) for each kernel but the generic one; that one against
// itself, for the guards and the sanitizers.
template <class Kernel, class Check>
void for_each(const char* folder, const std::vector<const Kernel*>& kernels, const Check& check) {
  for (const Kernel* kernel : kernels) {
    if (!isa_detected(kernel->info.isa)) continue;
    Report report(folder, kernel->info);
    check(*kernel, *kernels.back(), report);
  }
}

std::string size_text(int n) { return "n = " + std::to_string(n); }

}  // namespace
}  // namespace edgerun
