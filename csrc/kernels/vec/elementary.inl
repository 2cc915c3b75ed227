// Elementary functions over the float vector types: polynomials in fma() after a range reduction,
// with the coefficients of least relative error. Relative error below 1e-6; infinities and NaN as
// in C; results below the normal range are zero. Each lane's bits depend on that lane alone.
//
// The parts of ln 2 and pi/2 are so short that a product with a small integer is exact even where
// fma() rounds twice. Include it after a float vector type and "base/table.h".

constexpr float kF32Infinity = __builtin_inff();

template <class V>
typename V::Float absolute(typename V::Float x) {
  return V::bit_and(x, V::from_bits(V::set_int(0x7fffffff)));
}

template <class V>
typename V::Float negated(typename V::Float x) {
  return V::bit_xor(x, V::set(-0.0f));
}

// `x`, which is not negative, with the sign of `sign`.
template <class V>
typename V::Float with_sign(typename V::Float x, typename V::Float sign) {
  return V::bit_or(x, V::bit_and(sign, V::set(-0.0f)));
}

// c[0] + x * (c[1] + x * (c[2] + ...)).
template <class V, int kCount>
typename V::Float horner(const float (&c)[kCount], typename V::Float x) {
  auto sum = V::set(c[kCount - 1]);
  for (int i = kCount - 1; i-- > 0;) sum = V::fma(sum, x, V::set(c[i]));
  return sum;
}

// Adding it rounds |x| < 2^22 to an integer, which then stands in the low bits of the sum.
constexpr float kRounder = 12582912.0f;  // 1.5 * 2^23

// x = k * ln 2 + r with |r| <= ln 2 / 2, for |x| < 128.
template <class V>
struct ExpParts {
  explicit ExpParts(typename V::Float x) {
    constexpr float kSeries[] = {0x1.000000p-1f, 0x1.55548ep-3f, 0x1.55545ep-5f, 0x1.123bdep-7f,
                                 0x1.6db4e8p-10f};
    const auto rounded = V::fma(x, V::set(0x1.715476p+0f), V::set(kRounder));  // 1 / ln 2
    const auto k = V::sub(rounded, V::set(kRounder));
    auto r = V::fma(k, V::set(-0x1.62e400p-1f), x);
    r = V::fma(k, V::set(-0x1.7f7d1cp-20f), r);
    expm1_r = V::fma(V::mul(r, r), horner<V>(kSeries, r), r);
    exponent = V::template shift_left<23>(V::bits(rounded));
  }
  typename V::Float expm1_r;  // exp(r) - 1
  typename V::Int exponent;   // k, where a float32 has its exponent
};

template <class V>
typename V::Float exp(typename V::Float x) {
  constexpr float kLow = -0x1.5d589ep+6f, kHigh = 0x1.62e42ep+6f;  // log of the normal range
  const ExpParts<V> parts(V::min(V::max(x, V::set(kLow)), V::set(kHigh)));
  auto y = V::from_bits(V::add(V::bits(V::add(parts.expm1_r, V::set(1))), parts.exponent));
  y = V::select(V::lt(x, V::set(kLow)), V::set(0), y);
  y = V::select(V::lt(V::set(kHigh), x), V::set(kF32Infinity), y);
  return V::select(V::unordered(x), x, y);
}

// exp(x) - 1 without cancellation near 0, for x <= 80.
template <class V>
typename V::Float expm1(typename V::Float x) {
  const ExpParts<V> parts(V::max(x, V::set(-80)));
  const auto power = V::from_bits(V::add(parts.exponent, V::set_int(127 << 23)));
  const auto y = V::fma(parts.expm1_r, power, V::sub(power, V::set(1)));
  return V::select(V::unordered(x), x, y);
}

// x = 2^e * m with m in [sqrt(1/2), sqrt(2)); log(m) = f - f^2 / 2 + f^3 * series(f), f = m - 1.
template <class V>
typename V::Float log(typename V::Float x) {
  constexpr float kSeries[] = {0x1.555546p-2f,  -0x1.ffffeep-3f, 0x1.99a546p-3f,
                               -0x1.5562e0p-3f, 0x1.2332b2p-3f,  -0x1.fb4382p-4f,
                               0x1.e651a6p-4f,  -0x1.e2e81cp-4f, 0x1.1b3eaep-4f};
  constexpr int32_t kRootHalf = 0x3f3504f3;
  const auto offset = V::add(V::bits(x), V::set_int(-kRootHalf));
  const auto e = V::to_float(V::template shift_right<23>(offset));
  const auto f =
      V::sub(V::from_bits(V::add(V::bit_and(offset, V::set_int(0x7fffff)), V::set_int(kRootHalf))),
             V::set(1));
  const auto square = V::mul(f, f);
  auto y = V::mul(V::mul(square, f), horner<V>(kSeries, f));
  y = V::fma(e, V::set(0x1.7f7d1cp-20f), y);
  y = V::add(f, V::fma(square, V::set(-0.5f), y));
  y = V::fma(e, V::set(0x1.62e400p-1f), y);
  const auto smallest = V::set(0x1p-126f);
  y = V::select(V::lt(x, smallest), V::set(-kF32Infinity), y);
  y = V::select(V::le(x, negated<V>(smallest)), V::set(__builtin_nanf("")), y);
  y = V::select(V::le(V::set(kF32Infinity), x), x, y);
  return V::select(V::unordered(x), x, y);
}

template <class V>
typename V::Float logistic(typename V::Float x) {
  return V::div(V::set(1), V::add(V::set(1), exp<V>(negated<V>(x))));
}

