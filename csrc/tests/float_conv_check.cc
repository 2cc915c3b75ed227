// The float kernels that this machine can run: those with a fused multiply-add against the chain that their
// contract names, bit for bit, and all of them against sums in double precision, within 1e-5 * sum|terms|.
// Every buffer ends or begins at a page that may not be touched. With --bench their speed on one core.
//
//   g++ -std=c++17 -O2 -ffp-contract=off -Icsrc -o float_conv_check csrc/tests/float_conv_check.cc csrc/base/isa.cc
//       csrc/kernels/{gemm_f32,dwconv_f32,hybrid}/*.cc
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <limits>
#include <memory>
#include <vector>

#include "kernels/dwconv_f32/dwconv_f32.h"
#include "kernels/gemm_f32/gemm_f32.h"
#include "kernels/hybrid/hybrid.h"
#include "tests/gemm_check.h"

namespace edgerun {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
const float kUntouched = -12345.678f;

float random_float(Random& random) {
  const float x = static_cast<float>(random.below(2000001) - 1000000) * 1e-6f;
  switch (random.below(16)) {
    case 0: return 0.0f;
    case 1: return -x * 1e-12f;
    case 2: return x * 1e6f;
    default: return x;
  }
}

void fill(Random& random, float* p, size_t n) {
  for (size_t i = 0; i < n; ++i) p[i] = random_float(random);
}

// One output as its contract says it: the chain, the sum in double precision, and the sum of |terms|.
struct Expected {
  explicit Expected(float bias) : chain(bias), sum(bias), magnitude(std::fabs(bias)) {}
  void add(float x, float w) {
    chain = std::fma(x, w, chain);
    const double term = static_cast<double>(x) * static_cast<double>(w);
    sum += term;
    magnitude += std::fabs(term);
  }
  // Whether `got` is the clamped value: of the chain where the kernel is fused, else within tolerance.
  bool equals(float got, bool fused, float lo, float hi) const {
    const double low = lo, high = hi;
    if (fused && !(got == std::min(std::max(chain, lo), hi))) return false;
    return std::fabs(got - std::min(std::max(sum, low), high)) <= 1e-5 * magnitude;
  }
  float chain;
  double sum, magnitude;
};

#ifdef __FP_FAST_FMAF
constexpr bool kGenericIsFused = true;
#else
constexpr bool kGenericIsFused = false;
#endif
bool is_fused(const KernelInfo& info) { return info.isa != Isa::kGeneric || kGenericIsFused; }

struct Bounds {
  explicit Bounds(Random& random) {
    if (random.below(2) == 0) lo = 0;
    if (random.below(3) == 0) hi = 6;
  }
  float lo = -kInfinity, hi = kInfinity;
};

class Tally {
 public:
  Tally(const char* folder, const KernelInfo& info) : folder_(folder), name_(info.name) {}
  void problem(bool right, const char* format, int a, int b, int c) {
    ++problems_;
    if (right || ++wrong_ > 5) return;
    std::printf("%s %s is wrong: ", folder_, name_);
    std::printf(format, a, b, c);
    std::printf("\n");
  }
  bool report() const {
    std::printf("%s %s: %d problems, %d differ\n", folder_, name_, problems_, wrong_);
    return problems_ > 0 && wrong_ == 0;
  }

