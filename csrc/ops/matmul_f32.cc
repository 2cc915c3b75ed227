// matmul_f32: the products of two stacks of matrices, both computed at run time, float32.
//
//   inputs  a, b float32               output  y float32      (ops/matmul.h has the shapes)
//   adjoint_a, adjoint_b   0 or 1
//   out_min, out_max       reals, may be infinite
//
// A tile packs its part of b into scratch, and transposes a there when it has to.
#include "ops/matmul.h"

#include "kernels/gemm_f32/gemm_f32.h"
#include "ops/float_range.h"

namespace edgerun {
namespace {

constexpr int64_t kSize = sizeof(float);

class MatmulF32 : public Op {
 public:
  explicit MatmulF32(const StepSpec& spec)
      : a_(spec.inputs[0]),
        b_(spec.inputs[1]),
        y_(spec.outputs[0]),
        kernel_(chosen_kernel(spec, gemm_f32_kernels())),
        shape_(spec, kernel_.n_block),
        range_(read_float_range(spec)) {
    for (const TensorRef& each : {a_, b_, y_}) check_dtype(spec, each, {DType::kF32});
    tiles_ = shape_.tiles;
    const auto packed = kernel_.packed_floats(shape_.part_columns, shape_.k);
    packed_floats_ = round_up(static_cast<int64_t>(packed), 16);
    const int64_t transposed = shape_.adjoint_a ? static_cast<int64_t>(shape_.m) * shape_.k : 0;
    scratch_bytes_ = (packed_floats_ + transposed) * kSize;
    no_bias_ = std::make_shared<Blob>(static_cast<size_t>(round_up(shape_.n, kernel_.n_block) * kSize));
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    for (int64_t tile = begin; tile < end; ++tile) run_tile(context, tile);
  }

 private:
  void run_tile(const RunContext& context, int64_t tile) const noexcept {
    const Matmul::Product& product = shape_.product(tile);
    const int first = shape_.first_column(tile), k = shape_.k;
    const ptrdiff_t b_stride = float_stride(b_);
    auto* packed = reinterpret_cast<float*>(context.scratch);
    GemmF32Args args;
    args.m = shape_.m;
    args.k = k;
    args.n = args.n_end = shape_.column_count(tile);
    args.a_stride = float_stride(a_);
    args.a = float_input(context, a_) + product.a * args.a_stride;
    if (shape_.adjoint_a) transpose(args, packed + packed_floats_);
    const float* b = float_input(context, b_) + product.b * b_stride;
    if (shape_.adjoint_b) {
      kernel_.pack(b + first * b_stride, b_stride, 1, args.n, k, packed);
    } else {
      kernel_.pack(b + first, 1, b_stride, args.n, k, packed);
    }
    args.packed = packed;
    args.bias = no_bias_->data<float>();
    args.lo = range_.lo;
    args.hi = range_.hi;
    args.out_stride = float_stride(y_);
    args.out = float_output(context, y_) + product.y * args.out_stride + first;
    kernel_.run(args);
  }

  static void transpose(GemmF32Args& args, float* to) noexcept {
    for (int d = 0; d < args.k; ++d) {
      for (int i = 0; i < args.m; ++i) to[static_cast<ptrdiff_t>(i) * args.k + d] = args.a[d * args.a_stride + i];
    }
    args.a = to;
    args.a_stride = args.k;
  }

  TensorRef a_, b_, y_;
  const GemmF32Kernel& kernel_;
  Matmul shape_;
  FloatRange range_;
  std::shared_ptr<const Blob> no_bias_;
  int64_t packed_floats_ = 0;
};

std::vector<Candidate> candidates(const StepSpec& spec, Isa cap) {
  check_operands(spec, 2, 1);
  return kernel_candidates(gemm_f32_kernels(), cap);
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 2, 1);
  return std::make_unique<MatmulF32>(spec);
}

}  // namespace

const Verb verb_matmul_f32 = {"matmul_f32", candidates, nullptr, prepare};

}  // namespace edgerun
