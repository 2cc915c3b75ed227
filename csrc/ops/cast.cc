// cast: each element converted to another element type, as C converts numbers.
//
// inputs   any element type
// outputs  any element type, same shape
// integers in_zero_point    8-bit input only: the stored value of 0
//          out_zero_point   8-bit output only: the same of the output
//
// An integer that does not fit wraps around. A float is truncated; one that does not fit becomes
// the nearest integer that does, and a NaN becomes 0. Everything but 0 is true.
#include <limits>
#include <type_traits>

#include "base/half.h"
#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 16 * 1024;  // elements per tile

// Types that are stored as something else than what they mean.
struct Half {
  uint16_t bits;
};
struct Bool {
  uint8_t byte;
};

// 8-bit values that the model calls T may be stored in the other signedness: as value + zero_point.
template <class T>
auto read(T stored, int32_t zero_point) {
  if constexpr (std::is_same_v<T, Half>) {
    return half_to_float(stored.bits);
  } else if constexpr (std::is_same_v<T, Bool>) {
    return stored.byte;
  } else if constexpr (sizeof(T) == 1) {
    return static_cast<int32_t>(stored) - zero_point;
  } else {
    return stored;
  }
}

template <class To, class From>
To to_integer(From value, int32_t zero_point) {
  if constexpr (std::is_floating_point_v<From>) {
    if (value != value) return static_cast<To>(zero_point);
    // Where To's greatest value is no float, it rounds up to a power of two.
    const auto low = static_cast<From>(std::numeric_limits<To>::min()) -
                     static_cast<From>(zero_point),
               high = static_cast<From>(std::numeric_limits<To>::max()) -
                      static_cast<From>(zero_point);
    if (value <= low) return std::numeric_limits<To>::min();
    if (value >= high) return std::numeric_limits<To>::max();
    if constexpr (sizeof(To) == 1) {
      return static_cast<To>(static_cast<int32_t>(value) + zero_point);
    } else {
      return static_cast<To>(value);
    }
  } else {
    return static_cast<To>(static_cast<uint64_t>(value) +
                           static_cast<uint64_t>(int64_t{zero_point}));
  }
}

template <class To, class From>
To convert(From value, int32_t zero_point) {
  if constexpr (std::is_same_v<To, Half>) {
    return {float_to_half(static_cast<float>(value))};
  } else if constexpr (std::is_same_v<To, Bool>) {
    return {static_cast<uint8_t>(value != 0)};
  } else if constexpr (std::is_floating_point_v<To>) {
    return static_cast<To>(value);
  } else {
    return to_integer<To>(value, zero_point);
  }
}

using Run = void (*)(const uint8_t* in, uint8_t* out, int64_t n, int32_t in_zero_point,
                     int32_t out_zero_point);

template <class From, class To>
void cast_run(const uint8_t* in, uint8_t* out, int64_t n, int32_t in_zero_point,
              int32_t out_zero_point) {
  const auto* from = reinterpret_cast<const From*>(in);
  auto* to = reinterpret_cast<To*>(out);
  for (int64_t i = 0; i < n; ++i) {
    to[i] = convert<To>(read(from[i], in_zero_point), out_zero_point);
  }
}

// Calls f with a value of the C++ type that a dtype is stored as.
template <class F>
Run with_type(DType dtype, const F& f) {
  switch (dtype) {
    case DType::kU8:
      return f(uint8_t{});
    case DType::kS8:
      return f(int8_t{});
    case DType::kU16:
      return f(uint16_t{});
    case DType::kS16:
      return f(int16_t{});
    case DType::kU32:
      return f(uint32_t{});
    case DType::kS32:
      return f(int32_t{});
    case DType::kU64:
      return f(uint64_t{});
    case DType::kS64:
      return f(int64_t{});
    case DType::kF16:
      return f(Half{});
    case DType::kF32:
      return f(float{});
    case DType::kF64:
      return f(double{});
    case DType::kC64:
      throw Error("cast: complex numbers are not cast by the engine");
    case DType::kBool:
      break;
  }
  return f(Bool{});
}

Run run_for(DType from, DType to) {
  return with_type(from, [to](auto from_value) {
    return with_type(to, [](auto to_value) -> Run {
      return cast_run<decltype(from_value), decltype(to_value)>;
    });
  });
}

class CastOp : public Op {
 public:
  explicit CastOp(const StepSpec& spec)
      : input_(spec.inputs[0]),
        output_(spec.outputs[0]),
        walk_(input_, output_, kGrain),
        run_(run_for(input_.dtype, output_.dtype)) {
    if (is_8bit(input_.dtype)) in_zero_point_ = read_stored(spec, input_, "in_zero_point");
    if (is_8bit(output_.dtype)) out_zero_point_ = read_stored(spec, output_, "out_zero_point");
    tiles_ = walk_.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    walk_.walk(input_bytes(context, input_), output_bytes(context, output_), begin, end,
               [this](const uint8_t* in, uint8_t* out, int64_t n) {
                 run_(in, out, n, in_zero_point_, out_zero_point_);
               });
  }

 private:
  TensorRef input_, output_;
  ElementwiseWalk walk_;
  Run run_;
  int32_t in_zero_point_ = 0, out_zero_point_ = 0;
};

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  check_generic_kernel(spec);
  check_same_shape(spec, spec.inputs[0], spec.outputs[0]);
  return std::make_unique<CastOp>(spec);
}

}  // namespace

const Verb verb_cast = {"cast", generic_candidates, nullptr, prepare};

}  // namespace edgerun
