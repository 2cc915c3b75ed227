// The body of every version, written once over the vector types of kernels/vec.

template <class V>
ptrdiff_t blend_rows_run(const BlendRowsArgs& args, ptrdiff_t i) {
  const LoadCentred<V> load{StoredByte(args.in_signed, 0)};
  const auto top = V::set_int(kResizeOne - args.weight);
  const auto bottom = V::set_int(args.weight);
  for (; i + V::kLanes <= args.n; i += V::kLanes) {
    V::store_int(args.t + i,
                 V::add(V::mul(load(args.top + i), top), V::mul(load(args.bottom + i), bottom)));
  }
  return i;
}

template <class V>
void blend_rows(const BlendRowsArgs& args) {
  blend_rows_run<ScalarVec>(args, blend_rows_run<V>(args, 0));
}

// Channels c .. of one pixel as long as whole vectors end at or before `limit`.
template <class V>
int blend_pixel(const int32_t* left, const int32_t* right, int32_t weight, int c, int channels,
                ptrdiff_t limit, uint8_t* out) {
  const auto half = V::set_int(1 << 21);
  const auto left_weight = V::set_int(kResizeOne - weight);
  const auto right_weight = V::set_int(weight);
  for (; c < channels && c + V::kLanes <= limit; c += V::kLanes) {
    const auto sum = V::add(V::mul(V::load_int(left + c), left_weight),  //
                            V::mul(V::load_int(right + c), right_weight));
    V::store_u8(out + c, V::template shift_right<22>(V::add(sum, half)));
  }
  return c;
}

template <class V>
void blend_columns(const BlendColumnsArgs& args) {
  for (int x = 0; x < args.count; ++x) {
    const ResizeColumn& column = args.columns[x];
    const int32_t* left = args.t + column.left;
    const int32_t* right = args.t + column.right;
    uint8_t* out = args.out + x * args.out_step;
    // Where pixels lie side by side, the last vector of one may spill into those still to be
    // written.
    const ptrdiff_t limit = args.out_step == args.channels
                                ? static_cast<ptrdiff_t>(args.count - x) * args.channels
                                : args.channels;
    const int c = blend_pixel<V>(left, right, column.weight, 0, args.channels, limit, out);
    blend_pixel<ScalarVec>(left, right, column.weight, c, args.channels, args.channels, out);
  }
}
