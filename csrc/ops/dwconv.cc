// dwconv: depthwise 2-D convolution, 8 bit, as many output as input channels.
//
//   input  x [n, h, w, c] 8 bit         output y [n, oh, ow, c] 8 bit
//   kernel, strides, dilations [h, w], padding [top, left]
//   input_zero_point       as stored; what padding is made of
//   weights                packed by pack() for the step's kernel, from int16 [kh][kw][c] (w - zero point)
//   bias                   int32 [c], the zero points already folded in
//   multiplier             float32 [c]
//   out_min, out_max, out_zero_point
//
// A tile is one row of output pixels. Rows above and below the image are a row of zero points; the pixels
// whose window reaches over the left or right border are computed from a patch copied into scratch.
#include <algorithm>
#include <cstring>
#include <tuple>

#include "base/small_copy.h"
#include "kernels/dwconv_s8/dwconv_s8.h"
#include "ops/window.h"

namespace edgerun {
namespace {

constexpr int kMaxKernelRows = 64;

class Dwconv : public Op {
 public:
  explicit Dwconv(const StepSpec& spec)
      : x_(spec.inputs[0]),
        y_(spec.outputs[0]),
        window_(read_window(spec)),
        kernel_(chosen_kernel(spec, dwconv_s8_kernels())) {
    check_dtype(spec, x_, {DType::kU8, DType::kS8});
    check_signedness(spec, kernel_.a_signedness, x_.dtype);
    range_ = read_output_range(spec, y_);
    const Window& w = window_;
    check(w.in_c == w.out_c, "dwconv: input and output must have the same channels");
    check(w.kernel_h <= kMaxKernelRows, "dwconv: the kernel has too many rows");
    const int64_t padded = round_up(w.out_c, kernel_.channel_block);
    weights_ = packed_weights(
        spec, layout_name("dwconv_s8", kernel_.info, {w.kernel_h, w.kernel_w, w.out_c}));
    bias_ = padded_constant(spec, "bias", w.out_c, padded);
    multiplier_ = padded_constant(spec, "multiplier", w.out_c, padded);
    const int64_t low = x_.dtype == DType::kU8 ? 0 : -128;
    zero_ = static_cast<uint8_t>(spec.attributes.integer("input_zero_point", low, low + 255));
    std::tie(inside_begin_, inside_end_) = w.inside();
    patch_bytes_ = static_cast<int64_t>(w.kernel_h) * w.kernel_w * w.in_c;
    zero_row_bytes_ = (w.in_w - 1) * x_.row_stride + w.in_c;  // read with the input's pixel stride
    scratch_bytes_ = patch_bytes_ + zero_row_bytes_ + 64;
    // Short rows are not worth handing out one by one.
    const int64_t row_work = w.out_w * w.out_c * w.kernel_h * w.kernel_w;
    rows_per_tile_ = std::clamp<int64_t>((100 << 10) / std::max<int64_t>(row_work, 1), 1, w.batch * w.out_h);
    tiles_ = (w.batch * w.out_h + rows_per_tile_ - 1) / rows_per_tile_;
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    const Window& w = window_;
    const int64_t first = begin * rows_per_tile_;
    const int64_t last = std::min(end * rows_per_tile_, w.batch * w.out_h);
    auto* zero_row = reinterpret_cast<uint8_t*>(context.scratch) + patch_bytes_;
    if (w.in_y(0) < 0 || w.in_y(w.out_h - 1) + (w.kernel_h - 1) * w.dilation_h >= w.in_h) {
      std::memset(zero_row, zero_, static_cast<size_t>(zero_row_bytes_));
    }
    for (int64_t row = first; row < last; ++row) run_row(context, row / w.out_h, row % w.out_h, zero_row);
  }

 private:
  void run_row(const RunContext& context, int64_t image, int64_t out_y, const uint8_t* zero_row) const
      noexcept {
    const Window& w = window_;
    const uint8_t* rows[kMaxKernelRows];  // the start of each input row, or null outside of the image
    const uint8_t* x = input_bytes(context, x_) + image * w.in_h * w.in_w * x_.row_stride;
    for (int r = 0; r < w.kernel_h; ++r) {
      const int64_t y0 = w.in_y(out_y) + static_cast<int64_t>(r) * w.dilation_h;
      rows[r] = y0 < 0 || y0 >= w.in_h ? nullptr : x + y0 * w.in_w * x_.row_stride;
    }
    uint8_t* out = output_bytes(context, y_) + (image * w.out_h + out_y) * w.out_w * y_.row_stride;
    for (int64_t out_x = 0; out_x < inside_begin_; ++out_x) run_border(context, rows, out_x, out);
    run_inside(rows, zero_row, out);
    for (int64_t out_x = inside_end_; out_x < w.out_w; ++out_x) run_border(context, rows, out_x, out);
  }

