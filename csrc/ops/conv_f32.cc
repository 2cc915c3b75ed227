// conv_f32: 2-D convolution and fully connected layer, float32.
//
//   inputs  x [n, h, w, c] float32, and, when they are computed at run time, weights [m, kh, kw, c] and
//           bias [m], contiguous
//   output  y [n, oh, ow, m] float32
//   kernel, strides, dilations [h, w], padding [top, left]
//   weights                packed by pack() for the step's kernel, from float32 [m][kh][kw][c]
//   bias                   float32 [m]
//   out_min, out_max       reals, may be infinite
//
// A matrix product, as conv is: pixels are read in place or windows are gathered into scratch, where zeros stand
// for what is outside of the image. Weights of the run time are packed by each tile, into its scratch.
#include "kernels/gemm_f32/gemm_f32.h"
#include "ops/float_range.h"
#include "ops/product.h"

namespace edgerun {
namespace {

constexpr int64_t kTileBytes = 128 << 10;  // of gathered rows: less than a small L2 cache
constexpr int64_t kSize = sizeof(float);

class ConvF32 : public Op {
 public:
  explicit ConvF32(const StepSpec& spec)
      : x_(spec.inputs[0]),
        y_(spec.outputs[0]),
        kernel_(chosen_kernel(spec, gemm_f32_kernels())),
        range_(read_float_range(spec)) {
    for (const TensorRef& tensor : spec.inputs) check_dtype(spec, tensor, {DType::kF32});
    check_dtype(spec, y_, {DType::kF32});
    const Window w = read_window(spec);
    const int64_t depth = w.in_c * w.kernel_h * w.kernel_w;
    check(depth <= (1 << 23) && w.out_c <= (1 << 23), "conv_f32: the weights are too large");
    k_ = static_cast<int>(depth);
    n_ = static_cast<int>(w.out_c);
    const int64_t row_bytes = round_up(k_ * kSize, 64);
    rows_ = WindowRows(w, x_, row_bytes);
    direct_ = rows_.are_pixels();
    work_ = ProductTiles(w.out_rows(), n_, k_, row_bytes, kTileBytes, kernel_.m_tile, kernel_.n_block);
    tiles_ = work_.tiles;
    const int64_t padded_n = round_up(n_, kernel_.n_block);
    panel_floats_ = direct_ ? 0 : work_.rows * row_bytes / kSize;
    if (spec.inputs.size() == 1) {
      weights_ = packed_weights(spec, layout_name("gemm_f32", kernel_.info, {n_, k_}));
      bias_ = padded_constant(spec, "bias", n_, padded_n);
      scratch_bytes_ = panel_floats_ * kSize;
    } else {
      own_weights_ = spec.inputs[1], own_bias_ = spec.inputs[2];
      check(own_weights_.contiguous() && own_weights_.elements() == depth * n_ && own_bias_.contiguous() &&
                own_bias_.elements() == n_,
            "conv_f32: weights or bias of another shape");
      const auto columns = static_cast<int>(std::min<int64_t>(work_.part_columns, n_));
      packed_floats_ = round_up(static_cast<int64_t>(kernel_.packed_floats(columns, k_)), 16);
      scratch_bytes_ = (panel_floats_ + packed_floats_ + padded_n) * kSize;
    }
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    for (int64_t tile = begin; tile < end; ++tile) run_tile(context, tile);
  }

 private:
  void run_tile(const RunContext& context, int64_t tile) const noexcept {
    const int64_t row = work_.row(tile);
    auto* panel = reinterpret_cast<float*>(context.scratch);
    GemmF32Args args;
    args.m = work_.row_count(tile);
    args.n = n_;
    args.k = k_;
    args.n_begin = work_.n_begin(tile);
    args.n_end = work_.n_end(tile);
    if (direct_) {
      args.a_stride = float_stride(x_);
      args.a = float_input(context, x_) + row * args.a_stride;
    } else {
      rows_.gather(input_bytes(context, x_), row, args.m, reinterpret_cast<uint8_t*>(panel),
                   [](int64_t) { return uint8_t{0}; });
      args.a = panel;
      args.a_stride = static_cast<ptrdiff_t>(round_up(k_ * kSize, 64) / kSize);
    }
    args.out_stride = float_stride(y_);
    args.out = float_output(context, y_) + row * args.out_stride;
    args.lo = range_.lo;
    args.hi = range_.hi;
    if (weights_ != nullptr) {
      args.packed = weights_->data<float>();
      args.bias = bias_->data<float>();
    } else {
      pack_columns(context, args, panel + panel_floats_);
    }
    kernel_.run(args);
  }

  // Packs the columns of the tile, and makes `args` a product of those alone.
  void pack_columns(const RunContext& context, GemmF32Args& args, float* packed) const noexcept {
    const int columns = args.n_end - args.n_begin;
    const float* weights = float_input(context, own_weights_) + static_cast<ptrdiff_t>(args.n_begin) * k_;
    kernel_.pack(weights, k_, 1, columns, k_, packed);
    float* bias = packed + packed_floats_;
    std::memcpy(bias, float_input(context, own_bias_) + args.n_begin, static_cast<size_t>(columns) * kSize);
    args.packed = packed;
    args.bias = bias;
    args.out += args.n_begin;
    args.n = args.n_end = columns;
    args.n_begin = 0;
  }

  TensorRef x_, y_, own_weights_, own_bias_;
  const GemmF32Kernel& kernel_;
  FloatRange range_;
  std::shared_ptr<const Blob> weights_, bias_;  // null where they are inputs
  WindowRows rows_;
  ProductTiles work_;
  int n_ = 0, k_ = 0;
  bool direct_ = false;
  int64_t panel_floats_ = 0, packed_floats_ = 0;
};

void check_inputs(const StepSpec& spec) {
  check_operands(spec, spec.inputs.size() == 3 ? 3 : 1, 1);
}

std::vector<Candidate> candidates(const StepSpec& spec, Isa cap) {
  check_inputs(spec);
  std::vector<Candidate> found;
  for (const GemmF32Kernel* kernel : allowed_kernels(gemm_f32_kernels(), cap)) {
    found.push_back({kernel->info.name, std::string("gemm_f32/") + kernel->info.name, "any"});
  }
  return found;
}

std::shared_ptr<const Blob> pack(const std::string& name, const Blob& weights,
                                 const std::vector<int64_t>& shape) {
  StepSpec spec;
  spec.verb = "conv_f32", spec.kernel = name;
  const GemmF32Kernel& kernel = chosen_kernel(spec, gemm_f32_kernels());
  check(shape.size() == 2 && shape[0] > 0 && shape[1] > 0 && shape[0] <= (1 << 23) && shape[1] <= (1 << 23),
        "conv_f32: weights to pack must have the shape [outputs, depth]");
  const int n = static_cast<int>(shape[0]), k = static_cast<int>(shape[1]);
  check(weights.size() / sizeof(float) >= static_cast<size_t>(n) * static_cast<size_t>(k),
        "conv_f32: too few weights");
  auto packed = std::make_shared<Blob>(kernel.packed_floats(n, k) * sizeof(float));
  kernel.pack(weights.data<float>(), k, 1, n, k, packed->data<float>());
  packed->set_layout(layout_name("gemm_f32", kernel.info, shape));
  return packed;
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_inputs(spec);
  check_tensors(spec, spec.inputs.size(), 1);
  return std::make_unique<ConvF32>(spec);
}

}  // namespace

const Verb verb_conv_f32 = {"conv_f32", candidates, pack, prepare};

}  // namespace edgerun