 private:
  const char *folder_, *name_;
  int problems_ = 0, wrong_ = 0;
};

bool gemm_problem(const GemmF32Kernel& kernel, int m, int n, int k) {
  Random random((static_cast<uint64_t>(m) << 40) ^ (static_cast<uint64_t>(n) << 20) ^ static_cast<uint64_t>(k));
  const bool at_end = random.below(4) != 0, transposed = random.below(2) != 0;
  const int a_stride = k + (random.below(2) != 0 ? random.below(20) : 0);
  const int out_stride = n + (random.below(2) != 0 ? random.below(20) : 0);
  const auto a_floats = static_cast<size_t>((m - 1) * a_stride + k);
  const auto out_floats = static_cast<size_t>((m - 1) * out_stride + n);
  const auto padded = static_cast<size_t>(round_up(n, kernel.n_block));
  const Guarded a(a_floats * 4, 4, at_end), w(static_cast<size_t>(n * k) * 4, 4, at_end);
  const Guarded bias(padded * 4, 4, at_end), out(out_floats * 4, 4, at_end);
  const Guarded packed(kernel.packed_floats(n, k) * 4, 64, at_end);
  fill(random, a.as<float>(), a_floats);
  fill(random, w.as<float>(), static_cast<size_t>(n * k));
  fill(random, bias.as<float>(), static_cast<size_t>(n));
  std::fill_n(out.as<float>(), out_floats, kUntouched);
  std::memset(packed.as(), 0xff, kernel.packed_floats(n, k) * 4);  // pack() must write it all
  const int column_stride = transposed ? 1 : k, depth_stride = transposed ? n : 1;
  kernel.pack(w.as<float>(), column_stride, depth_stride, n, k, packed.as<float>());

  const Bounds bounds(random);
  GemmF32Args args;
  args.a = a.as<float>();
  args.a_stride = a_stride;
  args.m = m;
  args.n = n;
  args.k = k;
  args.packed = packed.as<float>();
  args.bias = bias.as<float>();
  args.lo = bounds.lo;
  args.hi = bounds.hi;
  args.out = out.as<float>();
  args.out_stride = out_stride;
  // All columns at once, in two parts, or the last ones only.
  const int first = random.below((n + kernel.n_block - 1) / kernel.n_block) * kernel.n_block;
  args.n_begin = first;
  args.n_end = n;
  kernel.run(args);
  const bool part_only = random.below(4) == 0;
  if (!part_only && first != 0) {
    args.n_begin = 0;
    args.n_end = first;
    kernel.run(args);
  }
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < out_stride && i * out_stride + j < static_cast<int>(out_floats); ++j) {
      const float got = args.out[i * out_stride + j];
      if (j >= n || (part_only && j < first)) {
        if (got != kUntouched) return false;
        continue;
      }
      Expected expected(args.bias[j]);
      for (int d = 0; d < k; ++d) {
        expected.add(args.a[i * a_stride + d], w.as<float>()[j * column_stride + d * depth_stride]);
      }
      if (!expected.equals(got, is_fused(kernel.info), bounds.lo, bounds.hi)) return false;
    }
  }
  return true;
}

bool check_gemm(const GemmF32Kernel& kernel) {
  Tally tally("gemm_f32", kernel.info);
  Random random(1);
  const auto problem = [&](int m, int n, int k) {
    tally.problem(gemm_problem(kernel, m, n, k), "m %d, n %d, k %d", m, n, k);
  };
  for (int m = 1; m <= 2 * kernel.m_tile + 3; ++m) {
    for (int n = 1; n <= 2 * kernel.n_block + 3; ++n) problem(m, n, 1 + random.below(20));
  }
  for (int k = 1; k <= 300; k += 1 + k / 16) {
    problem(1 + random.below(2 * kernel.m_tile), 1 + random.below(2 * kernel.n_block), k);
  }
  return tally.report();
}

// Where infinities and NaN meet: the answer is a NaN, which no bound removes.
bool check_not_finite(const GemmF32Kernel& kernel) {
  const float a[2] = {kInfinity, 1.0f}, w[2] = {1.0f, -kInfinity};
  const Guarded packed(kernel.packed_floats(1, 2) * 4, 64, true);
  kernel.pack(w, 2, 1, 1, 2, packed.as<float>());
  const std::vector<float> bias(static_cast<size_t>(kernel.n_block));
  float out = 0;
  GemmF32Args args;
  args.a = a;
  args.a_stride = 2;
  args.m = args.n = args.n_end = 1;
  args.k = 2;
  args.packed = packed.as<float>();
  args.bias = bias.data();
  args.hi = 6;
  args.out = &out;
  args.out_stride = 1;
  kernel.run(args);
  if (!std::isnan(out)) std::printf("gemm_f32 %s: inf - inf is %g\n", kernel.info.name, static_cast<double>(out));
  return std::isnan(out);
}

