#include <cstring>

#include "base/multiply_add.h"
#include "kernels/dwconv_f32/dwconv_f32.h"

namespace edgerun {
namespace {

size_t packed_floats(int taps, int channels) {
  return static_cast<size_t>(taps) * static_cast<size_t>(channels);
}

void pack(const float* w, int taps, int channels, float* packed) {
  std::memcpy(packed, w, packed_floats(taps, channels) * sizeof(float));
}

void run(const DwconvF32Args& args) {
  for (int i = 0; i < args.count; ++i) {
    for (int c = 0; c < args.channels; ++c) {
      float acc = args.bias[c];
      for (int r = 0; r < args.kernel_h; ++r) {
        if (args.rows[r] == nullptr) continue;
        for (int t = args.tap_begin; t < args.tap_end; ++t) {
          const int pixel = i * args.stride_w + (t - args.tap_begin) * args.dilation_w;
          acc = multiply_add(args.rows[r][pixel * args.pixel_stride + c],
                             args.packed[(r * args.kernel_w + t) * args.channels + c], acc);
        }
      }
      args.out[i * args.out_stride + c] = clamp_float(acc, args.lo, args.hi);
    }
  }
}

}  // namespace

const DwconvF32Kernel dwconv_f32_generic = {
    {"generic", Isa::kGeneric}, 1, packed_floats, pack, run,
};

}  // namespace edgerun
