#include <limits>

#include "kernels/fft/fft.h"

namespace edgerun {
namespace {

template <class T, class Wide>
struct Fixed {
  using Value = T;
  static constexpr bool kFixed = true;
  static constexpr int kPoint = std::numeric_limits<T>::digits;

  static T round(Wide product) {
    return static_cast<T>((product + (Wide{1} << (kPoint - 1))) >> kPoint);
  }
  static T add(T a, T b) { return static_cast<T>(Wide{a} + b); }
  static T sub(T a, T b) { return static_cast<T>(Wide{a} - b); }
  static T negate(T a) { return static_cast<T>(-Wide{a}); }
  static T mul(T a, T b) { return round(Wide{a} * b); }
  // a * b + c * d and a * b - c * d
  static T sum(T a, T b, T c, T d) { return round(Wide{a} * b + Wide{c} * d); }
  static T difference(T a, T b, T c, T d) { return round(Wide{a} * b - Wide{c} * d); }
  static T divide(T a, int by) { return round(Wide{a} * (std::numeric_limits<T>::max() / by)); }
  static T half(T a) { return static_cast<T>(a >> 1); }
  // Numbers of 16 bits are added in 32: the sum does not wrap before it is halved.
  static T half_sum(T a, T b) { return static_cast<T>(static_cast<int32_t>(Wide{a} + b) >> 1); }
  static T half_difference(T a, T b) {
    return static_cast<T>(static_cast<int32_t>(Wide{a} - b) >> 1);
  }
};

struct Real {
  using Value = float;
  static constexpr bool kFixed = false;

  static float add(float a, float b) { return a + b; }
  static float sub(float a, float b) { return a - b; }
  static float negate(float a) { return -a; }
  static float mul(float a, float b) { return a * b; }
  static float sum(float a, float b, float c, float d) { return a * b + c * d; }
  static float difference(float a, float b, float c, float d) { return a * b - c * d; }
  static float divide(float a, int) { return a; }
  static float half(float a) { return a * 0.5f; }
  static float half_sum(float a, float b) { return (a + b) * 0.5f; }
  static float half_difference(float a, float b) { return (a - b) * 0.5f; }
};

template <class A>
class Fft {
 public:
  using T = typename A::Value;
  struct Complex {
    T re, im;
  };

  explicit Fft(const FftArgs<T>& args)
      : args_(args),
        n_(args.length / 2),
        roots_(reinterpret_cast<const Complex*>(args.roots)),
        last_roots_(reinterpret_cast<const Complex*>(args.last_roots)),
        scratch_(reinterpret_cast<Complex*>(args.scratch)) {}

  void forward() const {
    stage(scratch_, reinterpret_cast<const Complex*>(args_.in), 1, n_);
    auto* out = reinterpret_cast<Complex*>(args_.out);
    const Complex first = divide(scratch_[0], 2);
    out[0] = {A::add(first.re, first.im), T{0}};
    out[n_] = {A::sub(first.re, first.im), T{0}};
    for (int32_t k = 1; k <= n_ / 2; ++k) {
      const Complex a = divide(scratch_[k], 2), b = divide(conjugate(scratch_[n_ - k]), 2);
      const Complex even = add(a, b), odd = times(sub(a, b), last_roots_[k - 1]);
      out[k] = {A::half_sum(even.re, odd.re), A::half_sum(even.im, odd.im)};
      out[n_ - k] = {A::half_difference(even.re, odd.re), A::half_difference(odd.im, even.im)};
    }
  }

  void inverse() const {
    const auto* in = reinterpret_cast<const Complex*>(args_.in);
    scratch_[0] = divide({A::add(in[0].re, in[n_].re), A::sub(in[0].re, in[n_].re)}, 2);
    for (int32_t k = 1; k <= n_ / 2; ++k) {
      const Complex a = divide(in[k], 2), b = divide(conjugate(in[n_ - k]), 2);
      const Complex even = add(a, b), odd = times(sub(a, b), last_roots_[k - 1]);
      scratch_[k] = add(even, odd);
      scratch_[n_ - k] = conjugate(sub(even, odd));
    }
    stage(reinterpret_cast<Complex*>(args_.out), scratch_, 1, n_);
    if constexpr (!A::kFixed) {
      for (int32_t i = 0; i < args_.length; ++i) args_.out[i] /= static_cast<T>(args_.length);
    }
  }