struct DwconvSize {
  int kernel_h, kernel_w, stride, dilation, channels, count;
};

bool dwconv_problem(const DwconvF32Kernel& kernel, const DwconvSize& s, uint64_t seed) {
  Random random(seed);
  const bool at_end = random.below(4) != 0;
  const int pixel_stride = s.channels + (random.below(3) == 0 ? 1 + random.below(20) : 0);
  const int out_stride = s.channels + (random.below(3) == 0 ? 1 + random.below(20) : 0);
  const int taps = s.kernel_h * s.kernel_w;
  const int tap_begin = random.below(3) == 0 ? random.below(s.kernel_w) : 0;
  const int tap_end = random.below(3) == 0 ? tap_begin + 1 + random.below(s.kernel_w - tap_begin) : s.kernel_w;
  const int last_pixel = (s.count - 1) * s.stride + (tap_end - tap_begin - 1) * s.dilation;
  const auto row_floats = static_cast<size_t>(last_pixel * pixel_stride + s.channels);
  const auto out_floats = static_cast<size_t>((s.count - 1) * out_stride + s.channels);
  const auto padded = static_cast<size_t>(round_up(s.channels, kernel.channel_block));
  const size_t packed_bytes = kernel.packed_floats(taps, s.channels) * 4;
  std::vector<std::unique_ptr<Guarded>> memory;
  std::vector<const float*> rows;
  for (int r = 0; r < s.kernel_h; ++r) {
    memory.push_back(std::make_unique<Guarded>(row_floats * 4, 4, at_end));
    fill(random, memory.back()->as<float>(), row_floats);
    rows.push_back(random.below(4) == 0 ? nullptr : memory.back()->as<float>());
  }
  // A weight that meets no pixel may be anything: it is not multiplied by zero.
  std::vector<float> w(static_cast<size_t>(taps * s.channels), kInfinity);
  for (int tap = 0; tap < taps; ++tap) {
    const int t = tap % s.kernel_w;
    if (rows[static_cast<size_t>(tap / s.kernel_w)] == nullptr || t < tap_begin || t >= tap_end) continue;
    fill(random, &w[static_cast<size_t>(tap * s.channels)], static_cast<size_t>(s.channels));
  }
  const Guarded bias(padded * 4, 4, at_end), out(out_floats * 4, 4, at_end);
  const Guarded packed(packed_bytes, 64, at_end);
  fill(random, bias.as<float>(), static_cast<size_t>(s.channels));
  std::fill_n(out.as<float>(), out_floats, kUntouched);
  std::memset(packed.as(), 0xff, packed_bytes);
  kernel.pack(w.data(), taps, s.channels, packed.as<float>());
  const Bounds bounds(random);
  DwconvF32Args args;
  args.rows = rows.data();
  args.pixel_stride = pixel_stride;
  args.kernel_h = s.kernel_h;
  args.kernel_w = s.kernel_w;
  args.tap_begin = tap_begin;
  args.tap_end = tap_end;
  args.stride_w = s.stride;
  args.dilation_w = s.dilation;
  args.channels = s.channels;
  args.count = s.count;
  args.packed = packed.as<float>();
  args.bias = bias.as<float>();
  args.lo = bounds.lo;
  args.hi = bounds.hi;
  args.out = out.as<float>();
  args.out_stride = out_stride;
  kernel.run(args);
  for (int at = 0; at < static_cast<int>(out_floats); ++at) {
    const int i = at / out_stride, c = at % out_stride;
    const float got = args.out[at];
    if (c >= s.channels) {
      if (got != kUntouched) return false;
      continue;
    }
    Expected expected(args.bias[c]);
    for (int r = 0; r < s.kernel_h; ++r) {
      for (int t = tap_begin; t < tap_end && rows[static_cast<size_t>(r)] != nullptr; ++t) {
        const int pixel = i * s.stride + (t - tap_begin) * s.dilation;
        expected.add(rows[static_cast<size_t>(r)][pixel * pixel_stride + c],
                     w[static_cast<size_t>((r * s.kernel_w + t) * s.channels + c)]);
      }
    }
    if (!expected.equals(got, is_fused(kernel.info), bounds.lo, bounds.hi)) return false;
  }
  return true;
}

