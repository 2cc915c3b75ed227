// quantize_dynamic: floats by their own range, before hybrid products.
//
//   input    x float32 [n, ...]
//   outputs  q int8, uint8 or float32, same shape; scale float32 [n]; zero int32 or 8 bit [n]
//   scheme                 0: q = round(x * (127 / r)) with r the greatest |x|, scale r / 127, zero 0;
//                          1: [-128, 127] spans the range of x and 0, and zero is the quantum of 0;
//                          2: as ONNX's DynamicQuantizeLinear, less 128; the range is that of all images
//
// Schemes 0 and 1 are TFLite's: each image by its own range. q and zero are 128 higher where they are uint8, a zero
// of 32 bits where q is. As float32, q is q - zero: what a float product multiplies exactly.
// An image of zeros has scale 1.
#include "kernels/hybrid/hybrid.h"
#include "ops/common.h"
#include "ops/dynamic_range.h"
#include "ops/float_range.h"

namespace edgerun {
namespace {

class QuantizeDynamic : public Op {
 public:
  explicit QuantizeDynamic(const StepSpec& spec)
      : kernel_(chosen_kernel(spec, hybrid_kernels())),
        x_(spec.inputs[0]),
        q_(spec.outputs[0]),
        scale_(spec.outputs[1]),
        zero_(spec.outputs[2]),
        scheme_(static_cast<DynamicScheme>(spec.attributes.integer("scheme", 0, 2))) {
    check_dtype(spec, x_, {DType::kF32});
    check_dtype(spec, q_, {DType::kU8, DType::kS8, DType::kF32});
    check_dtype(spec, scale_, {DType::kF32});
    check_dtype(spec, zero_, {DType::kS32, DType::kU8, DType::kS8});
    check_same_shape(spec, x_, q_);
    check(x_.rank() >= 2, "quantize_dynamic: the first dimension must count images");
    const int64_t images = x_.dim(0);
    tiles_ = scheme_ == DynamicScheme::kOnnx ? 1 : images;
    images_ = images / tiles_;
    rows_ = x_.rows() / tiles_;
    for (const TensorRef& each : {scale_, zero_}) {
      check(each.contiguous() && each.elements() == images, "quantize_dynamic: one scale and zero per image");
    }
    // One long run where there is no gap between rows.
    run_ = x_.channels();
    if (x_.contiguous() && q_.contiguous()) run_ *= rows_, rows_ = 1;
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    for (int64_t tile = begin; tile < end; ++tile) run_tile(context, tile);
  }

 private:
  void run_tile(const RunContext& context, int64_t tile) const noexcept {
    const int64_t first = tile * (x_.rows() / tiles_);
    const uint8_t* x = input_bytes(context, x_) + first * x_.row_stride;
    uint8_t* q = output_bytes(context, q_) + first * q_.row_stride;
    float lo = 0, hi = 0;
    for (int64_t row = 0; row < rows_; ++row) {
      kernel_.min_max(reinterpret_cast<const float*>(x + row * x_.row_stride), run_, &lo, &hi);
    }
    const bool onnx = scheme_ == DynamicScheme::kOnnx;
    const auto range =
        onnx ? DynamicRange::onnx(lo, hi) : DynamicRange(lo, hi, scheme_ == DynamicScheme::kAsymmetric);
    DynamicQuantizeArgs args;
    args.n = run_;
    args.inverse = range.inverse;
    args.divisor = onnx ? range.scale : 0.0f;
    args.lo = range.lowest;
    args.zero = range.zero;
    const int32_t shift = q_.dtype == DType::kU8 ? 128 : 0;
    for (int64_t image = tile * images_; image < (tile + 1) * images_; ++image) {
      float_output(context, scale_)[image] = range.scale;
      if (zero_.dtype == DType::kS32) {
        reinterpret_cast<int32_t*>(output_bytes(context, zero_))[image] = args.zero + shift;
      } else {
        const int32_t up = zero_.dtype == DType::kU8 ? 128 : 0;
        output_bytes(context, zero_)[image] = static_cast<uint8_t>(args.zero + up);
      }
    }
    args.shift = shift;
    for (int64_t row = 0; row < rows_; ++row) {
      args.x = reinterpret_cast<const float*>(x + row * x_.row_stride);
      uint8_t* out = q + row * q_.row_stride;
      if (q_.dtype == DType::kF32) {
        args.outf = reinterpret_cast<float*>(out);
      } else {
        args.out8 = out;
      }
      kernel_.quantize(args);
    }
  }

  const HybridKernel& kernel_;
  TensorRef x_, q_, scale_, zero_;
  DynamicScheme scheme_;
  int64_t images_ = 1;  // of a tile
  int64_t rows_ = 1, run_ = 1;  // of a tile: runs of so many elements
};

std::vector<Candidate> candidates(const StepSpec&, Isa cap) {
  return kernel_candidates(hybrid_kernels(), cap);
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 3);
  return std::make_unique<QuantizeDynamic>(spec);
}

}  // namespace

const Verb verb_quantize_dynamic = {"quantize_dynamic", candidates, nullptr, prepare};

}  // namespace edgerun
