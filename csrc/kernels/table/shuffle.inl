// A lookup in 256 bytes made of 16 lookups in 16 bytes, for the byte shuffles of x86, whose index
// gives 0 when its top bit is set. Included inside a target region, after a struct V with load,
// store, broadcast, shuffle, bit_xor, sub (wrapping) and sub_saturating (signed) on kBytes bytes.
//
// For a byte x = 16 * h + l, step k looks x - 16 * k up in a table d[k] and the results are xored.
// An index of 128 or more gives 0, so the steps that count are k = 0 .. h for x < 128 (from then on
// x - 16 * k is negative; saturation keeps it so), and k = h-7 .. h for x >= 128. With rows
// t[0..15] of the table,
//
//   d[0] = t[0],  d[k] = t[k] ^ t[k-1] for k < 8,  d[k] = t[k] ^ t[k-1] ^ d[k-8] for k >= 8
//
// both sums are t[h].

template <class V>
void shuffle_lookup(const uint8_t* in, ptrdiff_t n, const uint8_t* table, uint8_t* out) {
  typename V::Byte rows[16];
  rows[0] = V::broadcast(table);
  for (int k = 1; k < 16; ++k) {
    rows[k] = V::bit_xor(V::broadcast(table + 16 * k), V::broadcast(table + 16 * (k - 1)));
    if (k >= 8) rows[k] = V::bit_xor(rows[k], rows[k - 8]);
  }
  const auto sixteen = V::set(16);
  ptrdiff_t i = 0;
  for (; i + 2 * V::kBytes <= n; i += 2 * V::kBytes) {
    auto x = V::load(in + i);
    auto y = V::load(in + i + V::kBytes);
    auto found_x = V::shuffle(rows[0], x);
    auto found_y = V::shuffle(rows[0], y);
    for (int k = 1; k < 16; ++k) {
      x = k <= 8 ? V::sub(x, sixteen) : V::sub_saturating(x, sixteen);
      y = k <= 8 ? V::sub(y, sixteen) : V::sub_saturating(y, sixteen);
      found_x = V::bit_xor(found_x, V::shuffle(rows[k], x));
      found_y = V::bit_xor(found_y, V::shuffle(rows[k], y));
    }
    V::store(out + i, found_x);
    V::store(out + i + V::kBytes, found_y);
  }
  for (; i < n; ++i) out[i] = table[in[i]];
}
