// lstm_f32: a sequence through a long short-term memory of floats.
//
// Sums and functions are in double, in one fixed order (products of floats are exact there), h and c are
// rounded to float once per step: the same bits on every machine.
//
// inputs   x [batch, time, n], [time, batch, n] or [batch, n], h [batch, out], c [batch, cells]
// outputs  y (as x, with `out` channels), h, c
// integers time_major                  0 or 1
//          dynamic                     0; 1 or 2: x, h and the hidden values are quantised by their range (2: with
//                                      a zero point) before they are multiplied
//          gates                       3: there is no input gate; 4: the gates are input, forget, cell, output
//          cells
// reals    cell_clip, projection_clip  0: none
// text     activation                  none, relu, relu_n1_to_1, relu6, tanh
// blobs    weights      float [n + out, gates * cells padded to 8], of x and then of h
//          bias         float [gates * cells]
// optional peephole and norm, float [gates * cells];
//          projection float [cells, out padded to 8] with projection_bias float [out]
#include "ops/dynamic_range.h"
#include "ops/recurrent.h"

namespace edgerun {
namespace {

constexpr int kInput = 0, kForget = 1, kCell = 2, kOutput = 3;

class LstmOp : public Op {
 public:
  explicit LstmOp(const StepSpec& spec)
      : x_(spec.inputs[0]),
        h_in_(spec.inputs[1]),
        c_in_(spec.inputs[2]),
        y_(spec.outputs[0]),
        h_out_(spec.outputs[1]),
        c_out_(spec.outputs[2]),
        sequence_(spec, spec.attributes.integer("time_major", 0, 1) != 0) {
    const Attributes& a = spec.attributes;
    dynamic_ = a.integer("dynamic", 0, 2);
    gates_ = a.integer("gates", 3, 4);
    cells_ = a.integer("cells", 1, int64_t{1} << 24);
    out_ = y_.channels();
    check(out_ <= int64_t{1} << 24 && x_.channels() <= int64_t{1} << 24, "lstm_f32: too many channels");
    check_state(spec, 1, 1, sequence_.batch, out_);
    check_state(spec, 2, 2, sequence_.batch, cells_);
    const int64_t columns = gates_ * cells_;
    width_ = padded(columns);
    weights_ = a.blob("weights", bytes((x_.channels() + out_) * width_));
    bias_ = a.blob("bias", bytes(columns));
    if (a.has("peephole")) peephole_ = a.blob("peephole", bytes(columns));
    if (a.has("norm")) norm_ = a.blob("norm", bytes(columns));
    if (a.has("projection")) {
      projection_ = a.blob("projection", bytes(cells_ * padded(out_)));
      projection_bias_ = a.blob("projection_bias", bytes(out_));
    } else {
      check(out_ == cells_, "lstm_f32: without a projection there are as many outputs as cells");
    }
    cell_clip_ = read_multiplier(spec, "cell_clip");
    projection_clip_ = read_multiplier(spec, "projection_clip");
    activation_ = read_activation(spec);
    tiles_ = sequence_.batch;
    // The sums of the gates, the projection's; the hidden value; h and c; what is multiplied.
    scratch_bytes_ = 8 * (width_ + padded(out_)) + 4 * (cells_ + out_ + cells_);
    if (dynamic_ != 0) scratch_bytes_ += 4 * std::max({x_.channels(), out_, cells_});
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    Work work;
    work.sums = reinterpret_cast<double*>(context.scratch);
    work.projected = work.sums + width_;
    work.hidden = reinterpret_cast<float*>(work.projected + padded(out_));
    work.h = work.hidden + cells_;
    work.c = work.h + out_;
    work.seen = work.c + cells_;
    const auto floats = [](const uint8_t* p) { return reinterpret_cast<const float*>(p); };
    for (int64_t b = begin; b < end; ++b) {
      std::copy_n(floats(input_bytes(context, h_in_)) + b * out_, out_, work.h);
      std::copy_n(floats(input_bytes(context, c_in_)) + b * cells_, cells_, work.c);
      for (int64_t t = 0; t < sequence_.time; ++t) {
        const int64_t row = sequence_.row(b, t);
        step(work, floats(input_bytes(context, x_) + row * x_.row_stride));
        std::copy_n(work.h, out_,
                    reinterpret_cast<float*>(output_bytes(context, y_) + row * y_.row_stride));
      }
      std::copy_n(work.h, out_, reinterpret_cast<float*>(output_bytes(context, h_out_)) + b * out_);
      std::copy_n(work.c, cells_, reinterpret_cast<float*>(output_bytes(context, c_out_)) + b * cells_);
    }
  }

 private:
  struct Work {
    double *sums, *projected;
    float *hidden, *h, *c, *seen;
  };

  static size_t bytes(int64_t elements) { return static_cast<size_t>(elements * 4); }

