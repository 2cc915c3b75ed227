// Every kernel of gemm_s8, dwconv_s8 and row_sum that this machine can run against the generic one,
// bit for bit; with --bench their speed on typical layers, on one core.
//
//   g++ -std=c++17 -O2 -ffp-contract=off -Icsrc -o kernel_check csrc/tests/kernel_check.cc
//   csrc/base/isa.cc
//       csrc/kernels/gemm_s8/*.cc csrc/kernels/dwconv_s8/*.cc csrc/kernels/row_sum/*.cc
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "kernels/dwconv_s8/dwconv_s8.h"
#include "kernels/gemm_s8/gemm_s8.h"
#include "kernels/row_sum/row_sum.h"
#include "tests/gemm_check.h"

namespace edgerun {
namespace {

constexpr uint8_t kUntouched = 0xa5;

// Random, or mostly at the ends of the range, where saturating arithmetic would show.
uint8_t random_byte(Random& random, bool ends) {
  if (!ends) return static_cast<uint8_t>(random.below(256));
  const uint8_t values[] = {0, 255, 127, 128};
  return values[random.below(16) == 0 ? random.below(4) : 1];
}

OutputRange random_range(Random& random, bool is_signed) {
  const int qmin = is_signed ? -128 : 0;
  OutputRange range;
  range.zero_point = qmin + random.below(256);
  const int lowest = random.below(2) != 0 ? qmin : range.zero_point;  // ReLU
  range.lo = static_cast<float>(lowest - range.zero_point);
  range.hi = static_cast<float>(std::max(lowest, qmin + 255 - random.below(20)) - range.zero_point);
  return range;
}

class DwconvCheck {
 public:
  explicit DwconvCheck(const DwconvS8Kernel& kernel) : kernel_(kernel) {}

  struct Size {
    int kernel_h, kernel_w, stride, dilation, channels, count;
  };

  void problem(const Size& s) {
    Random random(static_cast<uint64_t>(problems_));
    ++problems_;
    const bool at_end = random.below(4) != 0;
    const bool is_signed = kernel_.a_signedness == Signedness::kSigned ||
                           (kernel_.a_signedness == Signedness::kAny && random.below(2) != 0);
    const int pixel_stride = s.channels + (random.below(3) == 0 ? 1 + random.below(70) : 0);
    const int out_stride = s.channels + (random.below(3) == 0 ? 1 + random.below(70) : 0);
    const int last_pixel = (s.count - 1) * s.stride + (s.kernel_w - 1) * s.dilation;
    const size_t row_bytes = static_cast<size_t>(last_pixel) * static_cast<size_t>(pixel_stride) +
                             static_cast<size_t>(s.channels);
    const bool ends = random.below(2) != 0;
    std::vector<std::unique_ptr<Guarded>> row_memory;
    std::vector<const uint8_t*> rows;
    for (int r = 0; r < s.kernel_h; ++r) {
      row_memory.push_back(std::make_unique<Guarded>(row_bytes, 1, at_end));
      uint8_t* row = row_memory.back()->as();
      for (size_t i = 0; i < row_bytes; ++i) row[i] = random_byte(random, ends);
      rows.push_back(row);
    }

    // Weights of 8 bits; of 9 bits, as legacy uint8 models have them; both extremes of those.
    const int weight_kind = random.below(4);
    const int taps = s.kernel_h * s.kernel_w;
    std::vector<int16_t> w(static_cast<size_t>(taps) * static_cast<size_t>(s.channels));
    for (int16_t& x : w) {
      const int wide = random.below(511) - 255;
      const int values[] = {random.below(256) - 128, random.below(2) != 0 ? -128 : 127, wide,
                            wide < 0 ? -255 : 255};
      x = static_cast<int16_t>(values[weight_kind]);
    }
    const size_t padded = static_cast<size_t>(round_up(s.channels, kernel_.channel_block));
    const Guarded bias(padded * 4, 4, at_end), multiplier(padded * 4, 4, at_end);
    const bool wrap = random.below(4) == 0;  // biases that carry sums beyond int32
    for (size_t c = 0; c < padded; ++c) {
      const auto any = static_cast<int32_t>(random.next() >> 32);
      bias.as<int32_t>()[c] = wrap ? any : any >> 16;
      multiplier.as<float>()[c] =
          random.below(8) == 0
              ? 0.5f
              : static_cast<float>(1 + random.below(1000)) / (2e5f * static_cast<float>(taps));
    }
    const size_t out_bytes = static_cast<size_t>(s.count - 1) * static_cast<size_t>(out_stride) +
                             static_cast<size_t>(s.channels);
    const Guarded out(out_bytes, 1, at_end);
    const size_t packed_bytes = kernel_.packed_bytes(w.data(), s.kernel_h, s.kernel_w, s.channels);
    if (packed_bytes == 0) return;  // this kernel has no form for these weights
    const Guarded packed(packed_bytes, 64, at_end);
    kernel_.pack(w.data(), s.kernel_h, s.kernel_w, s.channels, packed.as());

    DwconvS8Args args;
    args.rows = rows.data();
    args.pixel_stride = pixel_stride;
    args.a_signed = is_signed;
    args.kernel_h = s.kernel_h;
    args.kernel_w = s.kernel_w;
    args.stride_w = s.stride;
    args.dilation_w = s.dilation;
    args.channels = s.channels;
    args.count = s.count;
    args.bias = bias.as<int32_t>();
    args.multiplier = multiplier.as<float>();
    args.range = random_range(random, random.below(2) != 0);
    args.out_stride = out_stride;

    // All channels, or some of the blocks.
    const int blocks = static_cast<int>(padded) / kernel_.channel_block;
    const bool part = random.below(3) == 0;
    const int first = part ? random.below(blocks) : 0;
    const int last = part ? first + 1 + random.below(blocks - first) : blocks;
    args.channel_begin = first * kernel_.channel_block;
    args.channel_end = std::min(last * kernel_.channel_block, s.channels);
    std::vector<uint8_t> expected(out_bytes, kUntouched);
    args.packed = w.data();
    args.out = expected.data();
    dwconv_s8_generic.run(args);
    std::memset(out.as(), kUntouched, out_bytes);
    args.packed = packed.as();
    args.out = out.as();
    kernel_.run(args);
    for (size_t i = 0; i < out_bytes; ++i) {
      if (out.as()[i] == expected[i]) continue;
      if (++wrong_ <= 5) {
        std::printf(
            "%s: kernel %d x %d, stride %d, dilation %d, %d channels: channel %d of pixel %d of %d "
            "is %d, not %d\n",
            kernel_.info.name, s.kernel_h, s.kernel_w, s.stride, s.dilation, s.channels,
            static_cast<int>(i) % out_stride, static_cast<int>(i) / out_stride, s.count,
            out.as()[i], expected[i]);
      }
      break;
    }
  }

