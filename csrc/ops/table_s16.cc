// table_s16: out = table[in], every function of one int16.
//
// inputs   int16
// outputs  8-bit, int16 or int32, same shape
// blob     table         int32[65536]: the output for each input, seen as an unsigned number
// integers zero_point    of an 8-bit output as stored; its entries are less the zero point
#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 32 * 1024;  // elements per tile

class TableOp : public Op {
 public:
  explicit TableOp(const StepSpec& spec)
      : table_(spec.attributes.blob("table", 65536 * sizeof(int32_t))),
        input_(spec.inputs[0]),
        output_(spec.outputs[0]),
        walk_(input_, output_, kGrain) {
    if (is_8bit(output_.dtype)) zero_point_ = read_stored(spec, output_, "zero_point");
    const auto* table = table_->data<int32_t>();
    const bool fits = std::all_of(table, table + 65536, [this](int32_t entry) {
      const int64_t low = output_.dtype == DType::kU8 ? 0 : -128, value = int64_t{entry} + zero_point_;
      return !is_8bit(output_.dtype) || (value >= low && value <= low + 255);
    });
    check(fits, "table_s16: an entry does not fit into the output");
    tiles_ = walk_.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    const uint8_t* in = input_bytes(context, input_);
    uint8_t* out = output_bytes(context, output_);
    switch (size_of(output_.dtype)) {
      case 1:
        look_up<uint8_t>(in, out, begin, end);
        break;
      case 2:
        look_up<int16_t>(in, out, begin, end);
        break;
      default:
        look_up<int32_t>(in, out, begin, end);
    }
  }

 private:
  template <class Out>
  void look_up(const uint8_t* in, uint8_t* out, int64_t begin, int64_t end) const noexcept {
    const auto* table = table_->data<int32_t>();
    walk_.walk(in, out, begin, end, [&](const uint8_t* from, uint8_t* to, int64_t n) {
      const auto* x = reinterpret_cast<const uint16_t*>(from);
      auto* y = reinterpret_cast<Out*>(to);
      for (int64_t i = 0; i < n; ++i) y[i] = static_cast<Out>(table[x[i]] + zero_point_);
    });
  }

  std::shared_ptr<const Blob> table_;
  TensorRef input_, output_;
  ElementwiseWalk walk_;
  int32_t zero_point_ = 0;
};

std::vector<Candidate> candidates(const StepSpec&, Isa) { return {{"generic", "", "any"}}; }

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  check(spec.kernel == "generic", "table_s16: there is no kernel called '" + spec.kernel + "'");
  check_dtype(spec, spec.inputs[0], {DType::kS16});
  check_dtype(spec, spec.outputs[0], {DType::kU8, DType::kS8, DType::kS16, DType::kS32});
  check_same_shape(spec, spec.inputs[0], spec.outputs[0]);
  return std::make_unique<TableOp>(spec);
}

}  // namespace

const Verb verb_table_s16 = {"table_s16", candidates, nullptr, prepare};

}  // namespace edgerun
