// The body of every version, written once over the vector types of kernels/vec.

// float32 of the centred product of two centred values: at most 17 bits, so exact in any order.
template <class V>
struct Product {
  explicit Product(const BinaryArgs& args) : multiplier(V::set(args.a_multiplier)) {}
  typename V::Float operator()(typename V::Int a, typename V::Int b) const {
    return V::mul(V::mul(V::to_float(a), V::to_float(b)), multiplier);
  }
  typename V::Float multiplier;
};

template <class V>
struct Sum {
  explicit Sum(const BinaryArgs& args)
      : a_multiplier(V::set(args.a_multiplier)), b_multiplier(V::set(args.b_multiplier)) {}
  typename V::Float operator()(typename V::Int a, typename V::Int b) const {
    return V::add(V::mul(V::to_float(a), a_multiplier), V::mul(V::to_float(b), b_multiplier));
  }
  typename V::Float a_multiplier, b_multiplier;
};

// Does whole groups of 4 vectors, then whole vectors, from element i on; returns where it stopped.
template <class V, template <class> class Operator, bool kScalarB>
ptrdiff_t binary_run(const BinaryArgs& args, ptrdiff_t i) {
  const LoadCentred<V> load_a{StoredByte(args.a_signed, args.a_zero_point)};
  const LoadCentred<V> load_b{StoredByte(args.b_signed, args.b_zero_point)};
  const LoadCentred<ScalarVec> load_scalar{StoredByte(args.b_signed, args.b_zero_point)};
  const auto scalar_b = V::set_int(kScalarB ? load_scalar(args.b) : 0);
  const Operator<V> op{args};
  const ClampRound<V> finish{args.range};
  const auto one = [&](ptrdiff_t at) {
    return finish(op(load_a(args.a + at), kScalarB ? scalar_b : load_b(args.b + at)));
  };
  for (; i + 4 * V::kLanes <= args.n; i += 4 * V::kLanes) {
    V::store_u8x4(args.out + i, one(i), one(i + V::kLanes), one(i + 2 * V::kLanes),
                  one(i + 3 * V::kLanes));
  }
  for (; i + V::kLanes <= args.n; i += V::kLanes) V::store_u8(args.out + i, one(i));
  return i;
}

template <class V, template <class> class Operator>
void binary(const BinaryArgs& args) {
  if (args.b_scalar) {
    const ptrdiff_t i = binary_run<V, Operator, true>(args, 0);
    binary_run<ScalarVec, Operator, true>(args,
                                          binary_run<typename V::Narrow, Operator, true>(args, i));
  } else {
    const ptrdiff_t i = binary_run<V, Operator, false>(args, 0);
    binary_run<ScalarVec, Operator, false>(
        args, binary_run<typename V::Narrow, Operator, false>(args, i));
  }
}

template <class V>
void add(const BinaryArgs& args) {
  binary<V, Sum>(args);
}

template <class V>
void mul(const BinaryArgs& args) {
  binary<V, Product>(args);
}
