// matmul_s8: the products of two stacks of matrices, both computed at run time, 8 bit.
//
//   inputs  a, b 8 bit                 output  y 8 bit        (ops/matmul.h has the shapes)
//   adjoint_a, adjoint_b           0 or 1
//   a_zero_point, b_zero_point     as stored
//   multiplier                     real
//   out_min, out_max, out_zero_point
//   or
//   inputs  a, b, and their zero points 8 bit [1], each with the sign of its own storage
//   output  y int32: the sums; only adjoint_a and adjoint_b are looked at
//
// A tile brings its part of b into the order of constant weights, in scratch, with the corrections for both zero
// points that the weights of a convolution get when they are packed:
//   sum((a - za) * (b - zb)) = sum(a * b) - za * sum(b) - zb * sum(a) + k * za * zb
#include <cstring>

#include "kernels/gemm_s8/gemm_s8.h"
#include "kernels/row_sum/row_sum.h"
#include "ops/matmul.h"

namespace edgerun {
namespace {

class MatmulS8 : public Op {
 public:
  explicit MatmulS8(const StepSpec& spec)
      : a_(spec.inputs[0]),
        b_(spec.inputs[1]),
        y_(spec.outputs[0]),
        kernel_(chosen_kernel(spec, gemm_s8_kernels())),
        row_sum_(*allowed_kernels(row_sum_kernels(), kernel_.info.isa).front()),
        shape_(spec, kernel_.n_block) {
    check_8bit(spec, a_);
    check_8bit(spec, b_);
    check_signedness(spec, kernel_.a_signedness, a_.dtype);
    b_flip_ = b_.dtype == DType::kU8 ? 0x80 : 0;
    const int64_t padded = round_up(shape_.part_columns, kernel_.n_block);
    if (y_.dtype == DType::kS32) {
      a_zero_ = spec.inputs[2], b_zero_ = spec.inputs[3];
      for (const TensorRef& zero : {a_zero_, b_zero_}) {
        check_8bit(spec, zero);
        check(zero.elements() == 1, "matmul_s8: one zero point for each input");
      }
      sums_stride_ = padded;
    } else {
      range_ = read_output_range(spec, y_);
      zeros_ = {read_stored(spec, a_, "a_zero_point"), read_stored(spec, b_, "b_zero_point") - b_flip_};
      const auto multiplier = static_cast<float>(read_multiplier(spec, "multiplier"));
      multiplier_ = std::make_shared<Blob>(static_cast<size_t>(padded) * sizeof(float));
      std::fill_n(multiplier_->data<float>(), padded, multiplier);
    }
    tiles_ = shape_.tiles;

    // Scratch: bias, row offsets, the columns of b, those packed, and the rows of a.
    const int64_t k = shape_.k;
    a_stride_ = round_up(k, 64);
    offsets_at_ = round_up(padded * 4, 64);
    columns_at_ = offsets_at_ + round_up(static_cast<int64_t>(shape_.m) * 4, 64);
    packed_at_ = columns_at_ + round_up(shape_.part_columns * k, 64);
    packed_bytes_ = kernel_.packed_bytes(shape_.part_columns, shape_.k);
    rows_at_ = packed_at_ + round_up(static_cast<int64_t>(packed_bytes_) + 64, 64);
    direct_ = !shape_.adjoint_a && k % kernel_.k_unit == 0;
    sums_at_ = rows_at_ + (direct_ ? 0 : round_up(shape_.m * a_stride_ + 64, 64));
    scratch_bytes_ = sums_at_ + shape_.m * sums_stride_ * static_cast<int64_t>(sizeof(int32_t));
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    if (kernel_.enter != nullptr) kernel_.enter();
    for (int64_t tile = begin; tile < end; ++tile) run_tile(context, tile);
    if (kernel_.leave != nullptr) kernel_.leave();
  }

 private:
  struct Zeros {
    int32_t a = 0, b = 0;  // b as it is multiplied: signed
  };

  // The value of a zero point of `of`, as that is stored.
  static int32_t read_zero(const RunContext& context, const TensorRef& zero, const TensorRef& of) noexcept {
    const uint8_t stored = *input_bytes(context, zero);
    const int32_t shift = is_signed(of) == is_signed(zero) ? 0 : is_signed(of) ? -128 : 128;
    return (is_signed(zero) ? static_cast<int8_t>(stored) : stored) + shift;
  }

  void run_tile(const RunContext& context, int64_t tile) const noexcept {
    const Matmul::Product& product = shape_.product(tile);
    auto* offsets = reinterpret_cast<int32_t*>(context.scratch + offsets_at_);
    const int first = shape_.first_column(tile);
    GemmS8Args args;
    args.m = shape_.m;
    args.k = shape_.k;
    args.n = args.n_end = shape_.column_count(tile);
    args.a_signed = is_signed(a_);
    args.a = input_bytes(context, a_) + product.a * a_.row_stride;
    args.a_stride = static_cast<ptrdiff_t>(a_.row_stride);
    if (!direct_) gather(args, reinterpret_cast<uint8_t*>(context.scratch + rows_at_));
    Zeros zeros = zeros_;
    if (sums_stride_ != 0) {
      zeros = {read_zero(context, a_zero_, a_), read_zero(context, b_zero_, b_) - b_flip_};
    }
    if (zeros.b != 0) {
      row_sum_.run({args.a, args.a_stride, args.a_signed, args.m, args.k, offsets});
      for (int i = 0; i < args.m; ++i) offsets[i] = wrapped(-zeros.b, offsets[i]);
      args.row_offset = offsets;
    }
    pack(context, args, zeros, input_bytes(context, b_) + product.b * b_.row_stride, first);
    if (sums_stride_ != 0) {
      give_sums(context, args, output_bytes(context, y_) + product.y * y_.row_stride, first);
      return;
    }
    args.multiplier = multiplier_->data<float>();
    args.range = range_;
    args.out = output_bytes(context, y_) + product.y * y_.row_stride + first;
    args.out_stride = static_cast<ptrdiff_t>(y_.row_stride);
    kernel_.run(args);
  }

