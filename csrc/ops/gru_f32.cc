// gru_f32: a sequence through gated recurrent units of floats, whose gates are update, reset and candidate.
//
//   z = logistic(W_z x + w_z + R_z h + r_z), r likewise
//   n = tanh(W_n x + w_n + r * (R_n h + r_n)) with linear_before_reset, else tanh(W_n x + w_n + R_n (r * h) + r_n)
//   h = (1 - z) * n + z * h
//
// Sums and functions are in double, in one fixed order; h and r * h are rounded to float.
//
// inputs   x [batch, time, n], [time, batch, n] or [batch, n], h [batch, units]
// outputs  y (as x, with `units` channels), h
// integers time_major, linear_before_reset   0 or 1
// blobs    weights         float [n, 3 * units padded to 8]; bias float [3 * units]
//          recurrent       float [units, 2 * units padded to 8], of z and r
//          candidate       float [units, units padded to 8], of n
//          recurrent_bias  float [3 * units]
#include "ops/recurrent.h"

namespace edgerun {
namespace {

class GruOp : public Op {
 public:
  explicit GruOp(const StepSpec& spec)
      : x_(spec.inputs[0]),
        h_in_(spec.inputs[1]),
        y_(spec.outputs[0]),
        h_out_(spec.outputs[1]),
        sequence_(spec, spec.attributes.integer("time_major", 0, 1) != 0) {
    const Attributes& a = spec.attributes;
    linear_ = a.integer("linear_before_reset", 0, 1) != 0;
    units_ = y_.channels();
    check(units_ <= int64_t{1} << 24 && x_.channels() <= int64_t{1} << 24, "gru_f32: too many channels");
    check_state(spec, 1, 1, sequence_.batch, units_);
    weights_ = a.blob("weights", bytes(x_.channels() * padded(3 * units_)));
    bias_ = a.blob("bias", bytes(3 * units_));
    recurrent_ = a.blob("recurrent", bytes(units_ * padded(2 * units_)));
    candidate_ = a.blob("candidate", bytes(units_ * padded(units_)));
    recurrent_bias_ = a.blob("recurrent_bias", bytes(3 * units_));
    tiles_ = sequence_.batch;
    scratch_bytes_ = 8 * (padded(3 * units_) + padded(2 * units_) + padded(units_)) + 4 * 2 * units_;
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    Work work;
    work.of_x = reinterpret_cast<double*>(context.scratch);
    work.of_h = work.of_x + padded(3 * units_);
    work.candidate = work.of_h + padded(2 * units_);
    work.h = reinterpret_cast<float*>(work.candidate + padded(units_));
    work.reset = work.h + units_;
    for (int64_t b = begin; b < end; ++b) {
      const auto* before = reinterpret_cast<const float*>(input_bytes(context, h_in_));
      std::copy_n(before + b * units_, units_, work.h);
      for (int64_t t = 0; t < sequence_.time; ++t) {
        const int64_t row = sequence_.row(b, t);
        step(work, reinterpret_cast<const float*>(input_bytes(context, x_) + row * x_.row_stride));
        std::copy_n(work.h, units_,
                    reinterpret_cast<float*>(output_bytes(context, y_) + row * y_.row_stride));
      }
      std::copy_n(work.h, units_, reinterpret_cast<float*>(output_bytes(context, h_out_)) + b * units_);
    }
  }

 private:
  struct Work {
    double *of_x, *of_h, *candidate;
    float *h, *reset;
  };

  static size_t bytes(int64_t elements) { return static_cast<size_t>(elements * 4); }

  // The product of a vector and a matrix of so many columns.
  static void product(const float* x, int64_t n, const Blob& matrix, int64_t columns, double* y) noexcept {
    const int64_t width = padded(columns);
    std::fill_n(y, width, 0.0);
    for (int64_t k = 0; k < n; ++k) add_scaled(y, x[k], matrix.data<float>() + k * width, width);
  }

  void step(const Work& work, const float* x) const noexcept {
    product(x, x_.channels(), *weights_, 3 * units_, work.of_x);
    product(work.h, units_, *recurrent_, 2 * units_, work.of_h);
    const float *bias = bias_->data<float>(), *recurrent_bias = recurrent_bias_->data<float>();
    const auto bias_of = [](const float* all, int64_t i) { return static_cast<double>(all[i]); };
    for (int64_t i = 0; i < 2 * units_; ++i) {
      const double sum = work.of_x[i] + bias_of(bias, i) + work.of_h[i] + bias_of(recurrent_bias, i);
      work.of_h[i] = poly_logistic(sum);
    }
    const double *update = work.of_h, *reset = work.of_h + units_;
    for (int64_t i = 0; i < units_; ++i)
      work.reset[i] = static_cast<float>(reset[i] * static_cast<double>(work.h[i]));
    product(linear_ ? work.h : work.reset, units_, *candidate_, units_, work.candidate);
    for (int64_t i = 0; i < units_; ++i) {
      const double of_h = work.candidate[i] + bias_of(recurrent_bias, 2 * units_ + i);
      const double of_x = work.of_x[2 * units_ + i] + bias_of(bias, 2 * units_ + i);
      const double fresh = poly_tanh(of_x + (linear_ ? reset[i] * of_h : of_h));
      work.h[i] = static_cast<float>((1.0 - update[i]) * fresh + update[i] * static_cast<double>(work.h[i]));
    }
  }

  TensorRef x_, h_in_, y_, h_out_;
  Sequence sequence_;
  bool linear_ = false;
  int64_t units_ = 0;
  std::shared_ptr<const Blob> weights_, bias_, recurrent_, candidate_, recurrent_bias_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa) { return {{"generic", "", "any"}}; }

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 2, 2);
  check(spec.kernel == "generic", "gru_f32: there is no kernel called '" + spec.kernel + "'");
  for (const auto* tensors : {&spec.inputs, &spec.outputs}) {
    for (const TensorRef& t : *tensors) check_dtype(spec, t, {DType::kF32});
  }
  return std::make_unique<GruOp>(spec);
}

}  // namespace

const Verb verb_gru_f32 = {"gru_f32", candidates, nullptr, prepare};

}  // namespace edgerun
