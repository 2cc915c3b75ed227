// Four float32 of AArch64. float_avx2.inl says what the operations mean. Include it inside an
// unnamed namespace, after <arm_neon.h> and <cstring>.

constexpr int kLanes = 4;
using Floats = float32x4_t;
using Mask = int;  // how many lanes

inline Floats load(const float* p) { return vld1q_f32(p); }
inline void store(float* p, Floats x) { vst1q_f32(p, x); }
inline Mask first(int n) { return n; }
inline Floats load(const float* p, Mask mask) {
  float lanes[kLanes] = {};
  std::memcpy(lanes, p, static_cast<size_t>(mask) * sizeof(float));
  return vld1q_f32(lanes);
}
inline void store(float* p, Floats x, Mask mask) {
  float lanes[kLanes];
  vst1q_f32(lanes, x);
  std::memcpy(p, lanes, static_cast<size_t>(mask) * sizeof(float));
}
inline Floats broadcast(float x) { return vdupq_n_f32(x); }
inline Floats fused(Floats a, Floats b, Floats c) { return vfmaq_f32(c, a, b); }
// By comparison, as x86 does it: fmax would make +0 of -0 where the bound is 0.
inline Floats clamp(Floats x, Floats lo, Floats hi) {
  x = vbslq_f32(vcgtq_f32(lo, x), lo, x);
  return vbslq_f32(vcltq_f32(hi, x), hi, x);
}
