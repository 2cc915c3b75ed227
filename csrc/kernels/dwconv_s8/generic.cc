#include <cstring>

#include "kernels/dwconv_s8/dwconv_s8.h"

namespace edgerun {
namespace {

size_t packed_bytes(const int16_t*, int kernel_h, int kernel_w, int channels) {
  return sizeof(int16_t) * static_cast<size_t>(kernel_h) * static_cast<size_t>(kernel_w) *
         static_cast<size_t>(channels);
}

void pack(const int16_t* w, int kernel_h, int kernel_w, int channels, void* packed) {
  std::memcpy(packed, w, packed_bytes(w, kernel_h, kernel_w, channels));
}

void run(const DwconvS8Args& args) {
  const auto* w = static_cast<const int16_t*>(args.packed);
  for (int i = 0; i < args.count; ++i) {
    uint8_t* out = args.out + i * args.out_stride;
    for (int c = args.channel_begin; c < args.channel_end; ++c) {
      uint32_t acc = static_cast<uint32_t>(args.bias[c]);
      for (int r = 0; r < args.kernel_h; ++r) {
        for (int t = 0; t < args.kernel_w; ++t) {
          const uint8_t raw =
              args.rows[r][(i * args.stride_w + t * args.dilation_w) * args.pixel_stride + c];
          const int x = args.a_signed ? static_cast<int8_t>(raw) : raw;
          acc += static_cast<uint32_t>(x * w[(r * args.kernel_w + t) * args.channels + c]);
        }
      }
      out[c] = static_cast<uint8_t>(requantize(static_cast<int32_t>(acc), args.multiplier[c], args.range));
    }
  }
}

}  // namespace

const DwconvS8Kernel dwconv_s8_generic = {
    {"generic", Isa::kGeneric}, Signedness::kAny, 1, packed_bytes, pack, run,
};

}  // namespace edgerun
