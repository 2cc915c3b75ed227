// Checks every float32 kernel: each value within the tolerance of the same in double, all kernels
// with a fused multiply-add equal to each other bit by bit, a value's bits the same wherever in a
// tensor it stands, guard bytes. In the floating-point mode of a run. Prints a line per kernel;
// exits with 1 when anything is wrong:
//
//   c++ -std=c++17 -O2 -ffp-contract=off -Icsrc csrc/tests/float_check.cc csrc/base/{isa,table}.cc
//       csrc/kernels/*_f32/*.cc
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "base/float_mode.h"
#include "base/table.h"
#include "kernels/binary_f32/binary_f32.h"
#include "kernels/pool_f32/pool_f32.h"
#include "kernels/reduce_f32/reduce_f32.h"
#include "kernels/resize_f32/resize_f32.h"
#include "kernels/softmax_f32/softmax_f32.h"
#include "kernels/unary_f32/unary_f32.h"
#include "tests/harness.h"

namespace edgerun {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr int kMaxLength = 2 * 64 + 3;  // the widest loop takes 4 vectors of 16
constexpr float kSpecial[] = {
    0.0f,   -0.0f,   kInf,     -kInf,    std::numeric_limits<float>::quiet_NaN(),
    1e-40f, -1e-40f, 1e-45f,   1.0f,     -1.0f,
    0.5f,   -0.5f,   1.5f,     2.5f,     3e38f,
    -3e38f, 88.72f,  -87.33f,  88.73f,   -87.34f,
    1e-38f, 1e-20f,  8192.25f, -8191.5f, 0x1.921fb6p+1f};

// Mostly ordinary numbers of a layer; specials and any bit pattern among them when `wild`.
float draw(bool wild) {
  const int choice = random_source.between(0, wild ? 5 : 2);
  const float unit = static_cast<float>(random_source.next()) * 0x1p-31f - 1;
  if (choice == 3) return kSpecial[random_source.between(0, std::size(kSpecial) - 1)];
  if (choice == 4) {
    const uint32_t bits = random_source.next();
    float x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
  }
  return choice == 0 ? unit : choice == 1 ? unit * 8 : unit * std::exp(unit * 9) * 100;
}

class Floats : public Input<float> {
 public:
  explicit Floats(size_t size, bool wild = false) : Input<float>(size) {
    for (size_t i = 0; i < size; ++i) get()[i] = draw(wild);
  }
};

double flushed(float x) { return std::fabs(x) < 0x1p-126f ? std::copysign(0.0, x) : double{x}; }

bool same_bits(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, sizeof a) == 0;
}

// Within 1e-5 of `magnitude`; an overflow may happen one tolerance early or late.
bool near(float got, double expected, double magnitude) {
  if (std::isnan(expected) || std::isnan(got)) return std::isnan(expected) && std::isnan(got);
  constexpr double kMax = std::numeric_limits<float>::max();
  if (std::isinf(expected)) return got == static_cast<float>(expected);
  if (std::isinf(got))
    return std::fabs(expected) > kMax * (1 - 1e-5) && (got > 0) == (expected > 0);
  return std::fabs(got - expected) <= 1e-5 * std::max(magnitude, 1e-6);
}

// Runs one call on a kernel and checks its results: value(i) in double with the magnitude of its
// tolerance.
struct Truth {
  double value, magnitude;
};

template <class Kernel>
class FloatChecks {
 public:
  FloatChecks(const char* folder, const std::vector<const Kernel*>& all) {
    for (const Kernel* kernel : all) {
      if (!isa_detected(kernel->info.isa)) continue;
      kernels_.push_back(kernel);
      reports_.push_back(std::make_unique<Report>(folder, kernel->info));
    }
  }

  // call(kernel, out) writes `size` floats, of which those with used(i) are results.
  void check(
      size_t size, const std::function<void(const Kernel&, float*)>& call,
      const std::function<Truth(size_t)>& truth, const std::string& what,
      const std::function<bool(size_t)>& used = [](size_t) { return true; }) {
    std::vector<float> fused;
    for (size_t k = 0; k < kernels_.size(); ++k) {
      Output<float> out(size), untouched(size);
      call(*kernels_[k], out.get());
      Report& report = *reports_[k];
      bool ok = out.guarded();
      std::string detail = ok ? "" : ", guard bytes";
      for (size_t i = 0; i < size && ok; ++i) {
        const float got = out.get()[i];
        if (!used(i)) {
          ok = same_bits(got, untouched.get()[i]);
        } else {
          const Truth expected = truth(i);
          ok = near(got, expected.value, expected.magnitude);
          if (!ok) {
            char text[120];
            std::snprintf(text, sizeof text, ", [%zu] expected %.9g, got %.9g", i, expected.value,
                          static_cast<double>(got));
            detail = text;
          }
        }
      }
      report.expect(ok, "beyond the tolerance: " + what + detail);
      if (!is_fused(kernels_[k]->info)) continue;
      if (fused.empty()) {
        fused.assign(out.get(), out.get() + size);
        continue;
      }
      report.expect(std::equal(fused.begin(), fused.end(), out.get(), same_bits),
                    "not the bits of the other FMA kernels: " + what);
    }
  }

