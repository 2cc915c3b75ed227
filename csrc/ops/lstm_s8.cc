// lstm_s8: a sequence through TFLite's 8-bit LSTM, bit for bit as edgerun/ir/lstm_fixed.py.
//
// inputs   x [batch, time, n], [time, batch, n] or [batch, n], h [batch, out] (8-bit, of int8 values stored
//          with either sign), c [batch, cells] (int16)
// outputs  y (as x, with `out` channels), h, c
// integers time_major, gates           3: there is no input gate; 4: the gates are input, forget, cell, output
//          cells
//          input_multipliers, recurrent_multipliers (pairs per gate), hidden_multiplier (a pair)
//          hidden_zero_point, cell_exponent, cell_clip, projection_clip (0: none)
// blobs    input_weights     int16 [gates * cells, n padded to 8]       input_bias     int32 [gates * cells]
//          recurrent_weights int16 [gates * cells, out padded to 8]     recurrent_bias int32 [gates * cells]
// optional peephole int16 [gates * cells] (zero for the cell gate) with peephole_multipliers;
//          norm int16 [gates * cells] with norm_bias int32, norm_multipliers and norm_guard (per gate);
//          projection int16 [out, cells padded to 8] with projection_bias int32 [out], projection_multiplier
//          and h_zero_point
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
    gates_ = a.integer("gates", 3, 4);
    cells_ = a.integer("cells", 1, int64_t{1} << 24);
    out_ = y_.channels();
    check(out_ <= int64_t{1} << 24 && x_.channels() <= int64_t{1} << 24, "lstm_s8: too many channels");
    check_state(spec, 1, 1, sequence_.batch, out_);
    check_state(spec, 2, 2, sequence_.batch, cells_);
    const auto gates = static_cast<size_t>(gates_);
    input_ = Dense(spec, "input", gates_ * cells_, x_.channels(), gates);
    recurrent_ = Dense(spec, "recurrent", gates_ * cells_, out_, gates);
    if (a.has("peephole")) {
      peephole_ = a.blob("peephole", bytes(gates_ * cells_, 2));
      peephole_by_ = read_multipliers(spec, "peephole_multipliers", gates);
    }
    if (a.has("norm")) {
      norm_ = a.blob("norm", bytes(gates_ * cells_, 2));
      norm_bias_ = a.blob("norm_bias", bytes(gates_ * cells_, 4));
      norm_by_ = read_multipliers(spec, "norm_multipliers", gates);
      for (const FixedMultiplier& by : norm_by_) check(by.shift <= 18, "lstm_s8: a norm is too large");
      norm_guard_ = a.integers("norm_guard", gates, 0, std::numeric_limits<int32_t>::max());
    }
    hidden_by_ = read_multipliers(spec, "hidden_multiplier", 1)[0];
    hidden_zero_ = static_cast<int32_t>(a.integer("hidden_zero_point", -128, 127));
    if (a.has("projection")) {
      projection_ = a.blob("projection", bytes(out_ * padded(cells_), 2));
      projection_bias_ = a.blob("projection_bias", bytes(out_, 4));
      projection_by_ = read_multipliers(spec, "projection_multiplier", 1)[0];
      h_zero_ = static_cast<int32_t>(a.integer("h_zero_point", -128, 127));
    } else {
      check(out_ == cells_, "lstm_s8: without a projection there are as many outputs as cells");
    }
    cell_exponent_ = static_cast<int>(a.integer("cell_exponent", -15, -9));
    cell_clip_ = static_cast<int32_t>(a.integer("cell_clip", 0, 32767));
    projection_clip_ = static_cast<int32_t>(a.integer("projection_clip", 0, 127));
    tiles_ = sequence_.batch;
    // x, h and the hidden value, widened; the cell; the gates.
    scratch_bytes_ = 2 * (padded(x_.channels()) + padded(out_) + 2 * padded(cells_) + 4 * cells_);
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    Work work;
    work.x = reinterpret_cast<int16_t*>(context.scratch);
    work.h = work.x + padded(x_.channels());
    work.hidden = work.h + padded(out_);
    work.c = work.hidden + padded(cells_);
    for (int i = 0; i < 4; ++i) work.gate[i] = work.c + padded(cells_) + i * cells_;
    std::fill_n(work.hidden, padded(cells_), int16_t{0});
    const auto* c_in = reinterpret_cast<const int16_t*>(input_bytes(context, c_in_));
    auto* c_out = reinterpret_cast<int16_t*>(output_bytes(context, c_out_));
    for (int64_t b = begin; b < end; ++b) {
      widen(input_bytes(context, h_in_) + b * out_, out_, is_signed(h_in_), work.h);
      std::copy_n(c_in + b * cells_, cells_, work.c);
      for (int64_t t = 0; t < sequence_.time; ++t) {
        const int64_t row = sequence_.row(b, t);
        widen(input_bytes(context, x_) + row * x_.row_stride, x_.channels(), is_signed(x_), work.x);
        step(work);
        narrow(work.h, out_, is_signed(y_), output_bytes(context, y_) + row * y_.row_stride);
      }
      narrow(work.h, out_, is_signed(h_out_), output_bytes(context, h_out_) + b * out_);
      std::copy_n(work.c, cells_, c_out + b * cells_);
    }
  }

 private:
  struct Work {
    int16_t *x, *h, *hidden, *c, *gate[4];
  };

  static size_t bytes(int64_t elements, int64_t size) { return static_cast<size_t>(elements * size); }

  // A matrix with a bias per row and a multiplier per gate.
  struct Dense {
    Dense() = default;
    Dense(const StepSpec& spec, const std::string& name, int64_t rows, int64_t columns, size_t gates)
        : width(padded(columns)),
          weights(spec.attributes.blob(name + "_weights", bytes(rows * width, 2))),
          bias(spec.attributes.blob(name + "_bias", bytes(rows, 4))),
          by(read_multipliers(spec, name + "_multipliers", gates)) {}
    int32_t row(int64_t i, const int16_t* x, size_t gate) const {
      const auto sum = static_cast<uint32_t>(dot(weights->data<int16_t>() + i * width, x, width));
      return fixed_multiply(static_cast<int32_t>(sum + static_cast<uint32_t>(bias->data<int32_t>()[i])),
                            by[gate]);
    }
    int64_t width = 0;
    std::shared_ptr<const Blob> weights, bias;
    std::vector<FixedMultiplier> by;
  };

  // Gate `which` of the four, before and after its function.
  void compute_gate(const Work& work, int which) const noexcept {
    const auto slot = static_cast<size_t>(which - (4 - gates_));
    const int64_t first = static_cast<int64_t>(slot) * cells_;
    int16_t* gate = work.gate[which];
    for (int64_t i = 0; i < cells_; ++i) {
      int32_t sum = saturate<int16_t>(input_.row(first + i, work.x, slot));
      sum = saturate<int16_t>(int64_t{sum} + recurrent_.row(first + i, work.h, slot));
      if (peephole_ != nullptr && which != kCell) {
        const int32_t product = peephole_->data<int16_t>()[first + i] * work.c[i];
        sum = saturate<int16_t>(int64_t{sum} + fixed_multiply(product, peephole_by_[slot]));
      }
      gate[i] = static_cast<int16_t>(sum);
    }
    if (norm_ != nullptr) normalize(gate, first, slot);
    for (int64_t i = 0; i < cells_; ++i)
      gate[i] = which == kCell ? fixed16::tanh(gate[i], 3) : fixed16::logistic(gate[i], 3);
  }

  void normalize(int16_t* gate, int64_t first, size_t slot) const noexcept {
    int64_t sum = 0, squares = 0;
    for (int64_t i = 0; i < cells_; ++i) {
      sum += gate[i];
      squares += int64_t{gate[i]} * gate[i];
    }
    const int64_t mean = sum * 1024 / cells_;
    const int64_t variance = (squares * ((1 << 20) / cells_) - mean * mean) / (1 << 20);
    const FixedMultiplier root =
        inverse_square_root(static_cast<int32_t>(variance >= 1 ? variance : norm_guard_[slot]));
    const FixedMultiplier by = {norm_by_[slot].multiplier, norm_by_[slot].shift + 12};
    for (int64_t i = 0; i < cells_; ++i) {
      const int32_t scaled = fixed_multiply(static_cast<int32_t>(1024 * gate[i] - mean), root);
      const auto product = static_cast<uint32_t>(scaled) *
                           static_cast<uint32_t>(int32_t{norm_->data<int16_t>()[first + i]});
      const int64_t total = static_cast<int32_t>(
          product + static_cast<uint32_t>(norm_bias_->data<int32_t>()[first + i]));
      const auto rounded = static_cast<int32_t>((total + (total > 0 ? 512 : -512)) / 1024);
      gate[i] = saturate<int16_t>(fixed_multiply(rounded, by));
    }
  }

  void step(const Work& work) const noexcept {
    compute_gate(work, kForget);
    compute_gate(work, kCell);
    if (gates_ == 4) compute_gate(work, kInput);
    for (int64_t i = 0; i < cells_; ++i) {
      const int32_t forget = work.gate[kForget][i];
      const int32_t admit = gates_ == 4 ? work.gate[kInput][i] : 32767 - forget;
      const int64_t kept = rounding_divide(int64_t{forget} * work.c[i], 15);
      const int64_t added =
          rounding_divide(int64_t{admit} * work.gate[kCell][i], 30 + cell_exponent_);
      int32_t cell = saturate<int16_t>(kept + static_cast<int16_t>(added));
      if (cell_clip_ > 0) cell = std::min(std::max(cell, -cell_clip_), cell_clip_);
      work.c[i] = static_cast<int16_t>(cell);
    }
    compute_gate(work, kOutput);
    for (int64_t i = 0; i < cells_; ++i) {
      const int32_t squashed = fixed16::tanh(work.c[i], 15 + cell_exponent_);
      const int32_t hidden = fixed_multiply(work.gate[kOutput][i] * squashed, hidden_by_);
      work.hidden[i] = saturate<int8_t>(int64_t{hidden} + hidden_zero_);
    }
    if (projection_ == nullptr) {
      std::copy_n(work.hidden, out_, work.h);
      return;
    }
    const int64_t width = padded(cells_);
    for (int64_t i = 0; i < out_; ++i) {
      const auto sum = static_cast<uint32_t>(dot(projection_->data<int16_t>() + i * width, work.hidden, width));
      const auto acc = static_cast<int32_t>(sum + static_cast<uint32_t>(projection_bias_->data<int32_t>()[i]));
      int32_t value = saturate<int8_t>(int64_t{fixed_multiply(acc, projection_by_)} + h_zero_);
      if (projection_clip_ > 0) value = std::min(std::max(value, -projection_clip_), projection_clip_);
      work.h[i] = static_cast<int16_t>(value);
    }
  }

  TensorRef x_, h_in_, c_in_, y_, h_out_, c_out_;
  Sequence sequence_;
  int64_t gates_ = 4, cells_ = 0, out_ = 0;
  Dense input_, recurrent_;
  std::shared_ptr<const Blob> peephole_, norm_, norm_bias_, projection_, projection_bias_;
  std::vector<FixedMultiplier> peephole_by_, norm_by_;
  std::vector<int64_t> norm_guard_;
  FixedMultiplier hidden_by_, projection_by_;
  int32_t hidden_zero_ = 0, h_zero_ = 0, cell_clip_ = 0, projection_clip_ = 0;
  int cell_exponent_ = 0;
};

std::vector<Candidate> candidates(const StepSpec&, Isa) { return {{"generic", "", "any"}}; }

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 3, 3);
  check(spec.kernel == "generic", "lstm_s8: there is no kernel called '" + spec.kernel + "'");
  for (const TensorRef& t : {spec.inputs[0], spec.inputs[1], spec.outputs[0], spec.outputs[1]})
    check_8bit(spec, t);
  for (const TensorRef& t : {spec.inputs[2], spec.outputs[2]}) check_dtype(spec, t, {DType::kS16});
  return std::make_unique<LstmOp>(spec);
}

}  // namespace

const Verb verb_lstm_s8 = {"lstm_s8", candidates, nullptr, prepare};

}  // namespace edgerun
