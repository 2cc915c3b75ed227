// The FFT of `length` real numbers, length / 2 = n a product of fours, twos, threes and fives, in
// kissfft's order of operations:
//
//   forward   out[2k], out[2k+1] = sum_t in[t] e^(-2 pi i k t / length), k = 0 .. n
//   inverse   in[2k], in[2k+1] = such a spectrum; out[t] = the signal
//
// s16 and s32 divide by the length both ways: each butterfly by its radix, before it adds;
// products are rounded half up, and what is stored wraps around. f32 divides on the way back
// alone. out and scratch overlap nothing.
//
// roots: e^(-+2 pi i k / n), k = 0 .. n-1, and last_roots: e^(-+pi i ((k + 1) / n + 1/2)),
// k = 0 .. n/2-1 (the upper sign forward), as pairs of real and imaginary part, times 2^15 - 1 or
// 2^31 - 1 where fixed.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernel.h"

namespace edgerun {

constexpr int64_t kMaxFftLength = 1 << 15;

template <class T>
struct FftArgs {
  const T* in = nullptr;  // length, or length + 2 if inverse
  T* out = nullptr;       // length + 2, or length if inverse
  T* scratch = nullptr;   // length
  const T* roots = nullptr;
  const T* last_roots = nullptr;
  int32_t length = 0;
  bool inverse = false;
};

struct FftKernel {
  KernelInfo info;
  void (*s16)(const FftArgs<int16_t>& args);
  void (*s32)(const FftArgs<int32_t>& args);
  void (*f32)(const FftArgs<float>& args);
};

#define KERNEL(name, isa) extern const FftKernel fft_##name;
#include "kernels/fft/kernels.inc"
#undef KERNEL

inline std::vector<const FftKernel*> fft_kernels() {
  return {
#define KERNEL(name, isa) &fft_##name,
#include "kernels/fft/kernels.inc"
#undef KERNEL
  };
}

// Whether there is an FFT of this length.
inline bool is_fft_length(int64_t length) {
  if (length < 4 || length > kMaxFftLength || length % 2 != 0) return false;
  int64_t n = length / 2;
  for (const int64_t radix : {2, 3, 5}) {
    while (n % radix == 0) n /= radix;
  }
  return n == 1;
}

}  // namespace edgerun
