// The body of every version, written once over the vector types of kernels/vec.

// to[i] = f(from[i]).
template <class V, class Function>
void map(const float* from, float* to, ptrdiff_t n, const Function& f) {
  ptrdiff_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) V::store(to + i, f(V::load(from + i)));
  if (i == n) return;
  const int left = static_cast<int>(n - i);
  V::store_partial(to + i, f(V::load_partial(from + i, left, 0)), left);
}

template <class V>
typename V::Float same(typename V::Float x) {
  return x;
}

template <class V>
void softmax_f32(const SoftmaxF32Args& args) {
  const auto greatest = V::set(combine_row<V, MaximumOf>(args.in, args.n, same<V>));
  const auto beta = V::set(args.beta);
  map<V>(args.in, args.out, args.n,
         [&](typename V::Float x) { return exp<V>(V::mul(V::sub(x, greatest), beta)); });
  const auto sum = V::set(combine_row<V, SumOf>(args.out, args.n, same<V>));
  map<V>(args.out, args.out, args.n, [&](typename V::Float x) { return V::div(x, sum); });
}

template <class V>
void log_softmax_f32(const SoftmaxF32Args& args) {
  const auto greatest = V::set(combine_row<V, MaximumOf>(args.in, args.n, same<V>));
  const auto sum = V::set(combine_row<V, SumOf>(
      args.in, args.n, [&](typename V::Float x) { return exp<V>(V::sub(x, greatest)); }));
  const auto log_sum = log<V>(sum);
  map<V>(args.in, args.out, args.n,
         [&](typename V::Float x) { return V::sub(V::sub(x, greatest), log_sum); });
}
