// The body of every version, written once over the vector types of kernels/vec.

template <class V, template <class> class Combine>
void reduce_row(const ReduceF32Args& args) {
  *args.out = combine_row<V, Combine>(args.in, args.taps, [&](typename V::Float x) { return x; });
}

template <class V, template <class> class Combine, int kVectors>
ptrdiff_t reduce_blocks(const ReduceF32Args& args, ptrdiff_t c) {
  for (; c + kVectors * V::kLanes <= args.columns; c += kVectors * V::kLanes) {
    typename V::Float total[kVectors];
    const float* in = args.in + c;
    cascade<V, Combine<V>, kVectors>(
        args.taps,
        [&](ptrdiff_t t, auto v)
            EDGERUN_LAMBDA { return V::load(in + t * args.tap_step + v * V::kLanes); },
        total);
    unrolled<kVectors>([&](auto v)
                           EDGERUN_LAMBDA { V::store(args.out + c + v * V::kLanes, total[v]); });
  }
  return c;
}

template <class V, template <class> class Combine>
void reduce_columns(const ReduceF32Args& args) {
  ptrdiff_t c = reduce_blocks<V, Combine, 4>(args, 0);
  c = reduce_blocks<V, Combine, 1>(args, c);
  if (c == args.columns) return;
  const int left = static_cast<int>(args.columns - c);
  typename V::Float total[1];
  cascade<V, Combine<V>, 1>(
      args.taps,
      [&](ptrdiff_t t, auto)
          EDGERUN_LAMBDA { return V::load_partial(args.in + c + t * args.tap_step, left, 0); },
      total);
  V::store_partial(args.out + c, total[0], left);
}

// Sums become means.
template <class V>
void divide(float* x, ptrdiff_t n, ptrdiff_t taps) {
  const auto divisor = V::set(static_cast<float>(taps));
  ptrdiff_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) V::store(x + i, V::div(V::load(x + i), divisor));
  if (i == n) return;
  const int left = static_cast<int>(n - i);
  V::store_partial(x + i, V::div(V::load_partial(x + i, left, 0), divisor), left);
}

template <class V>
void row(const ReduceF32Args& args) {
  switch (args.kind) {
    case ReduceF32::kSum:
      return reduce_row<V, SumOf>(args);
    case ReduceF32::kMean:
      reduce_row<V, SumOf>(args);
      return divide<ScalarF32>(args.out, 1, args.taps);
    case ReduceF32::kProd:
      return reduce_row<V, ProductOf>(args);
    case ReduceF32::kMax:
      return reduce_row<V, MaximumOf>(args);
    case ReduceF32::kMin:
      return reduce_row<V, MinimumOf>(args);
  }
}

template <class V>
void columns(const ReduceF32Args& args) {
  switch (args.kind) {
    case ReduceF32::kSum:
      return reduce_columns<V, SumOf>(args);
    case ReduceF32::kMean:
      reduce_columns<V, SumOf>(args);
      return divide<V>(args.out, args.columns, args.taps);
    case ReduceF32::kProd:
      return reduce_columns<V, ProductOf>(args);
    case ReduceF32::kMax:
      return reduce_columns<V, MaximumOf>(args);
    case ReduceF32::kMin:
      return reduce_columns<V, MinimumOf>(args);
  }
}
