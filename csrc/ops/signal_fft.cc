// signal_fft: the FFT of real signals in kissfft's arithmetic (kernels/fft).
//
// inputs   int16, int32 or float32 [..., m]: signals of m <= length, zeros behind;
//          inverse: spectra [..., length + 2]
// outputs  the same type: spectra [..., length + 2]; inverse: signals [..., length]
// integers length, inverse (0 or 1)
// blobs    roots, last_roots    of the same type: length and length / 4 * 2 numbers
#include <cstring>

#include "kernels/fft/fft.h"
#include "ops/signal.h"

namespace edgerun {
namespace {

template <class T>
class FftOp : public Op {
 public:
  FftOp(const StepSpec& spec, void (*run)(const FftArgs<T>&))
      : run_(run), x_(spec.inputs[0]), y_(spec.outputs[0]) {
    const int64_t length = spec.attributes.integer("length", 4, kMaxFftLength);
    args_.length = static_cast<int32_t>(length);
    args_.inverse = spec.attributes.integer("inverse", 0, 1) == 1;
    const auto bytes = [](int64_t numbers) { return static_cast<size_t>(numbers) * sizeof(T); };
    roots_ = spec.attributes.blob("roots", bytes(length));
    last_roots_ = spec.attributes.blob("last_roots", bytes(length / 4 * 2));
    args_.roots = roots_->template data<T>();
    args_.last_roots = last_roots_->template data<T>();
    check(is_fft_length(length), "signal_fft: there is no FFT of length " + std::to_string(length));
    const int64_t in = x_.channels(), out = y_.channels();
    const bool fits = args_.inverse ? in == length + 2 && out == length
                                    : in <= length && out == length + 2;
    check(fits && x_.rank() >= 1 && x_.rank() == y_.rank() && x_.rows() == y_.rows(),
          "signal_fft: the shapes of input and output do not fit the length");
    // The numbers between the stages, and the padded input.
    scratch_bytes_ = static_cast<int64_t>(bytes(2 * length));
    tiles_ = x_.rows();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    FftArgs<T> args = args_;
    args.scratch = reinterpret_cast<T*>(context.scratch);
    for (int64_t row = begin; row < end; ++row) {
      args.in = input_data<T>(context, x_, row);
      args.out = output_data<T>(context, y_, row);
      if (x_.channels() < args.length) {
        T* padded = args.scratch + args.length;
        std::memset(padded, 0, static_cast<size_t>(args.length) * sizeof(T));
        std::memcpy(padded, args.in, static_cast<size_t>(x_.row_bytes()));
        args.in = padded;
      }
      run_(args);
    }
  }

 private:
  void (*run_)(const FftArgs<T>&);
  TensorRef x_, y_;
  FftArgs<T> args_;
  std::shared_ptr<const Blob> roots_, last_roots_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa cap) {
  return kernel_candidates(fft_kernels(), cap);
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  const DType dtype = spec.inputs[0].dtype;
  check_dtype(spec, spec.inputs[0], {DType::kS16, DType::kS32, DType::kF32});
  check_dtype(spec, spec.outputs[0], {dtype});
  const FftKernel& kernel = chosen_kernel(spec, fft_kernels());
  if (dtype == DType::kS16) return std::make_unique<FftOp<int16_t>>(spec, kernel.s16);
  if (dtype == DType::kS32) return std::make_unique<FftOp<int32_t>>(spec, kernel.s32);
  return std::make_unique<FftOp<float>>(spec, kernel.f32);
}

}  // namespace

const Verb verb_signal_fft = {"signal_fft", candidates, nullptr, prepare};

}  // namespace edgerun
