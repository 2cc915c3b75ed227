// The body of every version, written once over the vector types of kernels/vec.

// Calls one(c) for the channels from c on in steps of `width`; the last call may overlap the one
// before. Returns where it stopped: short of `channels` only when these are fewer than `width`.
template <class One>
int each_block(int c, int channels, int width, const One& one) {
  for (; c + width <= channels; c += width) one(c);
  if (c == channels || channels < width) return c;
  one(channels - width);
  return channels;
}

// Channels c .. of one pixel. Signed bytes are compared as unsigned ones with their top bit
// flipped.
template <class V>
int max_pool_channels(const PoolArgs& args, ptrdiff_t offset, uint8_t* out, int first) {
  const uint8_t flip = args.in_signed ? 0x80 : 0;
  const auto flips = V::set_byte(flip);
  const auto low = V::set_byte(static_cast<uint8_t>(args.low ^ flip));
  const auto high = V::set_byte(static_cast<uint8_t>(args.high ^ flip));
  return each_block(first, args.channels, V::kBytes, [&](int c) {
    auto best = low;
    for (int t = 0; t < args.tap_count; ++t) {
      best = V::max(best, V::bit_xor(V::load_bytes(args.taps[t] + offset + c), flips));
    }
    V::store_bytes(out + c, V::bit_xor(V::min(best, high), flips));
  });
}

template <class V>
void max_pool(const PoolArgs& args) {
  for (int i = 0; i < args.count; ++i) {
    const ptrdiff_t offset = i * args.tap_step;
    uint8_t* out = args.out + i * args.out_step;
    int c = max_pool_channels<V>(args, offset, out, 0);
    c = max_pool_channels<typename V::NarrowBytes>(args, offset, out, c);
    max_pool_channels<ScalarVec>(args, offset, out, c);
  }
}

// Groups of kVectors vectors of channels: several sums at once read a tap's cache line once.
template <class V, int kVectors>
int average_pool_channels(const PoolArgs& args, ptrdiff_t offset, uint8_t* out, int first) {
  const StoredByte byte(args.in_signed, args.zero_point);
  const auto flips = V::set_int(byte.flip);
  const auto centre = V::set_int(-byte.zero_point * args.tap_count);
  const auto multiplier = V::set(args.multiplier);
  const ClampRound<V> finish{args.range};
  return each_block(first, args.channels, kVectors * V::kLanes, [&](int c) {
    typename V::Int sums[kVectors];
    unrolled<kVectors>([&](auto v) EDGERUN_LAMBDA { sums[v] = centre; });
    for (int t = 0; t < args.tap_count; ++t) {
      const uint8_t* tap = args.taps[t] + offset + c;
      unrolled<kVectors>([&](auto v) EDGERUN_LAMBDA {
        sums[v] = V::add(sums[v], V::bit_xor(V::load_u8(tap + v * V::kLanes), flips));
      });
    }
    unrolled<kVectors>([&](auto v) EDGERUN_LAMBDA {
      V::store_u8(out + c + v * V::kLanes, finish(V::mul(V::to_float(sums[v]), multiplier)));
    });
  });
}

template <class V>
void average_pool(const PoolArgs& args) {
  for (int i = 0; i < args.count; ++i) {
    const ptrdiff_t offset = i * args.tap_step;
    uint8_t* out = args.out + i * args.out_step;
    int c = average_pool_channels<V, 4>(args, offset, out, 0);
    c = average_pool_channels<V, 1>(args, offset, out, c);
    c = average_pool_channels<typename V::Narrow, 1>(args, offset, out, c);
    average_pool_channels<ScalarVec, 1>(args, offset, out, c);
  }
}
