// One lane of float32 in the shape of a vector: the generic float kernels. Read f32_avx2.inl for
// the meaning of the operations. Include it inside an unnamed namespace, after <cmath>.
//
// Where the baseline of the build has a fused multiply-add (AArch64, VFPv4), so has this type, and
// the generic kernels give the bits of all others.

struct ScalarF32 {
  static constexpr int kLanes = 1;
  using Int = int32_t;
  using Float = float;
  using Mask = bool;

  static Float set(float x) { return x; }
  static Float load(const float* p) { return *p; }
  static void store(float* p, Float x) { *p = x; }
  static Float load_partial(const float* p, int n, float fill) { return n > 0 ? *p : fill; }
  static void store_partial(float* p, Float x, int n) {
    if (n > 0) *p = x;
  }

  static Float add(Float a, Float b) { return a + b; }
  static Float sub(Float a, Float b) { return a - b; }
  static Float mul(Float a, Float b) { return a * b; }
  static Float div(Float a, Float b) { return a / b; }
  static Float fma(Float a, Float b, Float c) {
#if defined(__FP_FAST_FMAF) || defined(__aarch64__) || defined(__ARM_FEATURE_FMA)
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
  }
  static Float sqrt(Float x) { return std::sqrt(x); }
  static Float max(Float a, Float b) { return a > b ? a : b; }
  static Float min(Float a, Float b) { return a < b ? a : b; }

  static Int bits(Float x) {
    Int i;
    __builtin_memcpy(&i, &x, sizeof i);
    return i;
  }
  static Float from_bits(Int i) {
    Float x;
    __builtin_memcpy(&x, &i, sizeof x);
    return x;
  }
  static Float bit_and(Float a, Float b) { return from_bits(bits(a) & bits(b)); }
  static Float bit_or(Float a, Float b) { return from_bits(bits(a) | bits(b)); }
  static Float bit_xor(Float a, Float b) { return from_bits(bits(a) ^ bits(b)); }

  static Float floor(Float x) { return std::floor(flushed(x)); }
  static Float ceil(Float x) { return std::ceil(flushed(x)); }
  static Float round(Float x) { return std::nearbyint(flushed(x)); }

  static Mask lt(Float a, Float b) { return a < b; }
  static Mask le(Float a, Float b) { return a <= b; }
  static Mask unordered(Float x) { return x != x; }
  static Float select(Mask mask, Float a, Float b) { return mask ? a : b; }
  static bool any(Mask mask) { return mask; }

  static Int set_int(int32_t x) { return x; }
  static Float to_float(Int x) { return static_cast<float>(x); }
  static Int add(Int a, Int b) {
    return static_cast<Int>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
  }
  static Int bit_and(Int a, Int b) { return a & b; }
  template <int kBits>
  static Int shift_left(Int a) {
    return static_cast<Int>(static_cast<uint32_t>(a) << kBits);
  }
  template <int kBits>
  static Int shift_right(Int a) {
    return a >> kBits;
  }
  static Mask test(Int a, Int bit) { return (a & bit) != 0; }

 private:
  // What vector instructions do to a subnormal where the C library's functions look at its bits.
  static Float flushed(Float x) {
    return std::fabs(x) < 0x1p-126f ? from_bits(bits(x) & INT32_MIN) : x;
  }
};
