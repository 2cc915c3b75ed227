// The body of every version, written once over the vector types of kernels/vec. Each function takes
// whole vectors from i on, and says where it stopped.

template <class V>
ptrdiff_t min_max_run(const float* x, ptrdiff_t n, ptrdiff_t i, float* lo, float* hi) {
  if (i + V::kLanes > n) return i;
  auto low = V::set(*lo), high = V::set(*hi);
  for (; i + V::kLanes <= n; i += V::kLanes) {
    const auto v = V::load(x + i);
    low = V::min(v, low);
    high = V::max(v, high);
  }
  float lows[V::kLanes], highs[V::kLanes];
  V::store(lows, low);
  V::store(highs, high);
  for (int lane = 0; lane < V::kLanes; ++lane) {
    *lo = lows[lane] < *lo ? lows[lane] : *lo;
    *hi = highs[lane] > *hi ? highs[lane] : *hi;
  }
  return i;
}

// floor(x + 1/2) for 0 <= x < 2^21, where the sum is rounded to float32.
template <class V>
typename V::Float half_up(typename V::Float x) {
  const auto y = V::add(x, V::set(0.5f));
  const auto even = V::to_float(V::round(y));
  // What lies above y does so by 2^-24 at least.
  const auto above = V::mul(V::add(even, V::mul(y, V::set(-1.0f))), V::set(33554432.0f));
  return V::add(even, V::mul(V::min(V::max(above, V::set(0.0f)), V::set(1.0f)), V::set(-1.0f)));
}

// Half away from zero, for |x| < 2^21; of a NaN zero.
template <class V>
typename V::Float round_away(typename V::Float x) {
  const auto negative = half_up<V>(V::max(V::mul(x, V::set(-1.0f)), V::set(0.0f)));
  return V::add(half_up<V>(V::max(x, V::set(0.0f))), V::mul(negative, V::set(-1.0f)));
}

template <class V>
ptrdiff_t quantize_run(const DynamicQuantizeArgs& args, ptrdiff_t i) {
  const auto inverse = V::set(args.inverse), zero = V::set(static_cast<float>(args.zero));
  const auto lo = V::set(args.lo), hi = V::set(args.hi);
  const auto far = V::set(1000.0f), minus_far = V::set(-1000.0f);
  const auto divisor = V::set(args.divisor);
  const bool divides = args.divisor != 0;
  const auto one = [&](ptrdiff_t at) {
    if (divides) {
      const auto p = V::div(V::load(args.x + at), divisor);
      const auto q = V::to_float(V::round(V::min(V::max(p, minus_far), far)));
      return V::min(V::max(V::add(q, zero), lo), hi);
    }
    const auto p = V::mul(V::load(args.x + at), inverse);
    const auto q = round_away<V>(V::min(far, V::max(minus_far, p)));
    return V::min(V::max(V::add(q, zero), lo), hi);
  };
  if (args.out8 != nullptr) {
    const auto shift = V::set_int(args.shift);
    for (; i + V::kLanes <= args.n; i += V::kLanes) {
      V::store_u8(args.out8 + i, V::add(V::round(one(i)), shift));
    }
    return i;
  }
  const auto minus_zero = V::set(-static_cast<float>(args.zero));
  for (; i + V::kLanes <= args.n; i += V::kLanes) V::store(args.outf + i, V::add(one(i), minus_zero));
  return i;
}

template <class V>
ptrdiff_t finish_run(const HybridFinishArgs& args, ptrdiff_t i) {
  const auto x_scale = V::set(args.x_scale), lo = V::set(args.lo), hi = V::set(args.hi);
  const auto zero = V::set_int(args.zero);
  for (; i + V::kLanes <= args.n; i += V::kLanes) {
    auto s = x_scale;
    if (args.sums != nullptr) {
      const auto correction = V::mul(zero, V::load_int(args.weight_sums + i));
      s = V::to_float(V::sub(V::load_int(args.sums + i), correction));
    } else {
      s = V::load(args.acc + i);
    }
    const auto scale = V::load(args.weight_scale + i);
    s = args.in_turn ? V::mul(V::mul(s, scale), x_scale) : V::mul(s, V::mul(scale, x_scale));
    s = V::add(s, V::load(args.bias + i));
    V::store(args.out + i, V::min(hi, V::max(lo, s)));
  }
  return i;
}

template <class V>
void min_max(const float* x, ptrdiff_t n, float* lo, float* hi) {
  min_max_run<ScalarVec>(x, n, min_max_run<V>(x, n, 0, lo, hi), lo, hi);
}

template <class V>
void quantize(const DynamicQuantizeArgs& args) {
  quantize_run<ScalarVec>(args, quantize_run<V>(args, 0));
}

template <class V>
void finish(const HybridFinishArgs& args) {
  finish_run<ScalarVec>(args, finish_run<V>(args, 0));
}