bool check_dwconv(const DwconvF32Kernel& kernel) {
  Tally tally("dwconv_f32", kernel.info);
  Random random(1);
  uint64_t seed = 0;
  const auto problem = [&](const DwconvSize& s) {
    tally.problem(dwconv_problem(kernel, s, ++seed), "kernel %d wide, %d channels, %d pixels", s.kernel_w,
                  s.channels, s.count);
  };
  const int kernels[][2] = {{3, 3}, {1, 1}, {1, 3}, {3, 1}, {2, 2}, {5, 5}, {7, 7}, {2, 5}, {1, 9}};
  for (int channels = 1; channels <= 2 * kernel.channel_block + 3; ++channels) {
    for (int count = 1; count <= 19; ++count) {
      for (int stride = 1; stride <= 3; ++stride) problem({3, 3, stride, 1, channels, count});
    }
    for (const auto& size : kernels) {
      problem({size[0], size[1], 1 + random.below(3), 1 + random.below(3), channels, 1 + random.below(9)});
    }
  }
  problem({3, 3, 1, 1, 960, 7});
  return tally.report();
}

// The functions around hybrid products against the C library's truncation and plain arithmetic.
bool hybrid_problem(const HybridKernel& kernel, int n, Random& random) {
  const bool at_end = random.below(4) != 0;
  const auto size = static_cast<size_t>(n);
  const Guarded x(size * 4, 4, at_end), out8(size, 1, at_end), outf(size * 4, 4, at_end);
  const Guarded sums(size * 4, 4, at_end), weight_sums(size * 4, 4, at_end);
  const Guarded weight_scale(size * 4, 4, at_end), bias(size * 4, 4, at_end);
  const float ties[] = {0.5f, -0.5f, 1.5f, -1.5f, 2.5f, 0.49999997f, -0.49999997f, 126.5f, -128.5f, 1e30f};
  for (int i = 0; i < n; ++i) {
    const bool tie = random.below(3) == 0;
    x.as<float>()[i] = tie ? ties[random.below(10)] : static_cast<float>(random.below(300000) - 150000) * 1e-3f;
    sums.as<int32_t>()[i] = random.below(1 << 24) - (1 << 23);
    weight_sums.as<int32_t>()[i] = random.below(10000) - 5000;
  }
  fill(random, weight_scale.as<float>(), size);
  fill(random, bias.as<float>(), size);

  float lo = 0, hi = 0;
  kernel.min_max(x.as<float>(), n, &lo, &hi);
  const auto range = std::minmax_element(x.as<float>(), x.as<float>() + n);
  bool right = lo == std::min(0.0f, *range.first) && hi == std::max(0.0f, *range.second);

  DynamicQuantizeArgs quantize;
  quantize.x = x.as<float>();
  quantize.n = n;
  quantize.inverse = random.below(2) != 0 ? 1.0f : 0.731f;
  quantize.lo = -128;
  quantize.shift = random.below(2) * 128;
  quantize.zero = random.below(256) - 128;
  quantize.out8 = out8.as();
  kernel.quantize(quantize);
  quantize.out8 = nullptr;
  quantize.outf = outf.as<float>();
  kernel.quantize(quantize);
  for (int i = 0; i < n; ++i) {
    const float scaled = x.as<float>()[i] * quantize.inverse;
    const float rounded = std::trunc(scaled + std::copysign(0.5f, scaled)) + static_cast<float>(quantize.zero);
    const float q = std::min(std::max(rounded, quantize.lo), quantize.hi);
    right &= out8.as()[i] == static_cast<uint8_t>(static_cast<int>(q) + quantize.shift);
    right &= outf.as<float>()[i] == q - static_cast<float>(quantize.zero);
  }
  quantize.divisor = random.below(2) != 0 ? 1.0f : 0.731f;
  kernel.quantize(quantize);
  for (int i = 0; i < n; ++i) {
    const float rounded = std::nearbyint(x.as<float>()[i] / quantize.divisor) + static_cast<float>(quantize.zero);
    const float q = std::min(std::max(rounded, quantize.lo), quantize.hi);
    right &= outf.as<float>()[i] == q - static_cast<float>(quantize.zero);
  }

  HybridFinishArgs finish;
  const Bounds bounds(random);
  finish.weight_scale = weight_scale.as<float>();
  finish.x_scale = 0.0371f;
  finish.in_turn = random.below(2) != 0;
  finish.bias = bias.as<float>();
  finish.lo = bounds.lo;
  finish.hi = bounds.hi;
  finish.out = outf.as<float>();
  finish.n = n;
  std::vector<float> acc(size);
  finish.zero = random.below(256) - 128;
  for (int pass = 0; pass < 2; ++pass) {
    for (int i = 0; i < n; ++i) {
      acc[static_cast<size_t>(i)] =
          pass == 0 ? static_cast<float>(sums.as<int32_t>()[i] - finish.zero * weight_sums.as<int32_t>()[i])
                    : static_cast<float>(sums.as<int32_t>()[i]);
    }
    finish.sums = pass == 0 ? sums.as<int32_t>() : nullptr;
    finish.weight_sums = pass == 0 ? weight_sums.as<int32_t>() : nullptr;
    finish.acc = pass == 0 ? nullptr : finish.out;
    if (pass == 1) std::copy(acc.begin(), acc.end(), finish.out);
    kernel.finish(finish);
    for (int i = 0; i < n; ++i) {
      const float scale = finish.weight_scale[i], sum = acc[static_cast<size_t>(i)];
      const float scaled = finish.in_turn ? sum * scale * finish.x_scale : sum * (scale * finish.x_scale);
      const float expected = std::min(std::max(scaled + finish.bias[i], finish.lo), finish.hi);
      right &= finish.out[i] == expected;
    }
  }
  return right;
}

