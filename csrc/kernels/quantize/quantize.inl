// The body of every version, written once over the vector types of kernels/vec.

template <class V>
ptrdiff_t quantize_run(const QuantizeArgs& args, ptrdiff_t i) {
  const auto scale = V::set(args.scale);
  const ClampRound<V> finish{args.range};
  const auto one = [&](ptrdiff_t at) { return finish(V::div(V::load(args.in + at), scale)); };
  for (; i + 4 * V::kLanes <= args.n; i += 4 * V::kLanes) {
    V::store_u8x4(args.out + i, one(i), one(i + V::kLanes), one(i + 2 * V::kLanes),
                  one(i + 3 * V::kLanes));
  }
  for (; i + V::kLanes <= args.n; i += V::kLanes) V::store_u8(args.out + i, one(i));
  return i;
}

template <class V>
ptrdiff_t dequantize_run(const DequantizeArgs& args, ptrdiff_t i) {
  const LoadCentred<V> load{StoredByte(args.in_signed, args.zero_point)};
  const auto scale = V::set(args.scale);
  for (; i + V::kLanes <= args.n; i += V::kLanes) {
    V::store(args.out + i, V::mul(V::to_float(load(args.in + i)), scale));
  }
  return i;
}

template <class V>
void quantize(const QuantizeArgs& args) {
  quantize_run<ScalarVec>(args, quantize_run<V>(args, 0));
}

template <class V>
void dequantize(const DequantizeArgs& args) {
  dequantize_run<ScalarVec>(args, dequantize_run<V>(args, 0));
}
