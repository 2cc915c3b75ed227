// The audio front end of TFLite Micro on a frame of samples; edgerun.ir.signal has the formulas.
//
// signal_window       inputs int16 [..., n], int16 [n]   outputs int16 [..., n]
//                     integers shift
// signal_auto_scale   inputs int16 [n]                   outputs int16 [n], int32 []
// signal_energy       inputs int16 [2 n]                 outputs uint32 [n]
//                     integers start, end
#include "ops/signal.h"

namespace edgerun {
namespace {

std::unique_ptr<Op> prepare_window(const StepSpec& spec) {
  check_signal(spec, {DType::kS16, DType::kS16}, {DType::kS16});
  const TensorRef x = spec.inputs[0], weights = spec.inputs[1], y = spec.outputs[0];
  check_same_shape(spec, x, y);
  check_vector(spec, weights, x.channels());
  const auto shift = static_cast<int>(spec.attributes.integer("shift", 0, 31));
  return single_tile([=](const RunContext& context) {
    const auto* w = input_data<int16_t>(context, weights);
    for (int64_t row = 0; row < x.rows(); ++row) {
      const auto* in = input_data<int16_t>(context, x, row);
      auto* out = output_data<int16_t>(context, y, row);
      for (int64_t i = 0; i < x.channels(); ++i)
        out[i] = static_cast<int16_t>(std::clamp(int32_t{in[i]} * w[i] >> shift, -32768, 32767));
    }
  });
}

std::unique_ptr<Op> prepare_auto_scale(const StepSpec& spec) {
  check_signal(spec, {DType::kS16}, {DType::kS16, DType::kS32});
  const TensorRef x = spec.inputs[0], y = spec.outputs[0], bits = spec.outputs[1];
  check_vector(spec, x, x.channels());
  check_same_shape(spec, x, y);
  check_scalar(spec, bits);
  return single_tile([=](const RunContext& context) {
    const auto* in = input_data<int16_t>(context, x);
    auto* out = output_data<int16_t>(context, y);
    int16_t largest = 0;  // of 16 bits, as TFLite Micro's: 32768 becomes -32768
    for (int64_t i = 0; i < x.channels(); ++i) {
      if (in[i] > largest) {
        largest = in[i];
      } else if (-in[i] > largest) {
        largest = static_cast<int16_t>(-in[i]);
      }
    }
    const int scale = largest > 0 ? 15 - bit_length(static_cast<uint64_t>(largest)) : 0;
    for (int64_t i = 0; i < x.channels(); ++i) out[i] = static_cast<int16_t>(in[i] * (1 << scale));
    *output_data<int32_t>(context, bits) = scale;
  });
}

std::unique_ptr<Op> prepare_energy(const StepSpec& spec) {
  check_signal(spec, {DType::kS16}, {DType::kU32});
  const TensorRef x = spec.inputs[0], y = spec.outputs[0];
  const int64_t n = y.channels();
  check_vector(spec, y, n);
  check_vector(spec, x, 2 * n);
  const int64_t start = spec.attributes.integer("start", 0, n);
  const int64_t end = spec.attributes.integer("end", start, n);
  return single_tile([=](const RunContext& context) {
    const auto* in = input_data<int16_t>(context, x);
    auto* out = output_data<uint32_t>(context, y);
    for (int64_t i = 0; i < n; ++i) {
      const int64_t re = in[2 * i], im = in[2 * i + 1];
      out[i] = i < start || i >= end ? 0 : static_cast<uint32_t>(re * re + im * im);
    }
  });
}

}  // namespace

const Verb verb_signal_window = {"signal_window", signal_candidates, nullptr, prepare_window};
const Verb verb_signal_auto_scale = {"signal_auto_scale", signal_candidates, nullptr,
                                     prepare_auto_scale};
const Verb verb_signal_energy = {"signal_energy", signal_candidates, nullptr, prepare_energy};

}  // namespace edgerun