bool check_hybrid(const HybridKernel& kernel) {
  Tally tally("hybrid", kernel.info);
  Random random(1);
  for (int n = 1; n <= 2 * 64 + 3; ++n) {
    for (int i = 0; i < 8; ++i) tally.problem(hybrid_problem(kernel, n, random), "n %d", n, 0, 0);
  }
  return tally.report();
}

bool check() {
  bool right = true;
  for (const auto* kernel : allowed_kernels(hybrid_kernels(), isa_best())) right &= check_hybrid(*kernel);
  for (const auto* kernel : allowed_kernels(gemm_f32_kernels(), isa_best())) {
    right &= check_gemm(*kernel);
    right &= check_not_finite(*kernel);
  }
  for (const auto* kernel : allowed_kernels(dwconv_f32_kernels(), isa_best())) right &= check_dwconv(*kernel);
  return right;
}

// Median of the billions of operations per second of five rounds, each of at least 4 ms of this process's time.
template <class Run>
double speed(double operations, const Run& run) {
  const auto seconds = [&](int times) {
    const std::clock_t start = std::clock();
    for (int i = 0; i < times; ++i) run();
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  };
  int times = 1;
  while (seconds(times) < 4e-3) times *= 2;
  double rounds[5];
  for (double& round : rounds) round = operations * times / seconds(times) * 1e-9;
  std::sort(rounds, rounds + 5);
  return rounds[2];
}

