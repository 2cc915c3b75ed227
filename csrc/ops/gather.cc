// gather: rows of a tensor by computed indices. GATHER and GATHER_ND are this.
//
//   y[b, o, n] = x[b, o, indices[b, n][0], .., indices[b, n][K-1]]
//
// An index below 0 or past the end of its dimension takes the first or the last entry: a run cannot
// fail, and a clamped index neither leaves the tensor nor makes up a value.
//
// inputs   x: any element type, [batches * outer * dims[0] * .. * dims[K-1], C]
//          indices: int16, int32 or int64, [batches * N, K]
// outputs  an element type of x's size, [batches * outer * N, C]
// integers batches, outer, dims[K]
#include "base/small_copy.h"
#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 16 * 1024;  // bytes per tile
constexpr int64_t kRowCost = 16;       // what finding a row costs, in bytes

template <class Index>
int64_t read(const uint8_t* at) {
  return static_cast<int64_t>(*reinterpret_cast<const Index*>(at));
}

class GatherOp : public Op {
 public:
  explicit GatherOp(const StepSpec& spec)
      : input_(spec.inputs[0]), indices_(spec.inputs[1]), output_(spec.outputs[0]) {
    constexpr int64_t kMax = int64_t{1} << 40;
    outer_ = spec.attributes.integer("outer", 1, kMax);
    const int64_t batches = spec.attributes.integer("batches", 1, kMax);
    dims_ = spec.attributes.integers("dims", static_cast<size_t>(indices_.channels()), 1, kMax);
    for (const TensorRef* tensor : {&input_, &indices_, &output_})
      check(tensor->rank() == 2, "gather: a tensor must have rows and channels");
    check(input_.channels() == output_.channels(), "gather: input and output differ in channels");
    check(indices_.rows() % batches == 0, "gather: the indices are not the batches'");
    count_ = indices_.rows() / batches;
    int64_t rows = batches;
    for (const int64_t dim : dims_) {
      check(rows <= input_.rows() / dim, "gather: the input has too few rows");
      rows *= dim;
      block_ *= dim;
    }
    check(outer_ <= input_.rows() / rows && outer_ * rows == input_.rows() &&
              outer_ <= output_.rows() / indices_.rows() &&
              outer_ * indices_.rows() == output_.rows(),
          "gather: the rows are not those of the indices");
    read_ = indices_.dtype == DType::kS16   ? read<int16_t>
            : indices_.dtype == DType::kS32 ? read<int32_t>
                                            : read<int64_t>;
    tiling_ = Tiling(output_.rows(), output_.row_bytes() + kRowCost, kGrain);
    tiles_ = tiling_.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    const uint8_t* in = input_bytes(context, input_);
    const uint8_t* indices = input_bytes(context, indices_);
    uint8_t* out = output_bytes(context, output_);
    const auto bytes = static_cast<size_t>(output_.row_bytes());
    const int64_t last = tiling_.begin(end);
    for (int64_t row = tiling_.begin(begin); row < last; ++row) {
      const int64_t slice = row / count_;  // of all batches times outer
      const int64_t entry = slice / outer_ * count_ + row % count_;
      const int64_t from = slice * block_ + place(indices + entry * indices_.row_stride);
      small_copy(out + row * output_.row_stride, in + from * input_.row_stride, bytes);
    }
  }

 private:
  // The row within a block that a list of indices means.
  int64_t place(const uint8_t* index) const noexcept {
    int64_t row = 0;
    for (const int64_t dim : dims_) {
      row = row * dim + std::min(std::max<int64_t>(read_(index), 0), dim - 1);
      index += size_of(indices_.dtype);
    }
    return row;
  }

  TensorRef input_, indices_, output_;
  int64_t outer_ = 1, count_ = 1;
  int64_t block_ = 1;  // rows that the indices choose from
  std::vector<int64_t> dims_;
  int64_t (*read_)(const uint8_t* at) = nullptr;
  Tiling tiling_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa) { return {{"generic", "", "any"}}; }

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 2, 1);
  check(spec.kernel == "generic", "gather: there is no kernel called '" + spec.kernel + "'");
  check_dtype(spec, spec.inputs[1], {DType::kS16, DType::kS32, DType::kS64});
  check(size_of(spec.inputs[0].dtype) == size_of(spec.outputs[0].dtype),
        "gather: input and output differ in the size of their elements");
  return std::make_unique<GatherOp>(spec);
}

}  // namespace

const Verb verb_gather = {"gather", candidates, nullptr, prepare};

}  // namespace edgerun