 private:
  static bool is_fused(const KernelInfo& info) {
#if defined(__FP_FAST_FMAF) || defined(__aarch64__) || defined(__ARM_FEATURE_FMA)
    static_cast<void>(info);
    return true;
#else
    return info.isa != Isa::kGeneric;
#endif
  }
  std::vector<const Kernel*> kernels_;
  std::vector<std::unique_ptr<Report>> reports_;
};

struct UnaryCase {
  UnaryF32 kind;
  const char* name;
  double (*truth)(double x);
};

constexpr double kLow = -0.75, kHigh = 2.5, kAlpha = 0.125;

double angle(double x, double (*f)(double)) { return std::fabs(x) > 1048576 ? NAN : f(x); }

const UnaryCase kUnary[] = {
    {UnaryF32::kAbs, "abs", [](double x) { return std::fabs(x); }},
    {UnaryF32::kNeg, "neg", [](double x) { return -x; }},
    {UnaryF32::kClamp, "clamp", [](double x) { return x < kLow    ? kLow
                                                      : x > kHigh ? kHigh
                                                                  : x; }},
    {UnaryF32::kFloor, "floor", [](double x) { return std::floor(x); }},
    {UnaryF32::kCeil, "ceil", [](double x) { return std::ceil(x); }},
    {UnaryF32::kRound, "round", [](double x) { return std::nearbyint(x); }},
    {UnaryF32::kSign, "sign", [](double x) { return x > 0   ? 1.0
                                                    : x < 0 ? -1.0
                                                            : 0.0; }},
    {UnaryF32::kSquare, "square", [](double x) { return x * x; }},
    {UnaryF32::kSqrt, "sqrt", [](double x) { return std::sqrt(x); }},
    {UnaryF32::kRsqrt, "rsqrt", [](double x) { return 1 / std::sqrt(x); }},
    {UnaryF32::kExp, "exp", [](double x) { return std::exp(x); }},
    {UnaryF32::kLog, "log", [](double x) { return std::log(x); }},
    {UnaryF32::kLogistic, "logistic", [](double x) { return 1 / (1 + std::exp(-x)); }},
    {UnaryF32::kTanh, "tanh", [](double x) { return std::tanh(x); }},
    {UnaryF32::kErf, "erf", [](double x) { return std::erf(x); }},
    {UnaryF32::kSin, "sin", [](double x) { return angle(x, std::sin); }},
    {UnaryF32::kCos, "cos", [](double x) { return angle(x, std::cos); }},
    {UnaryF32::kGelu, "gelu",
     [](double x) { return x < -40 ? 0 : x * 0.5 * std::erfc(-x * std::sqrt(0.5)); }},
    {UnaryF32::kGeluTanh, "gelu_tanh",
     [](double x) {
       const double u = std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x);
       return x < -40 ? 0 : x / (1 + std::exp(-2 * u));
     }},
    {UnaryF32::kElu, "elu", [](double x) { return x < 0 ? std::expm1(x) : x; }},
    {UnaryF32::kHardSwish, "hard_swish",
     [](double x) {
       const double y = x + 3;
       return x * (y < 0 ? 0 : y > 6 ? 6 : y) / 6;
     }},
    {UnaryF32::kLeakyRelu, "leaky_relu", [](double x) { return x < 0 ? x * kAlpha : x; }},
};

void check_unary() {
  FloatChecks<UnaryF32Kernel> checks("unary_f32", unary_f32_kernels());
  for (const UnaryCase& one : kUnary) {
    for (int n = 1; n <= 4000; n += n < 2 * 16 + 3 ? 1 : 991) {
      const auto size = static_cast<size_t>(n);
      Floats in(size, true);
      // The first and the last element are the same: one in a vector, one in the tail.
      in.get()[size - 1] = in.get()[0];
      UnaryF32Args args;
      args.in = in.get();
      args.n = n;
      args.kind = one.kind;
      args.low = kLow;
      args.high = kHigh;
      args.alpha = kAlpha;
      bool same = true;
      checks.check(
          size,
          [&](const UnaryF32Kernel& kernel, float* out) {
            args.out = out;
            kernel.run(args);
            same = same && same_bits(out[0], out[size - 1]);
          },
          [&](size_t i) {
            const double y = one.truth(flushed(in.get()[i]));
            return Truth{y, std::fabs(y)};
          },
          std::string(one.name) + ", " + size_text(n));
      if (!same) ++failures, std::printf("unary_f32 %s depends on the place\n", one.name);
    }
  }
}

