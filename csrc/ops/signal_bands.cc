// The audio front end of TFLite Micro on the bands of a spectrum; edgerun.ir.signal has the
// formulas.
//
// signal_filter_bank    inputs uint32 [n]                outputs uint64 [channels]
//                       blobs    weights, unweights      int16, as many as the bands need
//                       integers frequency_starts, weight_starts, widths: channels + 1 each
// signal_square_root    inputs uint64 [n], int32 []      outputs uint32 [n]
// signal_spectral_subtraction
//                       inputs uint32 [n] twice: signal, noise so far
//                       outputs uint32 [n], three: signal less the noise, noise twice
//                       integers smoothing, keeping: two each, of even and odd channels;
//                       min_signal_remaining, smoothing_bits, bits, clamping
// signal_pcan           inputs uint32 [n] twice: signal, noise; int16 [125 or more]
//                       outputs uint32 [n]
//                       integers snr_shift
// signal_log            inputs uint32 [n]                outputs int16 [n]
//                       blobs    table                   int32, 129
//                       integers output_scale, input_correction_bits
#include <array>

#include "ops/signal.h"

namespace edgerun {
namespace {

constexpr int64_t kMax32 = std::numeric_limits<uint32_t>::max();

struct Band {
  int64_t frequency, weight, width;
};

std::unique_ptr<Op> prepare_filter_bank(const StepSpec& spec) {
  check_signal(spec, {DType::kU32}, {DType::kU64});
  const TensorRef x = spec.inputs[0], y = spec.outputs[0];
  check_vector(spec, x, x.channels());
  check_vector(spec, y, y.channels());
  const auto count = static_cast<size_t>(y.channels()) + 1;
  const auto& frequencies = spec.attributes.integers("frequency_starts", count, 0, x.channels());
  const auto& starts = spec.attributes.integers("weight_starts", count, 0, 32767);
  const auto& widths = spec.attributes.integers("widths", count, 0, 32767);
  std::vector<Band> bands;
  int64_t needed = 0;
  for (size_t i = 0; i < count; ++i) {
    bands.push_back({frequencies[i], starts[i], widths[i]});
    check(frequencies[i] + widths[i] <= x.channels(),
          "signal_filter_bank: a band leaves the spectrum");
    needed = std::max(needed, starts[i] + widths[i]);
  }
  const auto bytes = static_cast<size_t>(needed) * sizeof(int16_t);
  const auto weights = spec.attributes.blob("weights", bytes);
  const auto unweights = spec.attributes.blob("unweights", bytes);
  return single_tile([=](const RunContext& context) {
    const auto* in = input_data<uint32_t>(context, x);
    auto* out = output_data<uint64_t>(context, y);
    uint64_t carried = 0;
    for (size_t i = 0; i < bands.size(); ++i) {
      const Band& band = bands[i];
      const int16_t* w = weights->data<int16_t>() + band.weight;
      const int16_t* u = unweights->data<int16_t>() + band.weight;
      uint64_t total = carried;
      carried = 0;
      for (int64_t k = 0; k < band.width; ++k) {
        const uint64_t energy = in[band.frequency + k];
        total += static_cast<uint64_t>(int64_t{w[k]}) * energy;
        carried += static_cast<uint64_t>(int64_t{u[k]}) * energy;
      }
      if (i > 0) out[i - 1] = total;  // the first band has no channel of its own
    }
  });
}

// The root by one bit of it at a time, rounded to the nearest, but not above `top`.
uint32_t square_root(uint64_t x) {
  const uint64_t top = x >> 32 == 0 ? 0xFFFF : 0xFFFFFFFF;
  uint64_t root = 0, rest = x;
  for (uint64_t bit = uint64_t{1} << 62; bit != 0; bit >>= 2) {
    const uint64_t next = root + bit;
    root >>= 1;
    if (rest >= next) {
      rest -= next;
      root += bit;
    }
  }
  return static_cast<uint32_t>(rest > root && root != top ? root + 1 : root);
}

std::unique_ptr<Op> prepare_square_root(const StepSpec& spec) {
  check_signal(spec, {DType::kU64, DType::kS32}, {DType::kU32});
  const TensorRef x = spec.inputs[0], bits = spec.inputs[1], y = spec.outputs[0];
  check_vector(spec, x, x.channels());
  check_same_shape(spec, x, y);
  check_scalar(spec, bits);
  return single_tile([=](const RunContext& context) {
    const int shift = *input_data<int32_t>(context, bits) & 31;
    const auto* in = input_data<uint64_t>(context, x);
    auto* out = output_data<uint32_t>(context, y);
    for (int64_t i = 0; i < x.channels(); ++i) out[i] = square_root(in[i]) >> shift;
  });
}

std::unique_ptr<Op> prepare_spectral_subtraction(const StepSpec& spec) {
  check_signal(spec, {DType::kU32, DType::kU32},
               {DType::kU32, DType::kU32, DType::kU32});
  const TensorRef x = spec.inputs[0], before = spec.inputs[1];
  const TensorRef y = spec.outputs[0], noise_out = spec.outputs[1], after = spec.outputs[2];
  check_vector(spec, x, x.channels());
  for (const TensorRef& tensor : {before, y, noise_out, after}) check_same_shape(spec, x, tensor);
  const auto factors = [&](const char* name) {
    const auto& values = spec.attributes.integers(name, 2, 0, kMax32);
    return std::array{static_cast<uint64_t>(values[0]), static_cast<uint64_t>(values[1])};
  };
  const auto smoothing = factors("smoothing"), keeping = factors("keeping");
  const auto least =
      static_cast<uint64_t>(spec.attributes.integer("min_signal_remaining", 0, kMax32));
  const auto smoothing_bits = static_cast<int>(spec.attributes.integer("smoothing_bits", 0, 31));
  const auto bits = static_cast<int>(spec.attributes.integer("bits", 0, 63));
  const bool clamping = spec.attributes.integer("clamping", 0, 1) == 1;
  return single_tile([=](const RunContext& context) {
    const auto* in = input_data<uint32_t>(context, x);
    const auto* old = input_data<uint32_t>(context, before);
    auto* out = output_data<uint32_t>(context, y);
    auto* noises = output_data<uint32_t>(context, noise_out);
    auto* kept = output_data<uint32_t>(context, after);
    for (int64_t i = 0; i < x.channels(); ++i) {
      const size_t odd = i % 2;
      const uint32_t signal = in[i] << smoothing_bits;
      const auto noise =
          static_cast<uint32_t>((signal * smoothing[odd] + old[i] * keeping[odd]) >> bits);
      const uint32_t estimate = std::min(noise, signal);
      const auto floor = static_cast<uint32_t>(in[i] * least >> bits);
      out[i] = std::max((signal - estimate) >> smoothing_bits, floor);
      noises[i] = kept[i] = clamping ? estimate : noise;
    }
  });
}

constexpr int64_t kPcanTable = 125;
constexpr int kSnrBits = 12, kPcanBits = 6;

// table[0 .. 2] of x itself, then a quadratic polynomial for each power of two.
int16_t pcan_gain(uint32_t x, const int16_t* table) {
  if (x <= 2) return table[x];
  const int interval = bit_length(x);
  const int16_t* piece = table + 4 * interval - 6;
  const auto fraction = static_cast<int32_t>(((uint64_t{x} << 11) >> interval) & 0x3FF);
  const int32_t slope = (piece[2] * fraction >> 5) + piece[1] * 32;
  // Modulo 2^32: both can overflow with a table that no front end would have.
  const uint32_t product = static_cast<uint32_t>(slope) * static_cast<uint32_t>(fraction);
  return static_cast<int16_t>((static_cast<int32_t>(product + (1 << 14)) >> 15) + piece[0]);
}

uint32_t pcan_shrink(uint32_t snr) {
  if (snr < (2u << kSnrBits)) return snr * snr >> (2 + 2 * kSnrBits - kPcanBits);
  return (snr >> (kSnrBits - kPcanBits)) - (1u << kPcanBits);
}

std::unique_ptr<Op> prepare_pcan(const StepSpec& spec) {
  check_signal(spec, {DType::kU32, DType::kU32, DType::kS16}, {DType::kU32});
  const TensorRef x = spec.inputs[0], noise = spec.inputs[1], gains = spec.inputs[2];
  const TensorRef y = spec.outputs[0];
  check_vector(spec, x, x.channels());
  check_same_shape(spec, x, noise);
  check_same_shape(spec, x, y);
  check_vector(spec, gains, std::max(gains.channels(), kPcanTable));
  const auto shift = static_cast<int>(spec.attributes.integer("snr_shift", 0, 63));
  return single_tile([=](const RunContext& context) {
    const auto* in = input_data<uint32_t>(context, x);
    const auto* noises = input_data<uint32_t>(context, noise);
    const auto* table = input_data<int16_t>(context, gains);
    auto* out = output_data<uint32_t>(context, y);
    for (int64_t i = 0; i < x.channels(); ++i) {
      const auto gain = static_cast<uint32_t>(int32_t{pcan_gain(noises[i], table)});
      out[i] = pcan_shrink(static_cast<uint32_t>(uint64_t{in[i]} * gain >> shift));
    }
  });
}

// ln(x) * scale, with log2 of x by a table of 128 pieces of an octave.
uint32_t scaled_log(uint32_t x, uint32_t scale, const int32_t* table) {
  constexpr uint64_t kLn2 = 45426;  // in 1 / 65536
  const int octave = bit_length(x) - 1;
  auto fraction = static_cast<int32_t>(((uint64_t{x} << 16) >> octave) & 0xFFFF);
  const int32_t segment = fraction >> 9;
  const int32_t low = table[segment], high = table[segment + 1];
  fraction += low + ((high - low) * (fraction & 511) >> 16);
  const uint64_t log2 = static_cast<uint64_t>((octave << 16) + fraction);
  const auto natural = static_cast<uint32_t>((kLn2 * log2 + 32768) >> 16);
  return (scale * natural + 32768) >> 16;
}

std::unique_ptr<Op> prepare_log(const StepSpec& spec) {
  check_signal(spec, {DType::kU32}, {DType::kS16});
  const TensorRef x = spec.inputs[0], y = spec.outputs[0];
  check_vector(spec, x, x.channels());
  check_same_shape(spec, x, y);
  const auto scale = static_cast<uint32_t>(spec.attributes.integer("output_scale", 0, kMax32));
  const auto bits = static_cast<int>(spec.attributes.integer("input_correction_bits", 0, 31));
  const auto table = spec.attributes.blob("table", 129 * sizeof(int32_t));
  for (int i = 0; i < 129; ++i) {
    const int32_t entry = table->data<int32_t>()[i];
    check(entry >= 0 && entry <= 65535, spec.verb + ": an entry of the table has more than 16 bits");
  }
  return single_tile([=](const RunContext& context) {
    const auto* in = input_data<uint32_t>(context, x);
    auto* out = output_data<int16_t>(context, y);
    for (int64_t i = 0; i < x.channels(); ++i) {
      const uint32_t scaled = in[i] << bits;
      const uint32_t log = scaled <= 1 ? 0 : scaled_log(scaled, scale, table->data<int32_t>());
      out[i] = static_cast<int16_t>(std::min<uint32_t>(log, 32767));
    }
  });
}

}  // namespace

const Verb verb_signal_filter_bank = {"signal_filter_bank", signal_candidates, nullptr,
                                      prepare_filter_bank};
const Verb verb_signal_square_root = {"signal_square_root", signal_candidates, nullptr,
                                      prepare_square_root};
const Verb verb_signal_spectral_subtraction = {"signal_spectral_subtraction", signal_candidates,
                                               nullptr, prepare_spectral_subtraction};
const Verb verb_signal_pcan = {"signal_pcan", signal_candidates, nullptr, prepare_pcan};
const Verb verb_signal_log = {"signal_log", signal_candidates, nullptr, prepare_log};

}  // namespace edgerun
