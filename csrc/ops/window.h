// The geometry that convolutions share: windows over NHWC images.
#pragma once

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "executor/op.h"
#include "kernels/kernel.h"
#include "ops/common.h"

namespace edgerun {

struct Window {
  int64_t batch, in_h, in_w, in_c;
  int64_t out_h, out_w, out_c;
  int kernel_h, kernel_w;
  int stride_h, stride_w;
  int dilation_h, dilation_w;
  int64_t pad_top, pad_left;

  int64_t out_rows() const { return batch * out_h * out_w; }
  // The input row and column of tap 0 of an output pixel; may lie outside of the image.
  int64_t in_y(int64_t out_y) const { return out_y * stride_h - pad_top; }
  int64_t in_x(int64_t out_x) const { return out_x * stride_w - pad_left; }
  // The output columns [begin, end) whose windows lie inside of the image from left to right.
  std::pair<int64_t, int64_t> inside() const {
    const int64_t begin = std::min((pad_left + stride_w - 1) / stride_w, out_w);
    // The largest out_x * stride_w that fits.
    const int64_t last = in_w - 1 - static_cast<int64_t>(kernel_w - 1) * dilation_w + pad_left;
    return {begin, last < 0 ? begin : std::clamp(last / stride_w + 1, begin, out_w)};
  }
};

// Reads kernel, strides, dilations and padding (top, left; the rest follows from the output's shape) and
// checks them against the two NHWC tensors.
inline Window read_window(const StepSpec& spec) {
  constexpr int64_t kLimit = 1 << 16;
  const TensorRef& x = spec.inputs[0];
  const TensorRef& y = spec.outputs[0];
  check(x.rank() == 4 && y.rank() == 4, spec.verb + ": input and output must be NHWC");
  check(x.dim(0) == y.dim(0), spec.verb + ": input and output have different batches");
  check(x.elements() > 0 && y.elements() > 0, spec.verb + ": empty tensor");
  const auto& kernel = spec.attributes.integers("kernel", 2, 1, kLimit);
  const auto& strides = spec.attributes.integers("strides", 2, 1, kLimit);
  const auto& dilations = spec.attributes.integers("dilations", 2, 1, kLimit);
  const auto& padding = spec.attributes.integers("padding", 2, 0, kLimit);
  check(kernel[0] * kernel[1] <= kLimit, spec.verb + ": the kernel is too large");
  Window w{};
  w.batch = x.dim(0), w.in_h = x.dim(1), w.in_w = x.dim(2), w.in_c = x.dim(3);
  w.out_h = y.dim(1), w.out_w = y.dim(2), w.out_c = y.dim(3);
  w.kernel_h = static_cast<int>(kernel[0]), w.kernel_w = static_cast<int>(kernel[1]);
  w.stride_h = static_cast<int>(strides[0]), w.stride_w = static_cast<int>(strides[1]);
  w.dilation_h = static_cast<int>(dilations[0]), w.dilation_w = static_cast<int>(dilations[1]);
  w.pad_top = padding[0], w.pad_left = padding[1];
  return w;
}

inline int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

// The name of a packed form: "gemm_s8/avx2 64x576".
inline std::string layout_name(const char* folder, const KernelInfo& kernel,
                               const std::vector<int64_t>& shape) {
  std::string name = std::string(folder) + "/" + kernel.name;
  char separator = ' ';
  for (const int64_t size : shape) name += separator + std::to_string(size), separator = 'x';
  return name;
}

inline std::shared_ptr<const Blob> packed_weights(const StepSpec& spec, const std::string& layout) {
  auto blob = spec.attributes.blob("weights", 0);
  check(blob->layout() == layout,
        spec.verb + ": the weights are packed as '" + blob->layout() + "', expected '" + layout + "'");
  return blob;
}

// A constant of `count` 4-byte entries, with zeros behind it up to `padded` entries: vector kernels read
// whole blocks of channels.
inline std::shared_ptr<const Blob> padded_constant(const StepSpec& spec, const char* name, int64_t count,
                                                   int64_t padded) {
  const auto bytes = static_cast<size_t>(count) * 4;
  const auto blob = spec.attributes.blob(name, bytes);
  auto copy = std::make_shared<Blob>(static_cast<size_t>(padded) * 4);
  std::memcpy(copy->data<std::byte>(), blob->data<std::byte>(), bytes);
  return copy;
}

inline const char* storage_name(Signedness signedness) {
  switch (signedness) {
    case Signedness::kUnsigned:
      return "uint8";
    case Signedness::kSigned:
      return "int8";
    case Signedness::kAny:
      break;
  }
  return "any";
}

inline void check_signedness(const StepSpec& spec, Signedness wanted, DType dtype) {
  check(wanted == Signedness::kAny || (wanted == Signedness::kSigned) == (dtype == DType::kS8),
        spec.verb + ": kernel " + spec.kernel + " cannot read activations of this sign");
}

}  // namespace edgerun