struct BinaryCase {
  BinaryF32 kind;
  const char* name;
  double (*truth)(double a, double b);
};

const BinaryCase kBinary[] = {
    {BinaryF32::kAdd, "add", [](double a, double b) { return a + b; }},
    {BinaryF32::kSub, "sub", [](double a, double b) { return a - b; }},
    {BinaryF32::kMul, "mul", [](double a, double b) { return a * b; }},
    {BinaryF32::kDiv, "div", [](double a, double b) { return a / b; }},
    {BinaryF32::kMaximum, "maximum", [](double a, double b) { return a > b ? a : b; }},
    {BinaryF32::kMinimum, "minimum", [](double a, double b) { return a < b ? a : b; }},
    {BinaryF32::kSquaredDifference, "squared_difference",
     [](double a, double b) { return (a - b) * (a - b); }},
    {BinaryF32::kPrelu, "prelu", [](double a, double b) { return a < 0 ? a * b : a; }},
    {BinaryF32::kPow, "pow", [](double a, double b) { return std::pow(a, b); }},
    {BinaryF32::kFloorMod, "floor_mod",
     [](double a, double b) {
       const double rest = std::fmod(a, b);
       return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
     }},
};

void check_binary() {
  FloatChecks<BinaryF32Kernel> checks("binary_f32", binary_f32_kernels());
  for (const BinaryCase& one : kBinary) {
    for (int n = 1; n <= 1200; n += n < 2 * 16 + 3 ? 1 : 311) {
      for (int variant = 0; variant < 8; ++variant) {
        const auto size = static_cast<size_t>(n);
        BinaryF32Args args;
        args.a_scalar = (variant & 1) != 0;
        args.b_scalar = (variant & 2) != 0;
        Floats a(args.a_scalar ? 1 : size, true), b(args.b_scalar ? 1 : size, true);
        if (one.kind == BinaryF32::kPow) {  // whole exponents, too
          for (size_t i = 0; i < b.size(); i += 2) b.get()[i] = std::nearbyint(b.get()[i]);
        }
        args.a = a.get();
        args.b = b.get();
        args.n = n;
        args.kind = one.kind;
        const bool clamped = (variant & 4) != 0;
        args.low = clamped ? -2 : -kInf;
        args.high = clamped ? 3 : kInf;
        checks.check(
            size,
            [&](const BinaryF32Kernel& kernel, float* out) {
              args.out = out;
              kernel.run(args);
            },
            [&](size_t i) {
              const double x = flushed(a.get()[args.a_scalar ? 0 : i]),
                           y = flushed(b.get()[args.b_scalar ? 0 : i]);
              double z = one.truth(x, y);
              if (std::fabs(z) > std::numeric_limits<float>::max() * (1 + 1e-7)) {
                z = std::copysign(INFINITY, z);
              }
              z = z < args.low ? args.low : z > args.high ? args.high : z;
              // The difference is rounded before it is squared.
              return Truth{z, std::fabs(z)};
            },
            std::string(one.name) + ", " + size_text(n));
      }
    }
  }
}

void check_softmax() {
  FloatChecks<SoftmaxF32Kernel> checks("softmax_f32", softmax_f32_kernels());
  for (int n = 1; n <= 20000; n += n < kMaxLength ? 1 : n / 3) {
    const auto size = static_cast<size_t>(n);
    Floats in(size);
    if (n % 5 == 0) in.get()[0] = -kInf;
    SoftmaxF32Args args;
    args.in = in.get();
    args.n = n;
    args.beta = n % 3 == 0 ? 0.5f : 1;
    const auto greatest = double{*std::max_element(in.get(), in.get() + n)};
    for (const bool logarithm : {false, true}) {
      const double beta = logarithm ? 1 : double{args.beta};
      double sum = 0;
      for (int i = 0; i < n; ++i) sum += std::exp((in.get()[i] - greatest) * beta);
      checks.check(
          size,
          [&](const SoftmaxF32Kernel& kernel, float* out) {
            args.out = out;
            (logarithm ? kernel.log_softmax : kernel.softmax)(args);
          },
          [&](size_t i) {
            const double x = (in.get()[i] - greatest) * beta;
            if (!logarithm) return Truth{std::exp(x) / sum, std::exp(x) / sum};
            return Truth{x - std::log(sum), std::fabs(x) + 1 + std::log(sum)};
          },
          (logarithm ? "log, " : "") + size_text(n));
    }
  }
}

