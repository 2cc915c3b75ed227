// quantize_dynamic: each image (first dimension) by its own range, as TFLite does it before hybrid products.
//
//   input    x float32 [n, ...]
//   outputs  q int8, uint8 or float32, same shape; scale float32 [n]; zero int32 [n]
//   asymmetric             0: q = round(x * (127 / r)) with r the greatest |x|, scale r / 127, zero 0;
//                          1: [-128, 127] spans the range of x and 0, and zero is the quantum of 0
//
// q and zero are 128 higher where q is uint8. As float32, q is q - zero: what a float product multiplies exactly.
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
        asymmetric_(spec.attributes.integer("asymmetric", 0, 1) != 0) {
    check_dtype(spec, x_, {DType::kF32});
    check_dtype(spec, q_, {DType::kU8, DType::kS8, DType::kF32});
    check_dtype(spec, scale_, {DType::kF32});
    check_dtype(spec, zero_, {DType::kS32});
    check_same_shape(spec, x_, q_);
    check(x_.rank() >= 2, "quantize_dynamic: the first dimension must count images");
    tiles_ = x_.dim(0);
    rows_ = x_.rows() / tiles_;
    for (const TensorRef& each : {scale_, zero_}) {
      check(each.contiguous() && each.elements() == tiles_, "quantize_dynamic: one scale and zero per image");
    }
    // One long run where there is no gap between rows.
    run_ = x_.channels();
    if (x_.contiguous() && q_.contiguous()) run_ *= rows_, rows_ = 1;
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    for (int64_t image = begin; image < end; ++image) run_image(context, image);
  }

 private:
  void run_image(const RunContext& context, int64_t image) const noexcept {
    const int64_t first = image * (x_.rows() / tiles_);
    const uint8_t* x = input_bytes(context, x_) + first * x_.row_stride;
    uint8_t* q = output_bytes(context, q_) + first * q_.row_stride;
    float lo = 0, hi = 0;
    for (int64_t row = 0; row < rows_; ++row) {
      kernel_.min_max(reinterpret_cast<const float*>(x + row * x_.row_stride), run_, &lo, &hi);
    }
    const DynamicRange range(lo, hi, asymmetric_);
    DynamicQuantizeArgs args;
    args.n = run_;
    args.inverse = range.inverse;
    args.lo = range.lowest;
    args.zero = range.zero;
    const int32_t shift = q_.dtype == DType::kU8 ? 128 : 0;
    float_output(context, scale_)[image] = range.scale;
    reinterpret_cast<int32_t*>(output_bytes(context, zero_))[image] = args.zero + shift;
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
  bool asymmetric_;
  int64_t rows_ = 1, run_ = 1;  // of an image: runs of so many elements
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
