// Round to nearest, subnormals flushed to zero (what ARMv7's NEON always does), while an object lives; the
// caller's floating-point environment is restored after.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace edgerun {

class FloatMode {
 public:
  FloatMode() : saved_(get()) { set(kMode); }
  ~FloatMode() { set(saved_); }
  FloatMode(const FloatMode&) = delete;
  FloatMode& operator=(const FloatMode&) = delete;

 private:
#if defined(__x86_64__)
  using Register = uint32_t;
  static constexpr Register kMode = 0x9fc0;  // all exceptions masked, FTZ, DAZ, nearest
  static Register get() { return _mm_getcsr(); }
  static void set(Register value) { _mm_setcsr(value); }
#elif defined(__aarch64__)
  using Register = uint64_t;
  static constexpr Register kMode = 1u << 24;  // FZ, nearest
  static Register get() {
    Register value;
    __asm__ volatile("mrs %0, fpcr" : "=r"(value));
    return value;
  }
  static void set(Register value) { __asm__ volatile("msr fpcr, %0" : : "r"(value)); }
#elif defined(__arm__)
  using Register = uint32_t;
  static constexpr Register kMode = 1u << 24;  // FZ, nearest
  static Register get() {
    Register value;
    __asm__ volatile("vmrs %0, fpscr" : "=r"(value));
    return value;
  }
  static void set(Register value) { __asm__ volatile("vmsr fpscr, %0" : : "r"(value)); }
#else
  using Register = uint32_t;
  static constexpr Register kMode = 0;
  static Register get() { return 0; }
  static void set(Register) {}
#endif
  Register saved_;
};

}  // namespace edgerun
