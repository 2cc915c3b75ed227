// clamp_round of base/requantize.h for vectors. Include it after the vector types.

template <class V>
struct ClampRound {
  explicit ClampRound(const OutputRange& range)
      : lo(V::set(range.lo)), hi(V::set(range.hi)), zero_point(V::set_int(range.zero_point)) {}
  typename V::Int operator()(typename V::Float p) const {
    return V::add(V::round(V::min(V::max(p, lo), hi)), zero_point);
  }
  typename V::Float lo, hi;
  typename V::Int zero_point;
};

// Signed bytes are read as unsigned ones: x as s8 equals (x ^ 0x80) as u8, minus 128.
struct StoredByte {
  StoredByte(bool is_signed, int32_t stored_zero_point)
      : flip(is_signed ? 0x80 : 0), zero_point(stored_zero_point + flip) {}
  int32_t flip, zero_point;
};

// x - zero_point of the kLanes bytes at p.
template <class V>
struct LoadCentred {
  explicit LoadCentred(const StoredByte& byte)
      : flip(V::set_int(byte.flip)), zero_point(V::set_int(byte.zero_point)) {}
  typename V::Int operator()(const uint8_t* p) const {
    return V::sub(V::bit_xor(V::load_u8(p), flip), zero_point);
  }
  typename V::Int flip, zero_point;
};
