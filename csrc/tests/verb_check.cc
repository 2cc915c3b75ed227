// Compares every kernel of the smaller verbs with its generic version, bit by bit: all sizes around
// the vector widths, saturating parameters, odd addresses, guard bytes. Prints a line per kernel;
// exits with 1 when anything differs. A plain program, so that it also runs on emulated CPUs and
// under sanitizers:
//
//   c++ -std=c++17 -O2 -ffp-contract=off -Icsrc csrc/tests/verb_check.cc csrc/base/{isa,table}.cc
//       csrc/kernels/{binary,copy_nd,fft,pool,quantize,resize,softmax,table}/*.cc
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/table.h"
#include "kernels/binary/binary.h"
#include "kernels/copy_nd/copy_nd.h"
#include "kernels/fft/fft.h"
#include "kernels/pool/pool.h"
#include "kernels/quantize/quantize.h"
#include "kernels/resize/resize.h"
#include "kernels/softmax/softmax.h"
#include "kernels/table/table.h"
#include "tests/harness.h"

namespace edgerun {
namespace {

void check_binary() {
  for_each("binary", binary_kernels(),
           [](const BinaryKernel& kernel, const BinaryKernel& generic, Report& report) {
             for (int n = 1; n <= kMaxSize; ++n) {
               for (int variant = 0; variant < 8; ++variant) {
                 const auto size = static_cast<size_t>(n);
                 Input<uint8_t> a(size, static_cast<size_t>(variant)), b(size);
                 BinaryArgs args;
                 args.a = a.get();
                 args.b = b.get();
                 args.n = n;
                 args.b_scalar = (variant & 1) != 0;
                 args.a_signed = (variant & 2) != 0;
                 args.b_signed = random_source.coin();
                 args.a_zero_point = random_source.stored(args.a_signed);
                 args.b_zero_point = random_source.stored(args.b_signed);
                 args.a_multiplier = random_source.multiplier();
                 args.b_multiplier = random_source.coin() ? random_source.multiplier()
                                                          : -random_source.multiplier();
                 args.range = random_source.range(random_source.coin());
                 const bool product = (variant & 4) != 0;
                 Output<uint8_t> expected(size), got(size);
                 args.out = expected.get();
                 (product ? generic.mul : generic.add)(args);
                 args.out = got.get();
                 (product ? kernel.mul : kernel.add)(args);
                 report.compare(expected, got, (product ? "mul, " : "add, ") + size_text(n));
               }
             }
           });
}

void check_table() {
  for_each("table", table_kernels(),
           [](const TableKernel& kernel, const TableKernel& generic, Report& report) {
             for (int n = 1; n <= 2 * kMaxSize; ++n) {
               const auto size = static_cast<size_t>(n);
               Input<uint8_t> in(size, size % 3), table(256);
               for (int i = 0; i < n && n >= 256; ++i)
                 in.get()[i] = static_cast<uint8_t>(i);  // every index
               Output<uint8_t> expected(size), got(size);
               generic.run(in.get(), n, table.get(), expected.get());
               kernel.run(in.get(), n, table.get(), got.get());
               report.compare(expected, got, size_text(n));
               std::memcpy(got.get(), in.get(), size);
               kernel.run(got.get(), n, table.get(), got.get());
               report.compare(expected, got, "in place, " + size_text(n));
             }
           });
}

void check_pool() {
  for_each(
      "pool", pool_kernels(),
      [](const PoolKernel& kernel, const PoolKernel& generic, Report& report) {
        for (int channels = 1; channels <= kMaxSize; ++channels) {
          for (int variant = 0; variant < 4; ++variant) {
            const int tap_count = random_source.between(1, 9), count = random_source.between(1, 3);
            const int step = channels + random_source.between(0, 2);
            std::vector<std::unique_ptr<Input<uint8_t>>> pixels;
            std::vector<const uint8_t*> taps;
            for (int t = 0; t < tap_count; ++t) {
              pixels.push_back(std::make_unique<Input<uint8_t>>(
                  static_cast<size_t>((count - 1) * step + channels)));
              taps.push_back(pixels.back()->get());
            }
            PoolArgs args;
            args.taps = taps.data();
            args.tap_count = tap_count;
            args.tap_step = step;
            args.count = count;
            args.channels = channels;
            args.in_signed = (variant & 1) != 0;
            args.out_step = channels + random_source.between(0, 1);
            args.low = random_source.stored(args.in_signed);
            args.high = random_source.between(args.low, args.in_signed ? 127 : 255);
            args.zero_point = random_source.stored(args.in_signed);
            args.multiplier = random_source.multiplier();
            args.range = random_source.range(random_source.coin());
            const bool average = (variant & 2) != 0;
            const auto size = static_cast<size_t>((count - 1) * args.out_step + channels);
            Output<uint8_t> expected(size), got(size);
            args.out = expected.get();
            (average ? generic.average : generic.max)(args);
            args.out = got.get();
            (average ? kernel.average : kernel.max)(args);
            report.compare(expected, got, (average ? "average, " : "max, ") + size_text(channels));
          }
        }
        // The largest window there is, of the greatest values: the sum must not overflow.
        for (const bool is_signed : {false, true}) {
          const int channels = 70;
          const std::vector<uint8_t> pixel(static_cast<size_t>(channels), is_signed ? 0x80 : 0xff);
          const std::vector<const uint8_t*> taps(static_cast<size_t>(kMaxPoolTaps), pixel.data());
          PoolArgs args;
          args.taps = taps.data();
          args.tap_count = kMaxPoolTaps;
          args.count = 1;
          args.channels = channels;
          args.in_signed = is_signed;
          args.zero_point = is_signed ? 127 : 0;
          args.multiplier = 1.0f / static_cast<float>(kMaxPoolTaps);
          args.range = {-255, 255, 0};
          Output<uint8_t> expected(channels), got(channels);
          std::memset(expected.get(), is_signed ? -255 : 255, channels);
          args.out = got.get();
          kernel.average(args);
          report.compare(expected, got, "the largest window");
        }
      });
}

void check_softmax() {
  for_each("softmax", softmax_kernels(),
           [](const SoftmaxKernel& kernel, const SoftmaxKernel& generic, Report& report) {
             for (int n = 1; n <= kMaxSize + 1000; n += n < kMaxSize ? 1 : 97) {
               int32_t table[256];
               build_softmax_table(random_source.between(0, 100) * 0.01, table);
               const auto size = static_cast<size_t>(n);
               Input<uint8_t> in(size);
               SoftmaxArgs args;
               args.in = in.get();
               args.n = n;
               args.in_signed = random_source.coin();
               args.table = table;
               args.out_inverse_scale = random_source.coin() ? 256.0 : 1e30;
               args.range = random_source.range(random_source.coin());
               Output<uint8_t> expected(size), got(size);
               args.out = expected.get();
               generic.run(args);
               args.out = got.get();
               kernel.run(args);
               report.compare(expected, got, size_text(n));
             }
           });
}

void check_quantize() {
  for_each("quantize", quantize_kernels(),
           [](const QuantizeKernel& kernel, const QuantizeKernel& generic, Report& report) {
             constexpr float kInfinity = std::numeric_limits<float>::infinity();
             const float extremes[] = {kInfinity, -kInfinity, std::nanf(""), 0.0f,  -0.0f,
                                       0.5f,      1.5f,       -2.5f,         1e38f, 1e-45f};
             for (int n = 1; n <= kMaxSize; ++n) {
               const auto size = static_cast<size_t>(n);
               Input<float> in(size);  // any bit pattern
               for (int i = 0; i < n; ++i) {
                 if (random_source.coin()) in.get()[i] = extremes[random_source.between(0, 9)];
                 if (random_source.coin())
                   in.get()[i] = static_cast<float>(random_source.between(-600, 600)) * 0.25f;
               }
               QuantizeArgs args;
               args.in = in.get();
               args.n = n;
               args.scale = random_source.coin() ? 0.5f : random_source.multiplier() + 1e-30f;
               args.range = random_source.range(random_source.coin());
               Output<uint8_t> expected(size), got(size);
               args.out = expected.get();
               generic.quantize(args);
               args.out = got.get();
               kernel.quantize(args);
               report.compare(expected, got, "quantize, " + size_text(n));

               Input<uint8_t> bytes(size);
               DequantizeArgs back;
               back.in = bytes.get();
               back.n = n;
               back.in_signed = random_source.coin();
               back.zero_point = random_source.stored(back.in_signed);
               back.scale = random_source.multiplier();
               Output<float> expected_floats(size), got_floats(size);
               back.out = expected_floats.get();
               generic.dequantize(back);
               back.out = got_floats.get();
               kernel.dequantize(back);
               report.compare(expected_floats, got_floats, "dequantize, " + size_text(n));
             }
           });
}

void check_resize() {
  for_each("resize", resize_kernels(),
           [](const ResizeKernel& kernel, const ResizeKernel& generic, Report& report) {
             for (int n = 1; n <= kMaxSize; ++n) {
               const auto size = static_cast<size_t>(n);
               Input<uint8_t> top(size), bottom(size);
               BlendRowsArgs args;
               args.top = top.get();
               args.bottom = bottom.get();
               args.n = n;
               args.weight = random_source.between(0, kResizeOne);
               args.in_signed = random_source.coin();
               Output<int32_t> expected(size), got(size);
               args.t = expected.get();
               generic.blend_rows(args);
               args.t = got.get();
               kernel.blend_rows(args);
               report.compare(expected, got, "rows, " + size_text(n));
             }
             for (int channels = 1; channels <= 2 * 16 + 3; ++channels) {
               for (int count = 1; count <= 8; ++count) {
                 const int width = random_source.between(1, 5);
                 std::vector<int32_t> t(static_cast<size_t>(width * channels + kResizeSlack));
                 for (auto& x : t) x = random_source.between(-128 * kResizeOne, 255 * kResizeOne);
                 std::vector<ResizeColumn> columns;
                 for (int x = 0; x < count; ++x) {
                   columns.push_back({random_source.between(0, width - 1) * channels,
                                      random_source.between(0, width - 1) * channels,
                                      random_source.between(0, kResizeOne)});
                 }
                 BlendColumnsArgs args;
                 args.t = t.data();
                 args.columns = columns.data();
                 args.count = count;
                 args.channels = channels;
                 args.out_step =
                     channels + (random_source.coin() ? 0 : random_source.between(1, 9));
                 const auto size = static_cast<size_t>((count - 1) * args.out_step + channels);
                 Output<uint8_t> expected(size), got(size);
                 args.out = expected.get();
                 generic.blend_columns(args);
                 args.out = got.get();
                 kernel.blend_columns(args);
                 report.compare(expected, got, "columns, channels = " + std::to_string(channels));
               }
             }
           });
}

// The generic version is checked against the definition itself.
void check_copy_nd() {
  for_each("copy_nd", copy_nd_kernels(),
           [](const CopyNdKernel& kernel, const CopyNdKernel&, Report& report) {
             for (int unit = 1; unit <= 40; ++unit) {
               for (int variant = 0; variant < 40; ++variant) {
                 CopyNdArgs args;
                 args.unit = unit;
                 args.count[0] = random_source.between(1, 40);
                 args.count[1] = random_source.between(1, unit <= 8 ? 40 : 5);
                 if (unit <= 8 && variant < 4) args.count[1] = random_source.between(500, 1200);
                 const ptrdiff_t total = args.count[0] * args.count[1] * unit;
                 Input<uint8_t> in(static_cast<size_t>(total));
                 const bool transposed = random_source.coin(), reversed = random_source.coin();
                 args.in_step[0] = transposed ? unit : args.count[1] * unit;
                 args.in_step[1] = transposed ? args.count[0] * unit : unit;
                 args.in = in.get();
                 if (reversed) {
                   args.in += (args.count[1] - 1) * args.in_step[1];
                   args.in_step[1] = -args.in_step[1];
                 }
                 args.out_step[0] = args.count[1] * unit;
                 args.out_step[1] = unit;
                 Output<uint8_t> expected(static_cast<size_t>(total)),
                     got(static_cast<size_t>(total));
                 for (ptrdiff_t i = 0; i < args.count[0]; ++i) {
                   for (ptrdiff_t j = 0; j < args.count[1]; ++j) {
                     for (ptrdiff_t k = 0; k < unit; ++k) {
                       expected.get()[i * args.out_step[0] + j * args.out_step[1] + k] =
                           args.in[i * args.in_step[0] + j * args.in_step[1] + k];
                     }
                   }
                 }
                 args.out = got.get();
                 kernel.run(args);
                 report.compare(expected, got, "unit = " + std::to_string(unit));
               }
             }
           });
}

// How far a transform is from its definition, in quanta of T, of which `one` are 1.
template <class T>
double fft_error(void (*run)(const FftArgs<T>&), int length, double one, bool inverse) {
  const int n = length / 2;
  const double pi = std::acos(-1.0), sign = inverse ? 1 : -1;
  const auto size = [](int count) { return static_cast<size_t>(count); };
  Output<T> roots(size(length)), last_roots(size(length / 4 * 2)), scratch(size(length));
  const auto set = [one](T* pair, double angle) {
    pair[0] = static_cast<T>(one * std::cos(angle));
    pair[1] = static_cast<T>(one * std::sin(angle));
  };
  for (int k = 0; k < n; ++k) set(roots.get() + 2 * k, sign * 2 * pi * k / n);
  for (int k = 0; k < n / 2; ++k)
    set(last_roots.get() + 2 * k, sign * pi * (static_cast<double>(k + 1) / n + 0.5));
  // A quarter of the range: no signal of such a spectrum, and no butterfly, overflows.
  Output<T> in(size(inverse ? length + 2 : length)), out(size(inverse ? length : length + 2));
  for (int i = 0; i < (inverse ? length + 2 : length); ++i)
    in.get()[i] = static_cast<T>((random_source.next() / 2147483648.0 - 1) * one / 4);
  if (inverse) in.get()[1] = in.get()[length + 1] = 0;  // as those of a real signal are
  run({in.get(), out.get(), scratch.get(), roots.get(), last_roots.get(), length, inverse});
  if (!out.guarded() || !scratch.guarded()) return HUGE_VAL;

  double worst = 0;
  const auto compare = [&worst, &out](int i, double expected) {
    worst = std::max(worst, std::fabs(expected - static_cast<double>(out.get()[i])));
  };
  const double divisor = inverse || one != 1 ? length : 1;
  for (int i = 0; i < (inverse ? length : n + 1); ++i) {
    double re = 0, im = 0;
    for (int j = 0; j < (inverse ? n + 1 : length); ++j) {
      const double angle = sign * 2 * pi * i * j / length, c = std::cos(angle), s = std::sin(angle);
      if (inverse) {
        const double twice = j == 0 || j == n ? 1 : 2;
        re += twice * (in.get()[2 * j] * c - in.get()[2 * j + 1] * s);
      } else {
        re += in.get()[j] * c;
        im += in.get()[j] * s;
      }
    }
    compare(inverse ? i : 2 * i, re / divisor);
    if (!inverse) compare(2 * i + 1, im / divisor);
  }
  return worst;
}

void check_fft() {
  for_each("fft", fft_kernels(), [](const FftKernel& kernel, const FftKernel&, Report& report) {
    for (int length = 4; length <= 240; length += 2) {
      if (!is_fft_length(length)) continue;
      for (const bool inverse : {false, true}) {
        const std::string place = "length = " + std::to_string(length);
        report.expect(fft_error<int16_t>(kernel.s16, length, 32767, inverse) < 8, place);
        report.expect(fft_error<int32_t>(kernel.s32, length, 2147483647, inverse) < 8, place);
        report.expect(fft_error<float>(kernel.f32, length, 1, inverse) < 1e-4, place);
      }
    }
  });
}

// The elementary functions against the C library's.
void check_functions() {
  const auto check_one = [](const char* name, double (*ours)(double), double (*theirs)(double),
                            double low, double high) {
    double worst = 0;
    for (int i = 0; i < 20000; ++i) {
      double x = low + (high - low) * random_source.next() / 4294967295.0;
      if (i % 3 == 1) x *= 1e-3;
      if (i % 3 == 2) x *= 1e-9;
      const double expected = theirs(x), error = std::fabs(ours(x) - expected);
      if (error != 0) worst = std::max(worst, error / std::fabs(expected));
    }
    const bool ok = worst < 1e-13;
    if (!ok) ++failures;
    std::printf("%-20s %s (relative error %.1e)\n", name, ok ? "ok" : "FAILED", worst);
  };
  check_one("exp", poly_exp, std::exp, -700, 700);
  check_one("log", poly_log, std::log, 1e-3, 1e6);
  check_one("tanh", poly_tanh, std::tanh, -20, 20);
  check_one("erf", poly_erf, std::erf, -6.5, 6.5);
  check_one("sin", poly_sin, std::sin, -1000, 1000);
  check_one("cos", poly_cos, std::cos, -1000, 1000);
  check_one("logistic", poly_logistic, [](double x) { return 1 / (1 + std::exp(-x)); }, -600, 40);
}

}  // namespace
}  // namespace edgerun

int main() {
  using namespace edgerun;
  check_binary();
  check_table();
  check_pool();
  check_softmax();
  check_quantize();
  check_resize();
  check_copy_nd();
  check_fft();
  check_functions();
  std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
