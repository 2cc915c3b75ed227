// The body of every version, written once over the vector types of kernels/vec.
//
// Lambdas capture, if only nothing: one without a capture also becomes a plain function, which g++
// compiles for the file's own instruction set, whatever the region's.

template <class V, bool kScalarA, bool kScalarB, class Function>
void map_runs(const BinaryF32Args& args, const Function& f) {
  const auto low = V::set(args.low), high = V::set(args.high);
  const auto scalar_a = V::set(*args.a), scalar_b = V::set(*args.b);
  const auto finish = [&](typename V::Float a, typename V::Float b) {
    return V::min(high, V::max(low, f(a, b)));
  };
  ptrdiff_t i = 0;
  for (; i + V::kLanes <= args.n; i += V::kLanes) {
    V::store(args.out + i, finish(kScalarA ? scalar_a : V::load(args.a + i),
                                  kScalarB ? scalar_b : V::load(args.b + i)));
  }
  if (i == args.n) return;
  const int left = static_cast<int>(args.n - i);
  V::store_partial(args.out + i,
                   finish(kScalarA ? scalar_a : V::load_partial(args.a + i, left, 1),
                          kScalarB ? scalar_b : V::load_partial(args.b + i, left, 1)),
                   left);
}

template <class V, class Function>
void map(const BinaryF32Args& args, const Function& f) {
  if (args.a_scalar) {
    args.b_scalar ? map_runs<V, true, true>(args, f) : map_runs<V, true, false>(args, f);
  } else {
    args.b_scalar ? map_runs<V, false, true>(args, f) : map_runs<V, false, false>(args, f);
  }
}

// f of each pair of lanes, one by one.
template <class V, class Function>
typename V::Float lane_by_lane(typename V::Float a, typename V::Float b, const Function& f) {
  float x[V::kLanes], y[V::kLanes];
  V::store(x, a);
  V::store(y, b);
  for (int i = 0; i < V::kLanes; ++i) x[i] = f(x[i], y[i]);
  return V::load(x);
}

template <class V>
void binary_f32(const BinaryF32Args& args) {
  using Float = typename V::Float;
  switch (args.kind) {
    case BinaryF32::kAdd:
      return map<V>(args, [&](Float a, Float b) { return V::add(a, b); });
    case BinaryF32::kSub:
      return map<V>(args, [&](Float a, Float b) { return V::sub(a, b); });
    case BinaryF32::kMul:
      return map<V>(args, [&](Float a, Float b) { return V::mul(a, b); });
    case BinaryF32::kDiv:
      return map<V>(args, [&](Float a, Float b) { return V::div(a, b); });
    case BinaryF32::kMaximum:
      return map<V>(args, [&](Float a, Float b) { return V::max(a, b); });
    case BinaryF32::kMinimum:
      return map<V>(args, [&](Float a, Float b) { return V::min(a, b); });
    case BinaryF32::kSquaredDifference:
      return map<V>(args, [&](Float a, Float b) {
        const auto difference = V::sub(a, b);
        return V::mul(difference, difference);
      });
    case BinaryF32::kPrelu:
      return map<V>(
          args, [&](Float a, Float b) { return V::select(V::lt(a, V::set(0)), V::mul(a, b), a); });
    case BinaryF32::kPow:
      return map<V>(args, [&](Float a, Float b) {
        return lane_by_lane<V>(a, b, [&](float x, float y) {
          return static_cast<float>(poly_pow(double{x}, double{y}));
        });
      });
    case BinaryF32::kFloorMod:
      return map<V>(args, [&](Float a, Float b) {
        return lane_by_lane<V>(a, b, [&](float x, float y) {
          const float rest = std::fmod(x, y);
          return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
        });
      });
  }
}