  double* gate(const Work& work, int which) const { return work.sums + (which - (4 - gates_)) * cells_; }

  // From the sum of products to the argument of the gate's function.
  void finish_gate(const Work& work, int which) const noexcept {
    double* sum = gate(work, which);
    const int64_t first = sum - work.sums;
    if (peephole_ != nullptr && which != kCell) {
      const float* peephole = peephole_->data<float>() + first;
      for (int64_t i = 0; i < cells_; ++i)
        sum[i] += static_cast<double>(peephole[i]) * static_cast<double>(work.c[i]);
    }
    if (norm_ != nullptr) {
      const float* norm = norm_->data<float>() + first;
      const auto n = static_cast<double>(cells_);
      double mean = 0, variance = 0;
      for (int64_t i = 0; i < cells_; ++i) mean += sum[i];
      mean /= n;
      for (int64_t i = 0; i < cells_; ++i) variance += (sum[i] - mean) * (sum[i] - mean);
      const double deviation = std::sqrt(variance / n + 1e-8);
      for (int64_t i = 0; i < cells_; ++i)
        sum[i] = (sum[i] - mean) / deviation * static_cast<double>(norm[i]);
    }
    const float* bias = bias_->data<float>() + first;
    for (int64_t i = 0; i < cells_; ++i) sum[i] += static_cast<double>(bias[i]);
  }

  // What n values count as in a product: valid until the next call.
  const float* seen(const Work& work, const float* values, int64_t n) const noexcept {
    if (dynamic_ == 0) return values;
    as_quantised(values, n, dynamic_ == 2, work.seen);
    return work.seen;
  }

  void step(const Work& work, const float* x) const noexcept {
    std::fill_n(work.sums, width_, 0.0);
    const float* row = weights_->data<float>();
    const float* values = seen(work, x, x_.channels());
    for (int64_t k = 0; k < x_.channels(); ++k, row += width_) add_scaled(work.sums, values[k], row, width_);
    values = seen(work, work.h, out_);
    for (int64_t k = 0; k < out_; ++k, row += width_) add_scaled(work.sums, values[k], row, width_);
    for (int which = 4 - static_cast<int>(gates_); which < kOutput; ++which) finish_gate(work, which);
    const double *forget = gate(work, kForget), *update = gate(work, kCell), *emit = gate(work, kOutput);
    for (int64_t i = 0; i < cells_; ++i) {
      const double keep = poly_logistic(forget[i]);
      const double admit = gates_ == 4 ? poly_logistic(gate(work, kInput)[i]) : 1.0 - keep;
      const double cell = keep * static_cast<double>(work.c[i]) + admit * activate(activation_, update[i]);
      work.c[i] = static_cast<float>(clip(cell, cell_clip_));
    }
    finish_gate(work, kOutput);
    for (int64_t i = 0; i < cells_; ++i) {
      const double squashed = activate(activation_, static_cast<double>(work.c[i]));
      work.hidden[i] = static_cast<float>(poly_logistic(emit[i]) * squashed);
    }
    project(work);
  }

  void project(const Work& work) const noexcept {
    if (projection_ == nullptr) {
      std::copy_n(work.hidden, out_, work.h);
      return;
    }
    const int64_t width = padded(out_);
    std::fill_n(work.projected, width, 0.0);
    const float* values = seen(work, work.hidden, cells_);
    for (int64_t k = 0; k < cells_; ++k)
      add_scaled(work.projected, values[k], projection_->data<float>() + k * width, width);
    for (int64_t i = 0; i < out_; ++i) {
      const double sum = work.projected[i] + static_cast<double>(projection_bias_->data<float>()[i]);
      work.h[i] = static_cast<float>(clip(sum, projection_clip_));
    }
  }

  TensorRef x_, h_in_, c_in_, y_, h_out_, c_out_;
  Sequence sequence_;
  int64_t dynamic_ = 0, gates_ = 4, cells_ = 0, out_ = 0, width_ = 0;
  std::shared_ptr<const Blob> weights_, bias_, peephole_, norm_, projection_, projection_bias_;
  double cell_clip_ = 0, projection_clip_ = 0;
  Activation activation_ = Activation::kNone;
};

std::vector<Candidate> candidates(const StepSpec&, Isa) { return {{"generic", "", "any"}}; }

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 3, 3);
  check(spec.kernel == "generic", "lstm_f32: there is no kernel called '" + spec.kernel + "'");
  for (const auto* tensors : {&spec.inputs, &spec.outputs}) {
    for (const TensorRef& t : *tensors) check_dtype(spec, t, {DType::kF32});
  }
  return std::make_unique<LstmOp>(spec);
}

}  // namespace

const Verb verb_lstm_f32 = {"lstm_f32", candidates, nullptr, prepare};

}  // namespace edgerun
