// The body of every version, written once over the vector types of kernels/vec.

template <class V, template <class> class Combine, int kVectors, class Finish>
int pool_blocks(const PoolF32Args& args, ptrdiff_t offset, float* out, int c,
                const Finish& finish) {
  for (; c + kVectors * V::kLanes <= args.channels; c += kVectors * V::kLanes) {
    typename V::Float total[kVectors];
    const ptrdiff_t at = offset + c;
    cascade<V, Combine<V>, kVectors>(
        args.tap_count,
        [&](ptrdiff_t t, auto v)
            EDGERUN_LAMBDA { return V::load(args.taps[t] + at + v * V::kLanes); },
        total);
    unrolled<kVectors>([&](auto v)
                           EDGERUN_LAMBDA { V::store(out + c + v * V::kLanes, finish(total[v])); });
  }
  return c;
}

template <class V, template <class> class Combine, class Finish>
void pool(const PoolF32Args& args, const Finish& finish) {
  for (int i = 0; i < args.count; ++i) {
    const ptrdiff_t offset = i * args.tap_step;
    float* out = args.out + i * args.out_step;
    int c = pool_blocks<V, Combine, 4>(args, offset, out, 0, finish);
    c = pool_blocks<V, Combine, 1>(args, offset, out, c, finish);
    if (c == args.channels) continue;
    const int left = args.channels - c;
    typename V::Float total[1];
    cascade<V, Combine<V>, 1>(
        args.tap_count,
        [&](ptrdiff_t t, auto)
            EDGERUN_LAMBDA { return V::load_partial(args.taps[t] + offset + c, left, 0); },
        total);
    V::store_partial(out + c, finish(total[0]), left);
  }
}

template <class V>
void max_pool(const PoolF32Args& args) {
  const auto low = V::set(args.low), high = V::set(args.high);
  pool<V, MaximumOf>(args, [=](typename V::Float x) { return V::min(high, V::max(low, x)); });
}

template <class V>
void average_pool(const PoolF32Args& args) {
  const auto low = V::set(args.low), high = V::set(args.high);
  const auto divisor = V::set(static_cast<float>(args.tap_count));
  pool<V, SumOf>(
      args, [=](typename V::Float x) { return V::min(high, V::max(low, V::div(x, divisor))); });
}
