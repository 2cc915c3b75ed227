#include "kernels/picture/scalar.h"

namespace edgerun {
namespace {

void from_yuv(const YuvRowArgs& args) { yuv_pixels(args, 0); }
void blend(const BlendArgs& args) { blend_bytes(args, 0); }
void resample(const ResampleArgs& args) { resample_pixels(args, 0); }
void shrink(const ShrinkArgs& args) { shrink_pixels(args, 0, args.n); }
void swap(const uint8_t* in, int n, uint8_t* out) { swap_pixels(in, 0, n, out); }
void split(const uint8_t* in, int n, uint8_t* const* planes) { split_pixels(in, 0, n, planes); }
void quantize(const QuantizeRowArgs& args) { quantize_bytes(args, 0); }
void normalize(const NormalizeRowArgs& args) { normalize_bytes(args, 0); }

}  // namespace

const PictureKernel picture_generic = {
    {"generic", Isa::kGeneric}, from_yuv, blend, resample, shrink, swap, split, quantize, normalize};

}  // namespace edgerun
