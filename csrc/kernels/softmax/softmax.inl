// The body of every version, written once over the vector types of kernels/vec.

// The greatest of n bytes, as unsigned ones with their top bit flipped when they are signed.
template <class V>
uint8_t row_max(const SoftmaxArgs& args, uint8_t flip) {
  uint8_t best = 0;
  ptrdiff_t i = 0;
  if (args.n >= V::kBytes) {
    const auto flips = V::set_byte(flip);
    auto bests = V::set_byte(0);
    for (; i + V::kBytes <= args.n; i += V::kBytes) {
      bests = V::max(bests, V::bit_xor(V::load_bytes(args.in + i), flips));
    }
    uint8_t lanes[V::kBytes];
    V::store_bytes(lanes, bests);
    for (const uint8_t lane : lanes) best = lane > best ? lane : best;
  }
  for (; i < args.n; ++i) {
    const auto x = static_cast<uint8_t>(args.in[i] ^ flip);
    best = x > best ? x : best;
  }
  return best;
}

// Looking 4-byte table entries up is what scalar code does as fast as a gather does; so only the
// maximum and the requantisation are vectors. A long row requantises each of the 256 possible
// values once.
template <class V>
void softmax(const SoftmaxArgs& args) {
  constexpr ptrdiff_t kLongRow = 192;
  const uint8_t flip = args.in_signed ? 0x80 : 0;
  const uint8_t best = row_max<V>(args, flip);
  const auto distance = [&](ptrdiff_t i) { return best - (args.in[i] ^ flip); };

  int64_t sum = 0, sum_odd = 0;
  ptrdiff_t i = 0;
  for (; i + 1 < args.n; i += 2) {
    sum += args.table[distance(i)];
    sum_odd += args.table[distance(i + 1)];
  }
  if (i < args.n) sum += args.table[distance(i)];
  sum += sum_odd;

  const auto multiplier = static_cast<float>(args.out_inverse_scale / static_cast<double>(sum));
  if (args.n >= kLongRow) {
    const auto multipliers = V::set(multiplier);
    const ClampRound<V> finish{args.range};
    uint8_t quantised[256];
    for (int d = 0; d < 256; d += V::kLanes) {
      V::store_u8(quantised + d,
                  finish(V::mul(V::to_float(V::load_int(args.table + d)), multipliers)));
    }
    for (i = 0; i < args.n; ++i) args.out[i] = quantised[distance(i)];
  } else {
    for (i = 0; i < args.n; ++i) {
      args.out[i] =
          static_cast<uint8_t>(requantize(args.table[distance(i)], multiplier, args.range));
    }
  }
}
