// What the float depthwise verbs share: a row of output pixels, their weights, and how rows are dealt out.
#pragma once

#include <algorithm>
#include <tuple>

#include "kernels/dwconv_f32/dwconv_f32.h"
#include "ops/float_range.h"
#include "ops/window.h"

namespace edgerun {

// A depthwise convolution of a float32 tensor, one row of output pixels at a time. Pixels whose window reaches
// over the left or right border are computed one by one, with the taps that lie inside.
class DwconvRows {
 public:
  DwconvRows(const StepSpec& spec, const TensorRef& x, const TensorRef& y)
      : kernel_(chosen_kernel(spec, dwconv_f32_kernels())), window_(read_window(spec)), x_(x), y_(y) {
    check_dtype(spec, x, {DType::kF32});
    check_dtype(spec, y, {DType::kF32});
    const Window& w = window_;
    check(w.in_c == w.out_c, spec.verb + ": input and output must have the same channels");
    check(w.kernel_h <= kMaxKernelRows, spec.verb + ": the kernel has too many rows");
    check(static_cast<int64_t>(taps()) * w.out_c <= (1 << 30), spec.verb + ": the weights are too large");
    std::tie(inside_begin_, inside_end_) = w.inside();
    // Short rows are not worth handing out one by one.
    const int64_t row_work = std::max<int64_t>(w.out_w * w.out_c * taps(), 1);
    tiling_ = Tiling(w.batch * w.out_h, row_work, 100 << 10);
  }

  const DwconvF32Kernel& kernel() const { return kernel_; }
  const Window& window() const { return window_; }
  const Tiling& tiling() const { return tiling_; }  // of the rows of all images
  int taps() const { return window_.kernel_h * window_.kernel_w; }
  int64_t padded_channels() const { return round_up(window_.out_c, kernel_.channel_block); }

  // Row `row` of the output: batch and height counted together.
  void run(const float* x, int64_t row, const float* packed, const float* bias, FloatRange range, float* out) const
      noexcept {
    const Window& w = window_;
    const ptrdiff_t pixel = float_stride(x_), out_pixel = float_stride(y_);
    const int64_t image = row / w.out_h, top = w.in_y(row % w.out_h);
    const float* lines[kMaxKernelRows];  // the start of each input row, or null outside of the image
    for (int r = 0; r < w.kernel_h; ++r) {
      const int64_t y0 = top + static_cast<int64_t>(r) * w.dilation_h;
      lines[r] = y0 < 0 || y0 >= w.in_h ? nullptr : x + (image * w.in_h + y0) * w.in_w * pixel;
    }
    DwconvF32Args args;
    args.pixel_stride = pixel;
    args.kernel_h = w.kernel_h;
    args.kernel_w = w.kernel_w;
    args.stride_w = w.stride_w;
    args.dilation_w = w.dilation_w;
    args.channels = static_cast<int>(w.in_c);
    args.packed = packed;
    args.bias = bias;
    args.lo = range.lo;
    args.hi = range.hi;
    args.out_stride = out_pixel;
    const auto pixels = [&](int64_t from, int64_t count, int tap_begin, int tap_end) {
      const float* rows[kMaxKernelRows];
      const int64_t x0 = w.in_x(from) + static_cast<int64_t>(tap_begin) * w.dilation_w;
      for (int r = 0; r < w.kernel_h; ++r) rows[r] = lines[r] == nullptr ? nullptr : lines[r] + x0 * pixel;
      args.rows = rows;
      args.tap_begin = tap_begin;
      args.tap_end = tap_end;
      args.count = static_cast<int>(count);
      args.out = out + (row * w.out_w + from) * out_pixel;
      kernel_.run(args);
    };
    const auto border = [&](int64_t at) {
      const int64_t left = w.in_x(at);
      int tap_begin = 0, tap_end = w.kernel_w;
      while (tap_begin < tap_end && left + static_cast<int64_t>(tap_begin) * w.dilation_w < 0) ++tap_begin;
      while (tap_begin < tap_end && left + static_cast<int64_t>(tap_end - 1) * w.dilation_w >= w.in_w) --tap_end;
      pixels(at, 1, tap_end > tap_begin ? tap_begin : 0, tap_end > tap_begin ? tap_end : 0);
    };
    for (int64_t at = 0; at < inside_begin_; ++at) border(at);
    if (inside_end_ > inside_begin_) pixels(inside_begin_, inside_end_ - inside_begin_, 0, w.kernel_w);
    for (int64_t at = inside_end_; at < w.out_w; ++at) border(at);
  }

 private:
  static constexpr int kMaxKernelRows = 64;

  const DwconvF32Kernel& kernel_;
  Window window_;
  TensorRef x_, y_;
  Tiling tiling_;
  int64_t inside_begin_ = 0, inside_end_ = 0;  // output columns whose windows lie inside of the image
};

inline std::vector<Candidate> dwconv_f32_candidates(Isa cap) {
  std::vector<Candidate> found;
  for (const DwconvF32Kernel* kernel : allowed_kernels(dwconv_f32_kernels(), cap)) {
    found.push_back({kernel->info.name, std::string("dwconv_f32/") + kernel->info.name, "any"});
  }
  return found;
}

// float32 [height, width, channels] in the order of the kernel called `name`.
inline std::shared_ptr<const Blob> pack_dwconv_f32(const char* verb, const std::string& name, const Blob& weights,
                                                   const std::vector<int64_t>& shape) {
  StepSpec spec;
  spec.verb = verb, spec.kernel = name;
  const DwconvF32Kernel& kernel = chosen_kernel(spec, dwconv_f32_kernels());
  check(shape.size() == 3, spec.verb + ": weights to pack must have the shape [height, width, channels]");
  int64_t count = 1;
  for (const int64_t size : shape) {
    check(size > 0 && size <= (1 << 24), spec.verb + ": the weights have an impossible shape");
    count *= size;
    check(count <= (1 << 30), spec.verb + ": the weights are too large");
  }
  check(weights.size() / sizeof(float) >= static_cast<size_t>(count), spec.verb + ": too few weights");
  const int taps = static_cast<int>(shape[0] * shape[1]), channels = static_cast<int>(shape[2]);
  auto packed = std::make_shared<Blob>(kernel.packed_floats(taps, channels) * sizeof(float));
  kernel.pack(weights.data<float>(), taps, channels, packed->data<float>());
  packed->set_layout(layout_name("dwconv_f32", kernel.info, shape));
  return packed;
}

}  // namespace edgerun
