#include "base/table.h"

#include <cstddef>
#include <cstring>
#include <limits>
#include <string>

#include "base/check.h"

namespace edgerun {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// ln 2 and pi/2 as sums of doubles whose leading parts end in zero bits, so that a small integer
// times a part is exact: the constants of Cody and Waite's reduction as used in fdlibm.
constexpr double kLn2High = 0x1.62e42fee00000p-1, kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kHalfPi1 = 0x1.921fb54400000p+0, kHalfPi2 = 0x1.0b4611a600000p-34,
                 kHalfPi3 = 0x1.3198a2e037073p-69;

uint64_t bits_of(double x) {
  uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

double from_bits(uint64_t bits) {
  double x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

bool is_nan(double x) { return x != x; }
double absolute(double x) { return x < 0 ? -x : x; }

// 2^k for a normal result.
double power_of_two(int k) { return from_bits(static_cast<uint64_t>(k + 1023) << 52); }

// The nearest integer, ties to even, for |x| < 2^51.
double nearest(double x) {
  constexpr double kMagic = 6755399441055744.0;  // 1.5 * 2^52
  return (x + kMagic) - kMagic;
}

// c[0] + x * (c[1] + x * (c[2] + ...)), from the innermost term outwards (Horner).
template <size_t kCount>
double horner(const double (&c)[kCount], double x) {
  double sum = c[kCount - 1];
  for (size_t i = kCount - 1; i-- > 0;) sum = sum * x + c[i];
  return sum;
}

// The reciprocal factorials 1/first!, 1/(first + step)!, ..., with the sign changing when
// `alternate`.
template <size_t kCount>
struct Factorials {
  constexpr Factorials(int first, int step, bool alternate) : c() {
    double factorial = 1;
    int n = 1;
    for (size_t i = 0; i < kCount; ++i) {
      for (; n <= first + static_cast<int>(i) * step; ++n) factorial *= n;  // exact up to 22!
      c[i] = (alternate && i % 2 == 1 ? -1.0 : 1.0) / factorial;
    }
  }
  double c[kCount];
};

// exp(x) - 1 for |x| <= 1 by Taylor's series up to x^20 / 20!: no cancellation near 0.
double expm1_small(double x) {
  constexpr Factorials<20> kTaylor(1, 1, false);
  return x * horner(kTaylor.c, x);
}

// An angle as quarter turns and a rest in [-pi/4, pi/4]. The quarter turns are below 2^20, so that
// the products with the first two parts of pi/2 (33 bits each) are exact.
struct Angle {
  int quarter;
  double rest;
};

Angle reduce_angle(double x) {
  const double turns = nearest(x * 0x1.45f306dc9c883p-1);  // 2 / pi
  const double rest = ((x - turns * kHalfPi1) - turns * kHalfPi2) - turns * kHalfPi3;
  return {static_cast<int>(static_cast<int64_t>(turns) & 3), rest};
}

// Taylor's series of sine and cosine in [-pi/4, pi/4], up to x^19 / 19! and x^18 / 18!.
double sin_small(double x) {
  constexpr Factorials<10> kTaylor(1, 2, true);
  return x * horner(kTaylor.c, x * x);
}

double cos_small(double x) {
  constexpr Factorials<10> kTaylor(0, 2, true);
  return horner(kTaylor.c, x * x);
}

double sin_of_quarter(int quarter, double rest) {
  const double value = quarter % 2 == 0 ? sin_small(rest) : cos_small(rest);
  return quarter < 2 ? value : -value;
}

constexpr double kMaxAngle = 1048576;  // 2^20

}  // namespace

// x = k * ln 2 + r with |r| <= ln 2 / 2; exp(x) = 2^k * exp(r), the latter by Taylor's series up to
// r^13 / 13!, whose remainder is below 2^-57.
double poly_exp(double x) {
  if (is_nan(x)) return x;
  if (x > 709.79) return kInfinity;
  if (x < -745.2) return 0;
  constexpr Factorials<14> kTaylor(0, 1, false);
  const double k = nearest(x * 0x1.71547652b82fep+0);  // 1 / ln 2
  const double r = (x - k * kLn2High) - k * kLn2Low;
  // In two steps, because 2^k itself may overflow or be subnormal where the product is not.
  const int whole = static_cast<int>(k);
  const int half = whole / 2;
  return horner(kTaylor.c, r) * power_of_two(half) * power_of_two(whole - half);
}

// x = 2^e * m with m in [sqrt(1/2), sqrt(2)); log(m) = 2 * artanh(s), s = (m - 1) / (m + 1), |s| <
// 0.172, by its series up to s^25 / 25.
double poly_log(double x) {
  if (is_nan(x) || x == kInfinity) return x;
  if (x < 0) return kNaN;
  if (x == 0) return -kInfinity;
  int e = 0;
  if (x < std::numeric_limits<double>::min()) {
    x *= 0x1p54;
    e = -54;
  }
  const uint64_t bits = bits_of(x);
  e += static_cast<int>(bits >> 52) - 1023;
  double m = from_bits((bits & 0xfffffffffffffu) | (uint64_t{1023} << 52));
  if (m >= 0x1.6a09e667f3bcdp+0) {  // sqrt(2)
    m *= 0.5;
    e += 1;
  }
  constexpr double kSeries[] = {1.0,        1.0 / 3.0,  1.0 / 5.0,  1.0 / 7.0,  1.0 / 9.0,
                                1.0 / 11.0, 1.0 / 13.0, 1.0 / 15.0, 1.0 / 17.0, 1.0 / 19.0,
                                1.0 / 21.0, 1.0 / 23.0, 1.0 / 25.0};
  const double s = (m - 1) / (m + 1);
  return e * kLn2High + (2 * s * horner(kSeries, s * s) + e * kLn2Low);
}

// tanh(x) = u / (u + 2) with u = exp(2x) - 1 near 0, and 1 - 2 / (exp(2x) + 1) elsewhere.
double poly_tanh(double x) {
  if (is_nan(x)) return x;
  const double size = absolute(x);
  if (size < 0.5) {
    const double u = expm1_small(2 * x);
    return u / (u + 2);
  }
  const double value = 1 - 2 / (poly_exp(2 * size) + 1);
  return x < 0 ? -value : value;
}

double poly_logistic(double x) { return 1 / (1 + poly_exp(-x)); }

// erf(x) = 2 / sqrt(pi) * exp(-x^2) * sum_n 2^n x^(2n+1) / (1 * 3 * ... * (2n+1))   (Abramowitz and
// Stegun 7.1.6): all terms have one sign, so nothing cancels. 160 terms suffice up to 6, where erf
// is 1 - 2e-17.
double poly_erf(double x) {
  if (is_nan(x)) return x;
  if (absolute(x) >= 6) return x < 0 ? -1 : 1;
  double term = x, sum = x;
  for (int n = 1; n < 160; ++n) {
    term = term * (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return 0x1.20dd750429b6dp+0 * poly_exp(-x * x) * sum;  // 2 / sqrt(pi)
}

double poly_sin(double x) {
  if (!(absolute(x) <= kMaxAngle)) return kNaN;
  const Angle angle = reduce_angle(x);
  return sin_of_quarter(angle.quarter, angle.rest);
}

double poly_cos(double x) {
  if (!(absolute(x) <= kMaxAngle)) return kNaN;
  const Angle angle = reduce_angle(x);
  return sin_of_quarter((angle.quarter + 1) % 4, angle.rest);
}

// exp(y * log|x|) with the sign of x where y is odd. The product loses what the logarithm's last bits
// are worth to it: relative error below 1e-10 where the result is a float32.
double poly_pow(double x, double y) {
  constexpr double kWhole = 9007199254740992.0;  // 2^53: whole and even from here on
  if (y == 0 || x == 1) return 1;
  if (is_nan(x) || is_nan(y)) return kNaN;
  const double size = absolute(x), power = absolute(y);
  const bool whole = power >= kWhole || static_cast<double>(static_cast<int64_t>(power)) == power;
  const bool odd = whole && power < kWhole && (static_cast<int64_t>(power) & 1) != 0;
  if (power == kInfinity && size == 1) return 1;
  if (x < 0 && !whole && size != kInfinity) return kNaN;
  double value;
  if (size == 0 || size == kInfinity) {
    value = (size == 0) == (y < 0) ? kInfinity : 0;
  } else {
    value = poly_exp(y * poly_log(size));
  }
  const bool negative = (bits_of(x) >> 63) != 0;
  return negative && odd ? -value : value;
}

void build_softmax_table(double beta_times_scale, int32_t out[256]) {
  check(beta_times_scale >= 0 && beta_times_scale < kInfinity,
        "the softmax table needs a finite exponent scale that is not negative, got " +
            std::to_string(beta_times_scale));
  for (int d = 0; d < 256; ++d) {
    out[d] = static_cast<int32_t>(nearest(poly_exp(-d * beta_times_scale) * 4194304.0));
  }
}

}  // namespace edgerun
