// Compares a kernel of gemm_s8 with the generic one, bit for bit, on pseudo-random problems. Every
// buffer ends or begins at a page that may not be touched, so that one byte too far is a fault.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "kernels/gemm_s8/gemm_s8.h"

namespace edgerun {

inline int round_up(int value, int unit) { return (value + unit - 1) / unit * unit; }

// splitmix64: the same problems on every machine.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }
  int below(int bound) { return static_cast<int>(next() % static_cast<uint64_t>(bound)); }

 private:
  uint64_t state_;
};

// Zeroed memory between two forbidden pages: at its end touching the upper one, or at its beginning
// the lower one.
class Guarded {
 public:
  Guarded(size_t bytes, size_t alignment, bool at_end) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t inner = (std::max<size_t>(bytes, 1) + page - 1) / page * page;
    size_ = inner + 2 * page;
    void* map = mmap(nullptr, size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    base_ = static_cast<uint8_t*>(map);
    if (map == MAP_FAILED || mprotect(base_ + page, inner, PROT_READ | PROT_WRITE) != 0) {
      std::perror("mmap");
      std::exit(2);
    }
    data_ = base_ + page + (at_end ? (inner - bytes) / alignment * alignment : 0);
  }
  ~Guarded() { munmap(base_, size_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  template <class T = uint8_t>
  T* as() const {
    return reinterpret_cast<T*>(data_);
  }

 private:
  uint8_t* base_;
  uint8_t* data_;
  size_t size_;
};

class GemmCheck {
 public:
  explicit GemmCheck(const GemmS8Kernel& kernel) : kernel_(kernel) {}

  // One problem of this size; all else about it comes from the sizes by chance.
  void problem(int m, int n, int k) {
    Random random((static_cast<uint64_t>(m) << 40) ^ (static_cast<uint64_t>(n) << 20) ^
                  static_cast<uint64_t>(k));
    const bool at_end = random.below(4) != 0;
    const bool a_signed = kernel_.a_signedness == Signedness::kSigned ||
                          (kernel_.a_signedness == Signedness::kAny && random.below(2) != 0);
    const int padded_n = round_up(n, kernel_.n_block);
    const int row_bytes = round_up(k, kernel_.k_unit);
    const int a_stride = row_bytes + (random.below(2) != 0 ? random.below(70) : 0);
    const int out_stride = n + (random.below(2) != 0 ? random.below(40) : 0);
    const size_t a_bytes =
        static_cast<size_t>(m - 1) * static_cast<size_t>(a_stride) + static_cast<size_t>(row_bytes);
    const size_t out_bytes =
        static_cast<size_t>(m - 1) * static_cast<size_t>(out_stride) + static_cast<size_t>(n);

    const Guarded a(a_bytes, 1, at_end);
    const Guarded w(static_cast<size_t>(n) * static_cast<size_t>(k), 1, at_end);
    const Guarded bias(static_cast<size_t>(padded_n) * 4, 4, at_end);
    const Guarded multiplier(static_cast<size_t>(padded_n) * 4, 4, at_end);
    const Guarded row_offset(static_cast<size_t>(m) * 4, 4, at_end);
    const Guarded packed(kernel_.packed_bytes(n, k), 64, at_end);
    const Guarded out(out_bytes, 1, at_end);

    // Both factors are random, or mostly at their ends (where saturating arithmetic would show), or
    // small.
    const int a_kind = random.below(3), w_kind = random.below(3);
    for (size_t i = 0; i < a_bytes; ++i) {
      a.as()[i] = static_cast<uint8_t>(value(random, a_kind) ^ (a_signed ? 0 : 0x80));
    }
    for (int i = 0; i < n * k; ++i) w.as<int8_t>()[i] = static_cast<int8_t>(value(random, w_kind));
    const bool wrap = random.below(4) == 0;  // biases that carry sums beyond int32
    for (int j = 0; j < padded_n; ++j) {
      const auto any = static_cast<int32_t>(random.next() >> 32);
      bias.as<int32_t>()[j] = wrap ? any : any >> 16;
      multiplier.as<float>()[j] = scale(random, k);
    }
    for (int i = 0; i < m; ++i)
      row_offset.as<int32_t>()[i] = static_cast<int32_t>(random.next() >> 32) >> 14;

    GemmS8Args args;
    args.a = a.as();
    args.a_stride = a_stride;
    args.a_signed = a_signed;
    args.m = m;
    args.n = n;
    args.k = k;
    args.bias = bias.as<int32_t>();
    args.multiplier = multiplier.as<float>();
    args.row_offset = random.below(2) != 0 ? row_offset.as<int32_t>() : nullptr;
    args.range = range(random, a_signed);
    args.out_stride = out_stride;

    // A part of the columns, or all of them in two parts or one.
    const int blocks = (n + kernel_.n_block - 1) / kernel_.n_block;
    const int first = random.below(blocks) * kernel_.n_block;
    const bool part_only = random.below(4) == 0;
    std::vector<uint8_t> expected(out_bytes, kUntouched);
    args.packed = w.as();
    args.out = expected.data();
    args.n_begin = part_only ? first : 0;
    args.n_end = n;
    gemm_s8_generic.run(args);

    kernel_.pack(w.as<int8_t>(), n, k, packed.as());
    std::memset(out.as(), kUntouched, out_bytes);
    args.packed = packed.as();
    args.out = out.as();
    args.n_begin = first;
    kernel_.run(args);
    if (!part_only && first != 0) {
      args.n_begin = 0;
      args.n_end = first;
      kernel_.run(args);
    }

    // The sums themselves, of the part that was computed last.
    const int sums_stride = padded_n + random.below(5);
    const Guarded sums(static_cast<size_t>((m - 1) * sums_stride + padded_n) * 4, 4, at_end);
    std::vector<int32_t> expected_sums(static_cast<size_t>(m * sums_stride));
    args.sums = sums.as<int32_t>();
    args.sums_stride = sums_stride;
    kernel_.run(args);
    args.sums = expected_sums.data();
    args.packed = w.as();
    gemm_s8_generic.run(args);
    for (int i = 0; i < m; ++i) {
      const auto from = static_cast<size_t>(args.n_begin), at = static_cast<size_t>(i * sums_stride) + from;
      const auto bytes = static_cast<size_t>(args.n_end - args.n_begin) * 4;
      if (std::memcmp(&sums.as<int32_t>()[at], &expected_sums[at], bytes) == 0) continue;
      if (++wrong_ <= 5) {
        std::printf("%s: m %d, n %d, k %d: sums of row %d differ\n", kernel_.info.name, m, n, k, i);
      }
      break;
    }

    ++problems_;
    outputs_ += static_cast<int64_t>(m) * n;
    for (size_t i = 0; i < out_bytes; ++i) {
      if (out.as()[i] == expected[i]) continue;
      if (++wrong_ <= 5) {
        std::printf("%s: m %d, n %d, k %d: byte %d of row %d is %d, not %d\n", kernel_.info.name, m,
                    n, k, static_cast<int>(i) % out_stride, static_cast<int>(i) / out_stride,
                    out.as()[i], expected[i]);
      }
      break;
    }
  }

  // All m up to 2 m_tile + 3 with all n up to 2 n_block + 3, each at one depth around the kernel's
  // units and at several others (all, where the tile is small); and all depths up to 2 step + 3,
  // where `step` is the depth of the kernel's inner loop.
  void sizes(int step) {
    Random random(1);
    const int max_m = 2 * kernel_.m_tile + 3, max_n = 2 * kernel_.n_block + 3, max_k = 2 * step + 3;
    const int edges[] = {1, kernel_.k_unit, kernel_.k_unit + 1, step - 1, step, step + 1, 2 * step};
    const int depths = std::min(max_k, std::max(1, 5000 / (max_m * max_n)));
    for (int m = 1; m <= max_m; ++m) {
      for (int n = 1; n <= max_n; ++n) {
        problem(m, n, edges[random.below(7)]);
        const int first = random.below(max_k);
        for (int d = 0; d < depths; ++d) problem(m, n, 1 + (first + d) % max_k);
      }
    }
    for (int k = 1; k <= max_k; ++k) {
      for (int i = 0; i < 12; ++i) {
        const int m = 1 + random.below(max_m);
        problem(m, 1 + random.below(max_n), k);
      }
    }
    problem(3 * kernel_.m_tile + 1, 5 * kernel_.n_block + 1, 1029);
  }

  // Says what ran, as `name`; true when all was equal.
  bool report(const char* name) const {
    std::printf("%s: %lld problems, %lld outputs, %lld problems differ\n", name,
                static_cast<long long>(problems_), static_cast<long long>(outputs_),
                static_cast<long long>(wrong_));
    return problems_ > 0 && wrong_ == 0;
  }

 private:
  static constexpr uint8_t kUntouched = 0xa5;

  static int value(Random& random, int kind) {
    if (kind == 0) return random.below(256) - 128;
    if (kind == 1) return random.below(16) == 0 ? 127 : -128;
    return random.below(5) - 2;
  }

  static float scale(Random& random, int k) {
    switch (random.below(8)) {
      case 0: return 0.0f;
      case 1: return 3e38f;
      case 2: return 0.5f;     // every other sum is a tie
      case 3: return 0.0625f;  // some sums are
      default: return static_cast<float>(1 + random.below(1000)) / (2e5f * static_cast<float>(k));
    }
  }

  static OutputRange range(Random& random, bool is_signed) {
    const int qmin = is_signed ? -128 : 0;
    OutputRange range;
    range.zero_point = qmin + random.below(256);
    const int lowest = random.below(2) != 0 ? qmin : range.zero_point;  // ReLU
    range.lo = static_cast<float>(lowest - range.zero_point);
    range.hi =
        static_cast<float>(std::max(lowest, qmin + 255 - random.below(20)) - range.zero_point);
    return range;
  }

  const GemmS8Kernel& kernel_;
  int64_t problems_ = 0, outputs_ = 0, wrong_ = 0;
};

}  // namespace edgerun