// u / (u + 2) with u = exp(2 |x|) - 1; from 10 on it is 1 in float32.
template <class V>
typename V::Float tanh(typename V::Float x) {
  const auto size = V::min(absolute<V>(x), V::set(10));
  const auto u = expm1<V>(V::add(size, size));
  const auto y = with_sign<V>(V::div(u, V::add(u, V::set(2))), x);
  return V::select(V::unordered(x), x, y);
}

// 1 - erf(x) for x >= 0 with a small relative error all the way to 0: exp(-x^2) times a polynomial
// in t = 1 / (1 + 0.4 x).
template <class V>
typename V::Float erfc_positive(typename V::Float x) {
  constexpr float kSeries[] = {0x1.ce3dbap-3f, 0x1.ccd4cep-3f,  0x1.b71284p-3f, 0x1.0ea7eep-3f,
                               0x1.0f3b3cp-2f, -0x1.156d20p-2f, 0x1.0ffd12p-1f, -0x1.f24ee0p-2f,
                               0x1.8ae640p-3f, -0x1.d52f88p-6f};
  const auto t = V::div(V::set(1), V::fma(x, V::set(0.4f), V::set(1)));
  return V::mul(V::mul(t, horner<V>(kSeries, t)), exp<V>(negated<V>(V::mul(x, x))));
}

template <class V>
typename V::Float erf(typename V::Float x) {
  constexpr float kSeries[] = {0x1.20dd76p+0f, -0x1.812746p-2f,  0x1.ce2f08p-4f,  -0x1.b829a8p-6f,
                               0x1.5628eep-8f, -0x1.bcbe9ap-11f, 0x1.d82692p-14f, -0x1.438406p-17f};
  const auto size = absolute<V>(x);
  const auto near = V::mul(x, horner<V>(kSeries, V::mul(x, x)));
  const auto far = with_sign<V>(V::sub(V::set(1), erfc_positive<V>(V::min(size, V::set(9)))), x);
  const auto y = V::select(V::lt(size, V::set(1)), near, far);
  return V::select(V::unordered(x), x, y);
}

// x * Phi(x). For negative x, Phi is half of erfc, so that it keeps its relative error.
template <class V>
typename V::Float gelu(typename V::Float x) {
  const auto size = V::min(V::mul(absolute<V>(x), V::set(0x1.6a09e6p-1f)), V::set(9));  // sqrt(1/2)
  const auto tail = V::mul(V::set(0.5f), erfc_positive<V>(size));
  const auto phi = V::select(V::lt(x, V::set(0)), tail, V::sub(V::set(1), tail));
  // -infinity times a Phi of 0 is 0.
  const auto y = V::select(V::lt(x, V::set(-20)), V::set(-0.0f), V::mul(x, phi));
  return V::select(V::unordered(x), x, y);
}

// 0.5 x (1 + tanh(u)) = x * logistic(2 u), u = sqrt(2 / pi) * (x + 0.044715 x^3).
template <class V>
typename V::Float gelu_tanh(typename V::Float x) {
  const auto cubic = V::fma(V::mul(x, x), V::set(0.044715f), V::set(1));
  const auto angle = V::mul(V::mul(x, V::set(0x1.988454p+0f)), cubic);  // 2 sqrt(2 / pi)
  const auto y = V::select(V::lt(x, V::set(-20)), V::set(-0.0f), V::mul(x, logistic<V>(angle)));
  return V::select(V::unordered(x), x, y);
}

// `y` where |x| is at most 8192. Beyond that k has too many bits; such angles are rare, and taken
// one by one in double.
template <class V, bool kCosine>
typename V::Float far_angles(typename V::Float x, typename V::Float y) {
  constexpr float kLimit = 8192;
  if (!V::any(V::lt(V::set(kLimit), absolute<V>(x)))) return y;
  float angles[V::kLanes], values[V::kLanes];
  V::store(angles, x);
  V::store(values, y);
  for (int i = 0; i < V::kLanes; ++i) {
    const double angle = angles[i];
    if (-kLimit <= angle && angle <= kLimit) continue;
    values[i] = static_cast<float>(kCosine ? poly_cos(angle) : poly_sin(angle));
  }
  return V::load(values);
}

// The sine of x, or its cosine: x = k * pi/2 + r with |r| <= pi/4.
template <class V, bool kCosine>
typename V::Float sine(typename V::Float x) {
  constexpr float kSin[] = {-0x1.555556p-3f, 0x1.111108p-7f, -0x1.a00f32p-13f, 0x1.6cbecep-19f};
  constexpr float kCos[] = {0x1.555556p-5f, -0x1.6c16b8p-10f, 0x1.a010c4p-16f, -0x1.2417e0p-22f};
  const auto rounded = V::fma(x, V::set(0x1.45f306p-1f), V::set(kRounder));  // 2 / pi
  const auto k = V::sub(rounded, V::set(kRounder));
  auto r = V::fma(k, V::set(-0x1.92p+0f), x);
  r = V::fma(k, V::set(-0x1.fbp-12f), r);
  r = V::fma(k, V::set(-0x1.51p-22f), r);
  r = V::fma(k, V::set(-0x1.0b4612p-34f), r);
  const auto z = V::mul(r, r);
  const auto sin = V::fma(V::mul(r, z), horner<V>(kSin, z), r);
  const auto cos = V::fma(V::mul(z, z), horner<V>(kCos, z), V::fma(z, V::set(-0.5f), V::set(1)));
  const auto quarter = V::add(V::bits(rounded), V::set_int(kCosine ? 1 : 0));
  const auto y = V::select(V::test(quarter, V::set_int(1)), cos, sin);
  const auto sign = V::from_bits(V::template shift_left<30>(V::bit_and(quarter, V::set_int(2))));
  return far_angles<V, kCosine>(x, V::bit_xor(y, sign));
}
