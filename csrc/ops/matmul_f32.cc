// matmul_f32: the products of two stacks of matrices, both computed at run time, float32.
//
//   inputs  a [..., m, k] (or [..., k, m] with adjoint_a), b [..., k, n] (or [..., n, k] with adjoint_b),
//           float32; the dimensions before the last two are broadcast against each other
//   output  y [..., m, n] float32
//   adjoint_a, adjoint_b   0 or 1
//   out_min, out_max       reals, may be infinite
//
// A tile is one product, or some columns of one where there are few. It packs its part of b into scratch, and
// transposes a there when it has to.
#include <limits>

#include "kernels/gemm_f32/gemm_f32.h"
#include "ops/float_range.h"
#include "ops/window.h"

namespace edgerun {
namespace {

constexpr int64_t kSize = sizeof(float);
constexpr int64_t kGrain = 400 << 10;  // multiply-adds worth handing to another thread

class MatmulF32 : public Op {
 public:
  explicit MatmulF32(const StepSpec& spec)
      : a_(spec.inputs[0]),
        b_(spec.inputs[1]),
        y_(spec.outputs[0]),
        kernel_(chosen_kernel(spec, gemm_f32_kernels())),
        adjoint_a_(spec.attributes.integer("adjoint_a", 0, 1) != 0),
        adjoint_b_(spec.attributes.integer("adjoint_b", 0, 1) != 0),
        range_(read_float_range(spec)) {
    for (const TensorRef& each : {a_, b_, y_}) {
      check_dtype(spec, each, {DType::kF32});
      check(each.rank() >= 2, "matmul_f32: matrices have two dimensions");
      check(each.dim(each.rank() - 1) <= (1 << 23) && each.dim(each.rank() - 2) <= (1 << 23),
            "matmul_f32: the matrices are too large");
    }
    const auto rows = [](const TensorRef& t) { return static_cast<int>(t.dim(t.rank() - 2)); };
    const auto columns = [](const TensorRef& t) { return static_cast<int>(t.dim(t.rank() - 1)); };
    m_ = rows(y_), n_ = columns(y_);
    k_ = adjoint_a_ ? rows(a_) : columns(a_);
    check((adjoint_a_ ? columns(a_) : rows(a_)) == m_ && (adjoint_b_ ? columns(b_) : rows(b_)) == k_ &&
              (adjoint_b_ ? rows(b_) : columns(b_)) == n_,
          "matmul_f32: the shapes do not fit each other");
    find_products();
    const int64_t blocks = (n_ + kernel_.n_block - 1) / kernel_.n_block;
    const int64_t work = static_cast<int64_t>(m_) * n_ * k_ / kGrain;
    const auto products = static_cast<int64_t>(products_.size());
    const int64_t parts = products >= 8 ? 1 : std::clamp<int64_t>(std::min(work, 8 / products), 1, blocks);
    part_columns_ = static_cast<int>((blocks + parts - 1) / parts) * kernel_.n_block;
    parts_ = (n_ + part_columns_ - 1) / part_columns_;
    tiles_ = products * parts_;
    const auto packed = kernel_.packed_floats(std::min(part_columns_, n_), k_);
    packed_floats_ = round_up(static_cast<int64_t>(packed), 16);
    scratch_bytes_ = (packed_floats_ + (adjoint_a_ ? static_cast<int64_t>(m_) * k_ : 0)) * kSize;
    no_bias_ = std::make_shared<Blob>(static_cast<size_t>(round_up(n_, kernel_.n_block) * kSize));
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    auto* packed = reinterpret_cast<float*>(context.scratch);
    float* transposed = packed + packed_floats_;
    for (int64_t tile = begin; tile < end; ++tile) {
      const Product& product = products_[static_cast<size_t>(tile / parts_)];
      const auto first = static_cast<int>(tile % parts_) * part_columns_;
      const ptrdiff_t a_stride = float_stride(a_), b_stride = float_stride(b_);
      GemmF32Args args;
      args.m = m_;
      args.k = k_;
      args.n = args.n_end = std::min(part_columns_, n_ - first);
      args.a = float_input(context, a_) + product.a * a_stride;
      args.a_stride = a_stride;
      if (adjoint_a_) {
        for (int d = 0; d < k_; ++d) {
          for (int i = 0; i < m_; ++i) transposed[static_cast<ptrdiff_t>(i) * k_ + d] = args.a[d * a_stride + i];
        }
        args.a = transposed;
        args.a_stride = k_;
      }
      const float* b = float_input(context, b_) + product.b * b_stride;
      const ptrdiff_t column_stride = adjoint_b_ ? b_stride : 1, depth_stride = adjoint_b_ ? 1 : b_stride;
      kernel_.pack(b + first * column_stride, column_stride, depth_stride, args.n, k_, packed);
      args.packed = packed;
      args.bias = no_bias_->data<float>();
      args.lo = range_.lo;
      args.hi = range_.hi;
      args.out_stride = float_stride(y_);
      args.out = float_output(context, y_) + tile / parts_ * m_ * args.out_stride + first;
      kernel_.run(args);
    }
  }

 private:
  struct Product {
    int64_t a, b;  // the first rows of its two matrices
  };

  // Which matrices each product multiplies, in the order of the output.
  void find_products() {
    int64_t count = 1;
    for (int d = 0; d + 2 < y_.rank(); ++d) count *= y_.dim(d);
    check(count <= (1 << 24), "matmul_f32: too many products");
    for (int64_t i = 0; i < count; ++i) products_.push_back({matrix(a_, i), matrix(b_, i)});
  }

  // The first row of the matrix of `t` that product i reads.
  int64_t matrix(const TensorRef& t, int64_t i) const {
    const int missing = y_.rank() - t.rank();
    check(missing >= 0, "matmul_f32: an input has more dimensions than the output");
    int64_t row = 0, step = t.dim(t.rank() - 2);
    for (int d = y_.rank() - 3; d >= 0; --d) {
      const int64_t at = i % y_.dim(d), size = d < missing ? 1 : t.dim(d - missing);
      check(size == 1 || size == y_.dim(d), "matmul_f32: the batches do not fit each other");
      if (size != 1) row += at * step;
      step *= size;
      i /= y_.dim(d);
    }
    return row;
  }

  TensorRef a_, b_, y_;
  const GemmF32Kernel& kernel_;
  bool adjoint_a_, adjoint_b_;
  FloatRange range_;
  std::vector<Product> products_;
  std::shared_ptr<const Blob> no_bias_;
  int m_ = 0, n_ = 0, k_ = 0;
  int part_columns_ = 0;
  int64_t parts_ = 1, packed_floats_ = 0;
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