Truth reduced(ReduceF32 kind, const std::vector<double>& terms) {
  double y = kind == ReduceF32::kProd  ? 1
             : kind == ReduceF32::kMax ? -INFINITY
             : kind == ReduceF32::kMin ? INFINITY
                                       : 0;
  double magnitude = 0;
  for (const double x : terms) {
    magnitude += std::fabs(x);
    if (kind == ReduceF32::kProd) {
      y *= x;
    } else if (kind == ReduceF32::kMax) {
      y = x > y ? x : y;
    } else if (kind == ReduceF32::kMin) {
      y = x < y ? x : y;
    } else {
      y += x;
    }
  }
  const auto n = static_cast<double>(terms.size());
  if (kind == ReduceF32::kMean) return {y / n, magnitude / n};
  return {y, kind == ReduceF32::kSum ? magnitude : std::fabs(y)};
}

void check_reduce() {
  FloatChecks<ReduceF32Kernel> checks("reduce_f32", reduce_f32_kernels());
  for (const ReduceF32 kind :
       {ReduceF32::kSum, ReduceF32::kMean, ReduceF32::kProd, ReduceF32::kMax, ReduceF32::kMin}) {
    ReduceF32Args args;
    args.kind = kind;
    const auto values = [&](size_t size, int taps) {
      Floats in(size);
      for (size_t i = 0; i < size; ++i) {
        // A sum of equal numbers is the worst for an order that is only sequential.
        if (taps % 2 == 0) in.get()[i] = 0.1f;
        if (kind == ReduceF32::kProd) in.get()[i] = 1 + in.get()[i] * 1e-3f;
      }
      return in;
    };
    for (int taps = 1; taps <= 3000000; taps = taps < 2 * kMaxLength ? taps + 1 : taps * 5) {
      args.taps = kind == ReduceF32::kProd ? std::min(taps, 1000) : taps;
      const auto size = static_cast<size_t>(args.taps);
      Floats in = values(size, taps);
      if (kind == ReduceF32::kMax) in.get()[size / 2] = NAN;
      args.in = in.get();
      checks.check(
          1,
          [&](const ReduceF32Kernel& kernel, float* out) {
            args.out = out;
            kernel.row(args);
          },
          [&](size_t) { return reduced(kind, {in.get(), in.get() + size}); },
          "row, taps = " + std::to_string(taps));
    }
    for (int columns = 1; columns <= kMaxLength; ++columns) {
      args.taps = columns == 17 ? 70000 : random_source.between(1, 200);
      if (kind == ReduceF32::kProd) args.taps = std::min<ptrdiff_t>(args.taps, 1000);
      args.columns = columns;
      args.tap_step = columns + random_source.between(0, 3);
      Floats in = values(static_cast<size_t>((args.taps - 1) * args.tap_step + columns), columns);
      args.in = in.get();
      checks.check(
          static_cast<size_t>(columns),
          [&](const ReduceF32Kernel& kernel, float* out) {
            args.out = out;
            kernel.columns(args);
          },
          [&](size_t c) {
            std::vector<double> terms;
            for (ptrdiff_t t = 0; t < args.taps; ++t) {
              terms.push_back(args.in[t * args.tap_step + static_cast<ptrdiff_t>(c)]);
            }
            return reduced(kind, terms);
          },
          "columns = " + std::to_string(columns));
    }
  }
}

