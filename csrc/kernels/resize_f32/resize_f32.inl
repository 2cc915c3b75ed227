// The body of every version, written once over the vector types of kernels/vec.

template <class V>
void blend(const float* first, const float* second, float weight, ptrdiff_t n, float* out) {
  const auto first_weight = V::set(1 - weight), second_weight = V::set(weight);
  const auto one = [&](typename V::Float a, typename V::Float b) {
    return V::fma(b, second_weight, V::mul(a, first_weight));
  };
  ptrdiff_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) {
    V::store(out + i, one(V::load(first + i), V::load(second + i)));
  }
  if (i == n) return;
  const int left = static_cast<int>(n - i);
  V::store_partial(out + i,
                   one(V::load_partial(first + i, left, 0), V::load_partial(second + i, left, 0)),
                   left);
}

template <class V>
void blend_rows(const BlendRowsF32Args& args) {
  blend<V>(args.top, args.bottom, args.weight, args.n, args.t);
}

template <class V>
void blend_columns(const BlendColumnsF32Args& args) {
  for (int x = 0; x < args.count; ++x) {
    const ResizeColumnF32& column = args.columns[x];
    blend<V>(args.t + column.left, args.t + column.right, column.weight, args.channels,
             args.out + x * args.out_step);
  }
}