 private:
  static Complex add(Complex a, Complex b) { return {A::add(a.re, b.re), A::add(a.im, b.im)}; }
  static Complex sub(Complex a, Complex b) { return {A::sub(a.re, b.re), A::sub(a.im, b.im)}; }
  static Complex times(Complex a, Complex b) {
    return {A::difference(a.re, b.re, a.im, b.im), A::sum(a.re, b.im, a.im, b.re)};
  }
  static Complex scale(Complex a, T b) { return {A::mul(a.re, b), A::mul(a.im, b)}; }
  static Complex divide(Complex a, int by) { return {A::divide(a.re, by), A::divide(a.im, by)}; }
  static Complex conjugate(Complex a) { return {a.re, A::negate(a.im)}; }
  static Complex times_i(Complex a) { return {A::negate(a.im), a.re}; }

  // The FFT of every stride-th of the n_ numbers from `in` on, `n` of them, to out[0 .. n-1].
  void stage(Complex* out, const Complex* in, int32_t stride, int32_t n) const {
    if (n == 1) {
      *out = *in;
      return;
    }
    const int32_t radix = n % 4 == 0 ? 4 : n % 2 == 0 ? 2 : n % 3 == 0 ? 3 : 5, m = n / radix;
    for (int32_t q = 0; q < radix; ++q) stage(out + q * m, in + q * stride, stride * radix, m);
    for (int32_t u = 0; u < m; ++u) {
      Complex t[5];
      for (int32_t q = 0; q < radix; ++q) {
        t[q] = divide(out[u + q * m], radix);
        if (q > 0) t[q] = times(t[q], roots_[q * u * stride]);
      }
      Complex* y = out + u;
      switch (radix) {
        case 2: radix_2(t, y, m); break;
        case 3: radix_3(t, y, m, roots_[stride * m].im); break;
        case 4: radix_4(t, y, m); break;
        default: radix_5(t, y, m, roots_[stride * m], roots_[2 * stride * m]); break;
      }
    }
  }

  static void radix_2(const Complex* t, Complex* y, int32_t m) {
    y[0] = add(t[0], t[1]);
    y[m] = sub(t[0], t[1]);
  }

  void radix_4(const Complex* t, Complex* y, int32_t m) const {
    const Complex total = add(t[0], t[2]), difference = sub(t[0], t[2]), odd = add(t[1], t[3]);
    const Complex quarter = times_i(sub(t[1], t[3]));
    y[0] = add(total, odd);
    y[2 * m] = sub(total, odd);
    y[m] = args_.inverse ? add(difference, quarter) : sub(difference, quarter);
    y[3 * m] = args_.inverse ? sub(difference, quarter) : add(difference, quarter);
  }

  static void radix_3(const Complex* t, Complex* y, int32_t m, T sine) {
    const Complex total = add(t[1], t[2]);
    const Complex middle = sub(t[0], {A::half(total.re), A::half(total.im)});
    const Complex quarter = times_i(scale(sub(t[1], t[2]), sine));
    y[0] = add(t[0], total);
    y[m] = add(middle, quarter);
    y[2 * m] = sub(middle, quarter);
  }

  static void radix_5(const Complex* t, Complex* y, int32_t m, Complex a, Complex b) {
    const Complex outer = add(t[1], t[4]), inner = add(t[2], t[3]);
    const Complex outer_turn = sub(t[1], t[4]), inner_turn = sub(t[2], t[3]);
    const Complex near = add(add(t[0], scale(outer, a.re)), scale(inner, b.re));
    const Complex far = add(add(t[0], scale(outer, b.re)), scale(inner, a.re));
    const Complex near_turn = times_i(add(scale(outer_turn, a.im), scale(inner_turn, b.im)));
    const Complex far_turn = times_i(sub(scale(outer_turn, b.im), scale(inner_turn, a.im)));
    y[0] = add(t[0], add(outer, inner));
    y[m] = add(near, near_turn);
    y[2 * m] = add(far, far_turn);
    y[3 * m] = sub(far, far_turn);
    y[4 * m] = sub(near, near_turn);
  }

  const FftArgs<T>& args_;
  int32_t n_;
  const Complex *roots_, *last_roots_;
  Complex* scratch_;
};

template <class A>
void run(const FftArgs<typename A::Value>& args) {
  const Fft<A> fft(args);
  if (args.inverse) {
    fft.inverse();
  } else {
    fft.forward();
  }
}

}  // namespace

const FftKernel fft_generic = {{"generic", Isa::kGeneric},
                               run<Fixed<int16_t, int32_t>>,
                               run<Fixed<int32_t, int64_t>>,
                               run<Real>};

}  // namespace edgerun