void bench_gemm(const GemmF32Kernel& kernel) {
  const int layers[][3] = {{256, 256, 1152}, {3136, 64, 64}, {196, 96, 384}, {12544, 32, 27}, {1, 1001, 1280}};
  for (const auto& [m, n, k] : layers) {
    const std::vector<float> a(static_cast<size_t>(m) * static_cast<size_t>(k), 0.5f);
    const std::vector<float> w(static_cast<size_t>(n) * static_cast<size_t>(k), 0.25f);
    const std::vector<float> bias(static_cast<size_t>(n + kernel.n_block));
    std::vector<float> out(static_cast<size_t>(m) * static_cast<size_t>(n));
    const Guarded packed(kernel.packed_floats(n, k) * 4, 64, true);
    kernel.pack(w.data(), k, 1, n, k, packed.as<float>());
    GemmF32Args args;
    args.a = a.data();
    args.a_stride = k;
    args.m = m;
    args.n = args.n_end = n;
    args.k = k;
    args.packed = packed.as<float>();
    args.bias = bias.data();
    args.lo = -kInfinity;
    args.hi = kInfinity;
    args.out = out.data();
    args.out_stride = n;
    std::printf("gemm_f32   %-8s m %5d  n %4d  k %4d    %6.1f GFLOP/s\n", kernel.info.name, m, n, k,
                speed(2.0 * m * n * k, [&] { kernel.run(args); }));
  }
}

void bench_dwconv(const DwconvF32Kernel& kernel) {
  const int layers[][4] = {{112, 32, 3, 1}, {56, 144, 3, 2}, {14, 384, 3, 1}, {7, 960, 3, 1}, {14, 384, 5, 1}};
  for (const auto& [size, channels, taps, stride] : layers) {
    const int out_size = size / stride, in_size = size + taps - 1;
    const std::vector<float> in(static_cast<size_t>(in_size * in_size * channels), 0.5f);
    const std::vector<float> w(static_cast<size_t>(taps * taps * channels), 0.25f);
    const std::vector<float> bias(static_cast<size_t>(channels + kernel.channel_block));
    std::vector<float> out(static_cast<size_t>(out_size * out_size * channels));
    const Guarded packed(kernel.packed_floats(taps * taps, channels) * 4, 64, true);
    kernel.pack(w.data(), taps * taps, channels, packed.as<float>());
    std::vector<const float*> rows(static_cast<size_t>(taps));
    DwconvF32Args args;
    args.rows = rows.data();
    args.pixel_stride = args.out_stride = args.channels = channels;
    args.kernel_h = args.kernel_w = args.tap_end = taps;
    args.stride_w = stride;
    args.count = out_size;
    args.packed = packed.as<float>();
    args.bias = bias.data();
    args.lo = -kInfinity;
    args.hi = kInfinity;
    const double operations = 2.0 * out_size * out_size * channels * taps * taps;
    const double rate = speed(operations, [&] {
      for (int y = 0; y < out_size; ++y) {
        for (int r = 0; r < taps; ++r) {
          rows[static_cast<size_t>(r)] = in.data() + static_cast<ptrdiff_t>(y * stride + r) * in_size * channels;
        }
        args.out = out.data() + static_cast<ptrdiff_t>(y) * out_size * channels;
        kernel.run(args);
      }
    });
    std::printf("dwconv_f32 %-8s %3d x %3d x %3d, %d x %d, stride %d  %6.1f GFLOP/s\n", kernel.info.name, size,
                size, channels, taps, taps, stride, rate);
  }
}

void bench() {
  for (const auto* kernel : allowed_kernels(gemm_f32_kernels(), isa_best())) bench_gemm(*kernel);
  for (const auto* kernel : allowed_kernels(dwconv_f32_kernels(), isa_best())) bench_dwconv(*kernel);
}

}  // namespace
}  // namespace edgerun

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--bench") == 0) {
    edgerun::bench();
    return 0;
  }
  return edgerun::check() ? 0 : 1;
}