  void sizes() {
    Random random(1);
    const int kernels[][2] = {{3, 3}, {1, 1}, {1, 3}, {3, 1}, {2, 2}, {4, 4},
                              {5, 5}, {7, 7}, {3, 5}, {2, 5}, {1, 9}};
    for (int channels = 1; channels <= 2 * kernel_.channel_block + 3; ++channels) {
      for (int count = 1; count <= 11; ++count) {  // 3x3 by all strides
        for (int stride = 1; stride <= 3; ++stride) problem({3, 3, stride, 1, channels, count});
      }
      for (const auto& kernel : kernels) {
        problem({kernel[0], kernel[1], 1 + random.below(3), 1 + random.below(3), channels,
                 1 + random.below(9)});
      }
    }
    problem({3, 3, 1, 1, 960, 7});
    problem({16, 16, 1, 1, 40, 2});
  }

  bool report() const {
    std::printf("dwconv_s8 %s: %d problems, %d differ\n", kernel_.info.name, problems_, wrong_);
    return problems_ > 0 && wrong_ == 0;
  }

 private:
  const DwconvS8Kernel& kernel_;
  int problems_ = 0, wrong_ = 0;
};

// GemmCheck stores results as it reads `a`; here they are stored as signed bytes whatever `a` is.
bool check_signed_results(const GemmS8Kernel& kernel) {
  Random random(1);
  int wrong = 0;
  constexpr int kProblems = 300;
  for (int problem = 0; problem < kProblems; ++problem) {
    const int m = 1 + random.below(2 * kernel.m_tile), n = 1 + random.below(2 * kernel.n_block);
    const int k = 1 + random.below(40), depth = round_up(k, kernel.k_unit);
    const auto padded = static_cast<size_t>(round_up(n, kernel.n_block));
    const Guarded a(static_cast<size_t>(m * depth), 1, true);
    for (int i = 0; i < m * depth; ++i) a.as()[i] = random_byte(random, false);
    std::vector<int8_t> w(static_cast<size_t>(n * k));
    for (int8_t& x : w) x = static_cast<int8_t>(random.below(256) - 128);
    const std::vector<int32_t> bias(padded, random.below(20000) - 10000);
    const std::vector<float> multiplier(padded, 0.003f);
    const Guarded packed(kernel.packed_bytes(n, k), 64, true);
    kernel.pack(w.data(), n, k, packed.as());
    std::vector<uint8_t> expected(static_cast<size_t>(m * n)), got(expected.size());
    GemmS8Args args;
    args.a = a.as();
    args.a_stride = depth;
    args.a_signed = kernel.a_signedness == Signedness::kSigned;
    args.m = m;
    args.n = args.n_end = n;
    args.k = k;
    args.packed = w.data();
    args.bias = bias.data();
    args.multiplier = multiplier.data();
    args.range = random_range(random, true);
    args.out = expected.data();
    args.out_stride = n;
    gemm_s8_generic.run(args);
    args.packed = packed.as();
    args.out = got.data();
    kernel.run(args);
    if (got != expected) ++wrong;
  }
  std::printf("gemm_s8 %s: %d problems with signed results, %d differ\n", kernel.info.name,
              kProblems, wrong);
  return wrong == 0;
}

bool check_row_sum(const RowSumKernel& kernel) {
  Random random(1);
  int wrong = 0, problems = 0;
  for (int k = 1; k <= 400; ++k) {
    for (int kind = 0; kind < 4; ++kind, ++problems) {
      const int m = 1 + random.below(4), stride = k + random.below(3) * random.below(40);
      const size_t bytes = static_cast<size_t>((m - 1) * stride + k);
      const Guarded a(bytes, 1, random.below(4) != 0);
      for (size_t i = 0; i < bytes; ++i) a.as()[i] = random_byte(random, kind >= 2);
      const Guarded sums(static_cast<size_t>(m) * 4, 4, true);
      std::vector<int32_t> expected(static_cast<size_t>(m));
      RowSumArgs args;
      args.a = a.as();
      args.a_stride = stride;
      args.a_signed = kind % 2 != 0;
      args.m = m;
      args.k = k;
      args.out = expected.data();
      row_sum_generic.run(args);
      args.out = sums.as<int32_t>();
      kernel.run(args);
      if (std::memcmp(expected.data(), args.out, expected.size() * 4) != 0) ++wrong;
    }
  }
  std::printf("row_sum %s: %d problems, %d differ\n", kernel.info.name, problems, wrong);
  return wrong == 0;
}

bool check() {
  bool right = true;
  for (const GemmS8Kernel* kernel : allowed_kernels(gemm_s8_kernels(), isa_best())) {
    if (kernel == &gemm_s8_generic) continue;
    GemmCheck check(*kernel);
    if (kernel->enter != nullptr) kernel->enter();
    check.sizes(std::max(kernel->k_unit, 16));
    right &= check_signed_results(*kernel);
    if (kernel->leave != nullptr) kernel->leave();
    right &= check.report((std::string("gemm_s8 ") + kernel->info.name).c_str());
  }
  for (const DwconvS8Kernel* kernel : allowed_kernels(dwconv_s8_kernels(), isa_best())) {
    if (kernel == &dwconv_s8_generic) continue;
    DwconvCheck check(*kernel);
    check.sizes();
    right &= check.report();
  }
  for (const RowSumKernel* kernel : allowed_kernels(row_sum_kernels(), isa_best())) {
    if (kernel != &row_sum_generic) right &= check_row_sum(*kernel);
  }
  return right;
}

// Median of the billions of operations per second of seven rounds, each of at least 4 ms. The clock
// is the process's own time, for others may be running.
template <class Run>
double speed(double operations, const Run& run) {
  const auto seconds = [&](int times) {
    const std::clock_t start = std::clock();
    for (int i = 0; i < times; ++i) run();
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  };
  int times = 1;
  while (seconds(times) < 4e-3) times *= 2;
  double rounds[7];
  for (double& round : rounds) round = operations * times / seconds(times) * 1e-9;
  std::sort(rounds, rounds + 7);
  return rounds[3];
}

// Zeroed memory aligned to 64 bytes, with some to spare.
struct Buffer {
  explicit Buffer(size_t bytes) : memory(bytes + 4096, 7) {}
  uint8_t* data() {
    const auto address = reinterpret_cast<uintptr_t>(memory.data());
    return memory.data() + (64 - address % 64) % 64;
  }
  std::vector<uint8_t> memory;
};

void bench_gemm(const GemmS8Kernel& kernel) {
  const int layers[][3] = {
      {3136, 64, 64}, {196, 64, 384}, {49, 160, 960}, {12544, 32, 28}, {1, 1001, 1280}};
  for (const auto& [m, n, k] : layers) {
    Buffer a(static_cast<size_t>(m) * static_cast<size_t>(k)),
        out(static_cast<size_t>(m) * static_cast<size_t>(n));
    Buffer packed(kernel.packed_bytes(n, k));
    std::fill(packed.memory.begin(), packed.memory.end(), uint8_t{0});
    const std::vector<int8_t> w(static_cast<size_t>(n) * static_cast<size_t>(k), 3);
    const std::vector<int32_t> bias(static_cast<size_t>(n) + 64, -1000);
    const std::vector<float> multiplier(static_cast<size_t>(n) + 64, 0.001f);
    kernel.pack(w.data(), n, k, packed.data());
    GemmS8Args args;
    args.a = a.data();
    args.a_stride = k;
    args.m = m;
    args.n = args.n_end = n;
    args.k = k;
    args.packed = packed.data();
    args.bias = bias.data();
    args.multiplier = multiplier.data();
    args.range = {0, 255, 0};
    args.out = out.data();
    args.out_stride = n;
    if (kernel.enter != nullptr) kernel.enter();
    const double rate = speed(1.0 * m * n * k, [&] { kernel.run(args); });
    if (kernel.leave != nullptr) kernel.leave();
    std::printf("gemm_s8   %-10s  m %5d  n %4d  k %4d         %6.1f GMAC/s\n", kernel.info.name, m,
                n, k, rate);
  }
}

void bench_dwconv(const DwconvS8Kernel& kernel) {
  struct Layer {
    int size, channels, kernel, stride, weight;
  };
  const Layer layers[] = {{112, 32, 3, 1, 3}, {112, 64, 3, 1, 3}, {56, 144, 3, 2, 3},
                          {14, 384, 3, 1, 3}, {7, 960, 3, 1, 3},  {14, 384, 3, 1, 200},
                          {14, 384, 5, 1, 3}, {48, 8, 3, 1, 3},   {48, 16, 3, 2, 3},
                          {24, 24, 3, 1, 3}};
  for (const Layer& layer : layers) {
    const int out_size = layer.size / layer.stride, in_size = layer.size + layer.kernel - 1;
    const auto channels = static_cast<size_t>(layer.channels);
    Buffer in(static_cast<size_t>(in_size * in_size) * channels);
    Buffer out(static_cast<size_t>(out_size * out_size) * channels);
    const std::vector<int16_t> w(static_cast<size_t>(layer.kernel * layer.kernel) * channels,
                                 static_cast<int16_t>(layer.weight));
    const size_t packed_bytes =
        kernel.packed_bytes(w.data(), layer.kernel, layer.kernel, layer.channels);
    if (packed_bytes == 0) continue;  // no form for these weights
    Buffer packed(packed_bytes);
    std::fill(packed.memory.begin(), packed.memory.end(), uint8_t{0});
    kernel.pack(w.data(), layer.kernel, layer.kernel, layer.channels, packed.data());
    const std::vector<int32_t> bias(channels + 64, -1000);
    const std::vector<float> multiplier(channels + 64, 0.001f);
    std::vector<const uint8_t*> rows(static_cast<size_t>(layer.kernel));
    DwconvS8Args args;
    args.rows = rows.data();
    args.pixel_stride = layer.channels;
    args.kernel_h = args.kernel_w = layer.kernel;
    args.stride_w = layer.stride;
    args.channels = args.channel_end = layer.channels;
    args.count = out_size;
    args.packed = packed.data();
    args.bias = bias.data();
    args.multiplier = multiplier.data();
    args.range = {0, 255, 0};
    args.out_stride = layer.channels;
    const ptrdiff_t row_bytes = static_cast<ptrdiff_t>(in_size) * layer.channels;
    const double macs = 1.0 * out_size * out_size * layer.channels * layer.kernel * layer.kernel;
    const double rate = speed(macs, [&] {
      for (int y = 0; y < out_size; ++y) {
        for (int r = 0; r < layer.kernel; ++r) {
          rows[static_cast<size_t>(r)] = in.data() + (y * layer.stride + r) * row_bytes;
        }
        args.out = out.data() + static_cast<ptrdiff_t>(y) * out_size * layer.channels;
        kernel.run(args);
      }
    });
    std::printf("dwconv_s8 %-10s  %3d x %3d x %3d, %d x %d, stride %d%s  %6.1f GMAC/s\n",
                kernel.info.name, layer.size, layer.size, layer.channels, layer.kernel,
                layer.kernel, layer.stride, layer.weight > 127 ? ", 9 bits" : "        ", rate);
  }
}

void bench_row_sum(const RowSumKernel& kernel) {
  for (const int k : {28, 64, 384}) {
    constexpr int kRows = 64;
    Buffer a(static_cast<size_t>(kRows * k));
    int32_t sums[kRows];
    RowSumArgs args;
    args.a = a.data();
    args.a_stride = k;
    args.m = kRows;
    args.k = k;
    args.out = sums;
    const double rate = speed(1.0 * kRows * k, [&] { kernel.run(args); });
    std::printf("row_sum   %-10s  k %4d                       %6.1f GB/s\n", kernel.info.name, k,
                rate);
  }
}

void bench() {
  for (const auto* kernel : allowed_kernels(gemm_s8_kernels(), isa_best())) bench_gemm(*kernel);
  for (const auto* kernel : allowed_kernels(dwconv_s8_kernels(), isa_best())) bench_dwconv(*kernel);
  for (const auto* kernel : allowed_kernels(row_sum_kernels(), isa_best())) bench_row_sum(*kernel);
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