void check_pool() {
  FloatChecks<PoolF32Kernel> checks("pool_f32", pool_f32_kernels());
  for (int channels = 1; channels <= kMaxLength; ++channels) {
    for (const bool average : {false, true}) {
      PoolF32Args args;
      args.tap_count = channels == 20 ? 40000 : random_source.between(1, 50);
      args.count = channels == 20 ? 1 : random_source.between(1, 3);
      args.channels = channels;
      args.tap_step = channels + random_source.between(0, 2);
      args.out_step = channels + random_source.between(0, 2);
      args.low = random_source.coin() ? -0.5f : -kInf;
      args.high = random_source.coin() ? 0.5f : kInf;
      std::vector<Floats> pixels;
      std::vector<const float*> taps;
      for (int t = 0; t < args.tap_count; ++t) {
        pixels.emplace_back(static_cast<size_t>((args.count - 1) * args.tap_step + channels));
        if (channels % 4 == 0) std::fill_n(pixels.back().get(), channels, 0.1f);
      }
      for (Floats& pixel : pixels) taps.push_back(pixel.get());
      args.taps = taps.data();
      checks.check(
          static_cast<size_t>((args.count - 1) * args.out_step + channels),
          [&](const PoolF32Kernel& kernel, float* out) {
            args.out = out;
            (average ? kernel.average : kernel.max)(args);
          },
          [&](size_t i) {
            const auto at = static_cast<ptrdiff_t>(i);
            std::vector<double> terms;
            for (const float* tap : taps) {
              terms.push_back(tap[at / args.out_step * args.tap_step + at % args.out_step]);
            }
            Truth truth = reduced(average ? ReduceF32::kMean : ReduceF32::kMax, terms);
            truth.value = std::min(std::max(truth.value, double{args.low}), double{args.high});
            return truth;
          },
          (average ? "average, channels = " : "max, channels = ") + std::to_string(channels),
          [&](size_t i) { return static_cast<int>(i) % args.out_step < channels; });
    }
  }
}

void check_resize() {
  FloatChecks<ResizeF32Kernel> checks("resize_f32", resize_f32_kernels());
  const auto blended = [](double a, double b, double w) {
    return Truth{a * (1 - w) + b * w, std::fabs(a * (1 - w)) + std::fabs(b * w)};
  };
  for (int n = 1; n <= kMaxLength; ++n) {
    Floats top(static_cast<size_t>(n)), bottom(static_cast<size_t>(n));
    BlendRowsF32Args args;
    args.top = top.get();
    args.bottom = bottom.get();
    args.n = n;
    args.weight = static_cast<float>(random_source.between(0, 1024)) / 1024;
    checks.check(
        static_cast<size_t>(n),
        [&](const ResizeF32Kernel& kernel, float* out) {
          args.t = out;
          kernel.blend_rows(args);
        },
        [&](size_t i) { return blended(args.top[i], args.bottom[i], args.weight); },
        "rows, " + size_text(n));
  }
  for (int channels = 1; channels <= 2 * 16 + 3; ++channels) {
    for (int count = 1; count <= 4; ++count) {
      const int width = random_source.between(1, 5);
      Floats t(static_cast<size_t>(width * channels));
      std::vector<ResizeColumnF32> columns;
      for (int x = 0; x < count; ++x) {
        columns.push_back({random_source.between(0, width - 1) * channels,
                           random_source.between(0, width - 1) * channels,
                           static_cast<float>(random_source.between(0, 1024)) / 1024});
      }
      BlendColumnsF32Args args;
      args.t = t.get();
      args.columns = columns.data();
      args.count = count;
      args.channels = channels;
      args.out_step = channels + random_source.between(0, 3);
      checks.check(
          static_cast<size_t>((count - 1) * args.out_step + channels),
          [&](const ResizeF32Kernel& kernel, float* out) {
            args.out = out;
            kernel.blend_columns(args);
          },
          [&](size_t i) {
            const auto step = static_cast<size_t>(args.out_step);
            const ResizeColumnF32& column = columns[i / step];
            const float* pixel = t.get() + i % step;
            return blended(pixel[column.left], pixel[column.right], column.weight);
          },
          "columns, channels = " + std::to_string(channels),
          [&](size_t i) { return static_cast<int>(i) % args.out_step < channels; });
    }
  }
}

// pow against the C library's, special cases included.
void check_pow() {
  const double values[] = {0,    -0.0, 1,   -1,  2,   -2,       3,         -3,  0.5,
                           -0.5, 1.5,  1e3, 1e9, -7., INFINITY, -INFINITY, NAN, 1e17};
  for (const double x : values) {
    for (const double y : values) {
      const double expected = std::pow(x, y), got = poly_pow(x, y);
      const bool same = std::isnan(expected) ? std::isnan(got)
                        : std::isinf(expected) || expected == 0
                            ? got == expected && std::signbit(got) == std::signbit(expected)
                            : std::fabs(got / expected - 1) < 1e-10;
      if (same) continue;
      ++failures;
      std::printf("pow(%g, %g) is %g, expected %g\n", x, y, got, expected);
    }
  }
}

}  // namespace
}  // namespace edgerun

int main() {
  using namespace edgerun;
  const FloatMode mode;
  check_pow();
  check_unary();
  check_binary();
  check_softmax();
  check_reduce();
  check_pool();
  check_resize();
  std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