  // The kernel writes rows of whole blocks: the sums go by scratch.
  void give_sums(const RunContext& context, GemmS8Args& args, uint8_t* y, int first) const noexcept {
    args.sums = reinterpret_cast<int32_t*>(context.scratch + sums_at_);
    args.sums_stride = static_cast<ptrdiff_t>(sums_stride_);
    kernel_.run(args);
    for (int i = 0; i < args.m; ++i) {
      std::memcpy(y + i * y_.row_stride + static_cast<ptrdiff_t>(first) * 4, args.sums + i * args.sums_stride,
                  static_cast<size_t>(args.n) * sizeof(int32_t));
    }
  }

  void gather(GemmS8Args& args, uint8_t* rows) const noexcept {
    for (int i = 0; i < args.m; ++i) {
      uint8_t* to = rows + i * a_stride_;
      if (shape_.adjoint_a) {
        for (int d = 0; d < args.k; ++d) to[d] = args.a[d * args.a_stride + i];
      } else {
        std::memcpy(to, args.a + i * args.a_stride, static_cast<size_t>(args.k));
      }
    }
    args.a = rows;
    args.a_stride = static_cast<ptrdiff_t>(a_stride_);
  }

  // The tile's columns of b as weights, and the bias that corrects both zero points.
  void pack(const RunContext& context, GemmS8Args& args, Zeros zeros, const uint8_t* b, int first) const
      noexcept {
    auto* bias = reinterpret_cast<int32_t*>(context.scratch);
    auto* columns = reinterpret_cast<int8_t*>(context.scratch + columns_at_);
    std::byte* packed = context.scratch + packed_at_;
    const ptrdiff_t stride = static_cast<ptrdiff_t>(b_.row_stride);
    const ptrdiff_t across = shape_.adjoint_b ? stride : 1, down = shape_.adjoint_b ? 1 : stride;
    const int32_t both = wrapped(args.k, zeros.a * zeros.b);
    for (int j = 0; j < args.n; ++j) {
      const uint8_t* from = b + (first + j) * across;
      int8_t* to = columns + static_cast<ptrdiff_t>(j) * args.k;
      int32_t sum = 0;  // of at most 2^23 bytes
      for (int d = 0; d < args.k; ++d) {
        to[d] = static_cast<int8_t>(from[d * down] ^ b_flip_);
        sum += to[d];
      }
      bias[j] = static_cast<int32_t>(static_cast<uint32_t>(both) +
                                     static_cast<uint32_t>(wrapped(-zeros.a, sum)));
    }
    std::memset(packed, 0, packed_bytes_);
    kernel_.pack(columns, args.n, args.k, packed);
    args.packed = packed;
    args.bias = bias;
  }

  static int32_t wrapped(int32_t x, int32_t y) {
    return static_cast<int32_t>(static_cast<uint32_t>(x) * static_cast<uint32_t>(y));
  }

  TensorRef a_, b_, y_, a_zero_, b_zero_;
  const GemmS8Kernel& kernel_;
  const RowSumKernel& row_sum_;
  Matmul shape_;
  OutputRange range_;
  std::shared_ptr<Blob> multiplier_;
  Zeros zeros_;  // where they are known before the run
  int32_t b_flip_ = 0;
  int64_t sums_stride_ = 0, sums_at_ = 0;  // 0 where the results are quanta
  bool direct_ = false;
  int64_t a_stride_ = 0, offsets_at_ = 0, columns_at_ = 0, packed_at_ = 0, rows_at_ = 0;
  size_t packed_bytes_ = 0;
};

std::vector<Candidate> candidates(const StepSpec& spec, Isa cap) {
  check_operands(spec, spec.inputs.size() == 4 ? 4 : 2, 1);
  std::vector<Candidate> found;
  for (const GemmS8Kernel* kernel : allowed_kernels(gemm_s8_kernels(), cap)) {
    found.push_back({kernel->info.name, "", storage_name(kernel->a_signedness)});
  }
  return found;
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  const bool sums = spec.inputs.size() == 4;
  check_tensors(spec, sums ? 4 : 2, 1);
  if (sums) check_dtype(spec, spec.outputs[0], {DType::kS32});
  if (!sums) check_8bit(spec, spec.outputs[0]);
  return std::make_unique<MatmulS8>(spec);
}

}  // namespace

const Verb verb_matmul_s8 = {"matmul_s8", candidates, nullptr, prepare};

}  // namespace edgerun