  void run_inside(const uint8_t* const* rows, const uint8_t* zero_row, uint8_t* out) const noexcept {
    if (inside_end_ <= inside_begin_) return;
    const Window& w = window_;
    const uint8_t* taps[kMaxKernelRows];
    for (int r = 0; r < w.kernel_h; ++r) {
      taps[r] = rows[r] == nullptr ? zero_row : rows[r] + w.in_x(inside_begin_) * x_.row_stride;
    }
    run_kernel(taps, x_.row_stride, w.stride_w, w.dilation_w, inside_end_ - inside_begin_,
               out + inside_begin_ * y_.row_stride);
  }

  void run_border(const RunContext& context, const uint8_t* const* rows, int64_t out_x, uint8_t* out) const
      noexcept {
    const Window& w = window_;
    auto* patch = reinterpret_cast<uint8_t*>(context.scratch);
    const auto c = static_cast<size_t>(w.in_c);
    const uint8_t* taps[kMaxKernelRows];
    for (int r = 0; r < w.kernel_h; ++r) {
      taps[r] = patch;
      for (int t = 0; t < w.kernel_w; ++t, patch += c) {
        const int64_t x0 = w.in_x(out_x) + static_cast<int64_t>(t) * w.dilation_w;
        if (rows[r] == nullptr || x0 < 0 || x0 >= w.in_w) {
          std::memset(patch, zero_, c);
        } else {
          small_copy(patch, rows[r] + x0 * x_.row_stride, c);
        }
      }
    }
    run_kernel(taps, w.in_c, 1, 1, 1, out + out_x * y_.row_stride);
  }

  void run_kernel(const uint8_t* const* taps, int64_t pixel_stride, int stride_w, int dilation_w,
                  int64_t count, uint8_t* out) const noexcept {
    DwconvS8Args args;
    args.rows = taps;
    args.pixel_stride = static_cast<ptrdiff_t>(pixel_stride);
    args.a_signed = x_.dtype == DType::kS8;
    args.kernel_h = window_.kernel_h;
    args.kernel_w = window_.kernel_w;
    args.stride_w = stride_w;
    args.dilation_w = dilation_w;
    args.channels = static_cast<int>(window_.in_c);
    args.channel_end = args.channels;
    args.count = static_cast<int>(count);
    args.packed = weights_->data<std::byte>();
    args.bias = bias_->data<int32_t>();
    args.multiplier = multiplier_->data<float>();
    args.range = range_;
    args.out = out;
    args.out_stride = static_cast<ptrdiff_t>(y_.row_stride);
    kernel_.run(args);
  }

  TensorRef x_, y_;
  Window window_;
  const DwconvS8Kernel& kernel_;
  std::shared_ptr<const Blob> weights_, bias_, multiplier_;
  OutputRange range_;
  uint8_t zero_ = 0;
  int64_t inside_begin_ = 0, inside_end_ = 0;  // output columns whose windows lie inside of the image
  int64_t patch_bytes_ = 0, zero_row_bytes_ = 0, rows_per_tile_ = 1;
};

std::vector<Candidate> candidates(const StepSpec& spec, Isa cap) {
  check_operands(spec, 1, 1);
  std::vector<Candidate> found;
  for (const DwconvS8Kernel* kernel : allowed_kernels(dwconv_s8_kernels(), cap)) {
    found.push_back({kernel->info.name, std::string("dwconv_s8/") + kernel->info.name,
                     storage_name(kernel->a_signedness)});
  }
  return found;
}

// Null when the kernel has no form for these weights: the next candidate is asked then.
std::shared_ptr<const Blob> pack(const std::string& name, const Blob& weights,
                                 const std::vector<int64_t>& shape) {
  StepSpec spec;
  spec.verb = "dwconv", spec.kernel = name;
  const DwconvS8Kernel& kernel = chosen_kernel(spec, dwconv_s8_kernels());
  check(shape.size() == 3, "dwconv: weights to pack must have the shape [height, width, channels]");
  int64_t count = 1;
  for (const int64_t size : shape) {
    check(size > 0 && size <= (1 << 24), "dwconv: the weights have an impossible shape");
    count *= size;
    check(count <= (1 << 30), "dwconv: the weights are too large");
  }
  check(weights.size() >= static_cast<size_t>(count) * sizeof(int16_t), "dwconv: too few weights");
  const int h = static_cast<int>(shape[0]), w = static_cast<int>(shape[1]), c = static_cast<int>(shape[2]);
  const size_t bytes = kernel.packed_bytes(weights.data<int16_t>(), h, w, c);
  if (bytes == 0) return nullptr;
  auto packed = std::make_shared<Blob>(bytes);
  kernel.pack(weights.data<int16_t>(), h, w, c, packed->data<std::byte>());
  packed->set_layout(layout_name("dwconv_s8", kernel.info, shape));
  return packed;
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  return std::make_unique<Dwconv>(spec);
}

}  // namespace

const Verb verb_dwconv = {"dwconv", candidates, pack, prepare};

}  // namespace edgerun
