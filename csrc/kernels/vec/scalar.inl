// One lane in the shape of a vector: the generic kernels, and the tails of all others. Read
// avx2.inl for the meaning of the operations. Include it inside an unnamed namespace, after the
// standard headers.

struct ScalarVec {
  static constexpr int kLanes = 1;
  static constexpr int kBytes = 1;
  using Int = int32_t;
  using Float = float;
  using Byte = uint8_t;
  using Narrow = ScalarVec;
  using NarrowBytes = ScalarVec;

  static Int set_int(int32_t x) { return x; }
  static Int load_u8(const uint8_t* p) { return *p; }
  static Int load_int(const int32_t* p) { return *p; }
  static void store_int(int32_t* p, Int x) { *p = x; }
  // Modulo 2^32, as every vector does.
  static Int add(Int a, Int b) { return static_cast<Int>(bits(a) + bits(b)); }
  static Int sub(Int a, Int b) { return static_cast<Int>(bits(a) - bits(b)); }
  static Int mul(Int a, Int b) { return static_cast<Int>(bits(a) * bits(b)); }
  static uint32_t bits(Int a) { return static_cast<uint32_t>(a); }
  static Int bit_xor(Int a, Int b) { return a ^ b; }
  template <int kBits>
  static Int shift_right(Int a) {
    return a >> kBits;
  }
  static void store_u8(uint8_t* p, Int x) { *p = static_cast<uint8_t>(x); }
  static void store_u8x4(uint8_t* p, Int a, Int b, Int c, Int d) {
    store_u8(p, a);
    store_u8(p + 1, b);
    store_u8(p + 2, c);
    store_u8(p + 3, d);
  }

  static Float set(float x) { return x; }
  static Float load(const float* p) { return *p; }
  static void store(float* p, Float x) { *p = x; }
  static Float to_float(Int x) { return static_cast<float>(x); }
  static Float add(Float a, Float b) { return a + b; }
  static Float mul(Float a, Float b) { return a * b; }
  static Float div(Float a, Float b) { return a / b; }
  static Float max(Float a, Float b) { return a > b ? a : b; }
  static Float min(Float a, Float b) { return a < b ? a : b; }
  static Int round(Float x) { return static_cast<int32_t>(round_half_even(x)); }

  static Byte set_byte(uint8_t x) { return x; }
  static Byte load_bytes(const uint8_t* p) { return *p; }
  static void store_bytes(uint8_t* p, Byte x) { *p = x; }
  static Byte bit_xor(Byte a, Byte b) { return static_cast<uint8_t>(a ^ b); }
  static Byte max(Byte a, Byte b) { return a > b ? a : b; }
  static Byte min(Byte a, Byte b) { return a < b ? a : b; }
};
