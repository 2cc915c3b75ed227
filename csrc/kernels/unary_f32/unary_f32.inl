// The body of every version, written once over the vector types of kernels/vec.
//
// Lambdas capture, if only nothing: one without a capture also becomes a plain function, which g++
// compiles for the file's own instruction set, whatever the region's.

template <class V, class Function>
void map(const UnaryF32Args& args, const Function& f) {
  ptrdiff_t i = 0;
  for (; i + V::kLanes <= args.n; i += V::kLanes) V::store(args.out + i, f(V::load(args.in + i)));
  if (i == args.n) return;
  const int left = static_cast<int>(args.n - i);
  V::store_partial(args.out + i, f(V::load_partial(args.in + i, left, 0)), left);
}

template <class V>
typename V::Float sign(typename V::Float x) {
  const auto zero = V::set(0);
  const auto negative = V::select(V::lt(x, zero), V::set(-1), zero);
  return V::select(V::lt(zero, x), V::set(1), negative);
}

template <class V>
typename V::Float elu(typename V::Float x) {
  return V::select(V::lt(x, V::set(0)), expm1<V>(V::min(x, V::set(0))), x);
}

template <class V>
typename V::Float hard_swish(typename V::Float x) {
  const auto six = V::set(6);
  const auto gate = V::min(six, V::max(V::set(0), V::add(x, V::set(3))));
  return V::mul(x, V::div(gate, six));
}

template <class V>
void unary_f32(const UnaryF32Args& args) {
  using Float = typename V::Float;
  switch (args.kind) {
    case UnaryF32::kAbs:
      return map<V>(args, [&](Float x) { return absolute<V>(x); });
    case UnaryF32::kNeg:
      return map<V>(args, [&](Float x) { return negated<V>(x); });
    case UnaryF32::kClamp: {
      const auto low = V::set(args.low), high = V::set(args.high);
      return map<V>(args, [=](Float x) { return V::min(high, V::max(low, x)); });
    }
    case UnaryF32::kFloor:
      return map<V>(args, [&](Float x) { return V::floor(x); });
    case UnaryF32::kCeil:
      return map<V>(args, [&](Float x) { return V::ceil(x); });
    case UnaryF32::kRound:
      return map<V>(args, [&](Float x) { return V::round(x); });
    case UnaryF32::kSign:
      return map<V>(args, [&](Float x) { return sign<V>(x); });
    case UnaryF32::kSquare:
      return map<V>(args, [&](Float x) { return V::mul(x, x); });
    case UnaryF32::kSqrt:
      return map<V>(args, [&](Float x) { return V::sqrt(x); });
    case UnaryF32::kRsqrt:
      return map<V>(args, [&](Float x) { return V::div(V::set(1), V::sqrt(x)); });
    case UnaryF32::kExp:
      return map<V>(args, [&](Float x) { return exp<V>(x); });
    case UnaryF32::kLog:
      return map<V>(args, [&](Float x) { return log<V>(x); });
    case UnaryF32::kLogistic:
      return map<V>(args, [&](Float x) { return logistic<V>(x); });
    case UnaryF32::kTanh:
      return map<V>(args, [&](Float x) { return tanh<V>(x); });
    case UnaryF32::kErf:
      return map<V>(args, [&](Float x) { return erf<V>(x); });
    case UnaryF32::kSin:
      return map<V>(args, [&](Float x) { return sine<V, false>(x); });
    case UnaryF32::kCos:
      return map<V>(args, [&](Float x) { return sine<V, true>(x); });
    case UnaryF32::kGelu:
      return map<V>(args, [&](Float x) { return gelu<V>(x); });
    case UnaryF32::kGeluTanh:
      return map<V>(args, [&](Float x) { return gelu_tanh<V>(x); });
    case UnaryF32::kElu:
      return map<V>(args, [&](Float x) { return elu<V>(x); });
    case UnaryF32::kHardSwish:
      return map<V>(args, [&](Float x) { return hard_swish<V>(x); });
    case UnaryF32::kLeakyRelu: {
      const auto alpha = V::set(args.alpha);
      return map<V>(args,
                    [=](Float x) { return V::select(V::lt(x, V::set(0)), V::mul(x, alpha), x); });
    }
  }
}
