// Sums, products and extremes in an order that depends on nothing but how many terms there are:
// blocks of 32 terms one after the other, whose results are combined in pairs like the carries of a
// binary counter. So the rounding error of a sum stays below 1e-5 of the terms' sizes, however many
// there are. A row of floats goes through it as 16 columns, in every version.
//
// Include it after a float vector type and "kernels/x86/unrolled.inl".

template <class V>
struct SumOf {
  static constexpr float kIdentity = 0;
  static typename V::Float apply(typename V::Float a, typename V::Float b) { return V::add(a, b); }
};

template <class V>
struct ProductOf {
  static constexpr float kIdentity = 1;
  static typename V::Float apply(typename V::Float a, typename V::Float b) { return V::mul(a, b); }
};

// Like TFLite's `x > best ? x : best`: a NaN is passed over.
template <class V>
struct MaximumOf {
  static constexpr float kIdentity = -__builtin_inff();
  static typename V::Float apply(typename V::Float a, typename V::Float b) { return V::max(b, a); }
};

template <class V>
struct MinimumOf {
  static constexpr float kIdentity = __builtin_inff();
  static typename V::Float apply(typename V::Float a, typename V::Float b) { return V::min(b, a); }
};

// total[v] = the combination of term(0, v) .. term(count - 1, v), count >= 1; term takes its v as a
// constant.
template <class V, class Combine, int kVectors, class Term>
EDGERUN_INLINE void cascade(ptrdiff_t count, const Term& term,
                            typename V::Float (&total)[kVectors]) {
  constexpr ptrdiff_t kBlock = 32;
  typename V::Float pending[40][kVectors];
  int top = 0;
  ptrdiff_t t = 0;
  for (ptrdiff_t blocks = 1;; ++blocks) {
    const ptrdiff_t end = count - t < kBlock ? count : t + kBlock;
    typename V::Float sum[kVectors];
    unrolled<kVectors>([&](auto v) EDGERUN_LAMBDA { sum[v] = term(t, v); });
    for (++t; t < end; ++t) {
      unrolled<kVectors>([&](auto v)
                             EDGERUN_LAMBDA { sum[v] = Combine::apply(sum[v], term(t, v)); });
    }
    const bool last = t == count;
    for (ptrdiff_t carry = blocks; top > 0 && (last || (carry & 1) == 0); carry >>= 1) {
      --top;
      unrolled<kVectors>([&](auto v)
                             EDGERUN_LAMBDA { sum[v] = Combine::apply(pending[top][v], sum[v]); });
    }
    if (last) {
      unrolled<kVectors>([&](auto v) EDGERUN_LAMBDA { total[v] = sum[v]; });
      return;
    }
    unrolled<kVectors>([&](auto v) EDGERUN_LAMBDA { pending[top][v] = sum[v]; });
    ++top;
  }
}

// The combination of map(x[0]) .. map(x[n - 1]), n >= 1.
template <class V, template <class> class Combine, class Map>
float combine_row(const float* x, ptrdiff_t n, const Map& map) {
  constexpr int kVectors = 16 / V::kLanes;
  typename V::Float total[kVectors];
  const ptrdiff_t whole = n / 16;
  if (whole > 0) {
    cascade<V, Combine<V>, kVectors>(
        whole,
        [&](ptrdiff_t t, auto v)
            EDGERUN_LAMBDA { return map(V::load(x + t * 16 + v * V::kLanes)); },
        total);
  } else {
    for (auto& lanes : total) lanes = V::set(Combine<V>::kIdentity);
  }
  float lanes[16];
  for (int v = 0; v < kVectors; ++v) {
    float* mine = lanes + v * V::kLanes;
    V::store(mine, total[v]);
    const ptrdiff_t left = n - whole * 16 - v * V::kLanes;
    if (left <= 0) continue;
    const int count = left < V::kLanes ? static_cast<int>(left) : V::kLanes;
    const auto x_left = map(V::load_partial(x + whole * 16 + v * V::kLanes, count, 0));
    V::store_partial(mine, Combine<V>::apply(total[v], x_left), count);
  }
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) {
      lanes[i] = Combine<ScalarF32>::apply(lanes[i], lanes[i + half]);
    }
  }
  return lanes[0];
}
