// The audio front end of TFLite Micro between runs; edgerun.ir.signal_stream has the formulas.
//
// signal_overlap_add   inputs int16 or float32 [..., frames, size], [..., size]: sums so far
//                      outputs the same type [..., frames * frame_step], [..., size]: sums
//                      integers frame_step
// signal_stacker       inputs int16 [channels], int16 [size, channels]: frames so far,
//                             int32 []: count
//                      outputs int16 [size * channels], bool []: valid, frames, count
//                      integers left_context, step
#include <cstring>
#include <type_traits>

#include "ops/signal.h"

namespace edgerun {
namespace {

template <class T>
std::unique_ptr<Op> overlap_add(const StepSpec& spec) {
  const TensorRef x = spec.inputs[0], before = spec.inputs[1];
  const TensorRef y = spec.outputs[0], after = spec.outputs[1];
  check(x.rank() >= 2, "signal_overlap_add: frames must have two dimensions or more");
  const int64_t frames = x.dim(x.rank() - 2), size = x.channels();
  const int64_t step = spec.attributes.integer("frame_step", 1, size);
  std::vector<int64_t> shape(x.shape.begin(), x.shape.end() - 2);
  const int64_t signals = x.rows() / frames;
  shape.push_back(size);
  check(before.shape == shape && after.shape == shape,
        "signal_overlap_add: the sums do not fit the frames");
  shape.back() = frames * step;
  check(y.shape == shape, "signal_overlap_add: the signal does not fit the frames");
  const auto bytes = [](int64_t count) { return static_cast<size_t>(count) * sizeof(T); };
  return single_tile([=](const RunContext& context) {
    for (int64_t s = 0; s < signals; ++s) {
      T* sums = output_data<T>(context, after, s);
      T* out = output_data<T>(context, y, s);
      std::memcpy(sums, input_data<T>(context, before, s), bytes(size));
      for (int64_t f = 0; f < frames; ++f, out += step) {
        const T* frame = input_data<T>(context, x, s * frames + f);
        for (int64_t i = 0; i < size; ++i) {
          if constexpr (std::is_same_v<T, int16_t>) {
            sums[i] = static_cast<int16_t>(std::clamp(sums[i] + frame[i], -32768, 32767));
          } else {
            sums[i] += frame[i];
          }
        }
        std::memcpy(out, sums, bytes(step));
        std::memmove(sums, sums + step, bytes(size - step));
        std::fill(sums + (size - step), sums + size, T{0});
      }
    }
  });
}

std::unique_ptr<Op> prepare_overlap_add(const StepSpec& spec) {
  check_operands(spec, 2, 2);
  const DType dtype = spec.inputs[0].dtype;
  check_dtype(spec, spec.inputs[0], {DType::kS16, DType::kF32});
  check_signal(spec, {dtype, dtype}, {dtype, dtype});
  return dtype == DType::kS16 ? overlap_add<int16_t>(spec) : overlap_add<float>(spec);
}

std::unique_ptr<Op> prepare_stacker(const StepSpec& spec) {
  check_signal(spec, {DType::kS16, DType::kS16, DType::kS32},
               {DType::kS16, DType::kBool, DType::kS16, DType::kS32});
  const TensorRef x = spec.inputs[0], before = spec.inputs[1], count = spec.inputs[2];
  const TensorRef y = spec.outputs[0], valid = spec.outputs[1], after = spec.outputs[2];
  const TensorRef count_after = spec.outputs[3];
  const int64_t channels = x.channels(), size = before.rows();
  check_vector(spec, x, channels);
  check(before.shape == std::vector<int64_t>{size, channels} && after.shape == before.shape,
        "signal_stacker: the frames so far must be [size, channels]");
  check_vector(spec, y, size * channels);
  for (const TensorRef& tensor : {count, valid, count_after}) check_scalar(spec, tensor);
  const auto left = static_cast<int32_t>(
      spec.attributes.integer("left_context", 0, std::min<int64_t>(size - 1, 1 << 30)));
  const auto step = static_cast<int32_t>(
      spec.attributes.integer("step", 1, std::min<int64_t>(size, 1 << 30)));
  const auto bytes = static_cast<size_t>(channels) * sizeof(int16_t);
  return single_tile([=](const RunContext& context) {
    int32_t seen = *input_data<int32_t>(context, count);
    const bool first = seen == 0;
    auto* out = output_data<int16_t>(context, y);
    for (int64_t f = 0; f < size; ++f) {
      const auto* frame = first || f == size - 1 ? input_data<int16_t>(context, x)
                                                 : input_data<int16_t>(context, before, f + 1);
      std::memcpy(out + f * channels, frame, bytes);
      std::memcpy(output_data<int16_t>(context, after, f), frame, bytes);
    }
    seen += first ? left + 2 : 1;
    const bool whole = seen > size;
    *output_data<uint8_t>(context, valid) = whole;
    *output_data<int32_t>(context, count_after) = whole ? seen - step : seen;
  });
}

}  // namespace

const Verb verb_signal_overlap_add = {"signal_overlap_add", signal_candidates, nullptr,
                                      prepare_overlap_add};
const Verb verb_signal_stacker = {"signal_stacker", signal_candidates, nullptr, prepare_stacker};

}  // namespace edgerun
