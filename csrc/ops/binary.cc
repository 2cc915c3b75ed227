// binary: add, sub or mul of two quantised tensors with numpy's broadcasting.
//
// inputs   a, b: 8-bit, rank 0 .. 8
// outputs  8-bit, of the broadcast shape
// text     kind                               "add" | "sub" | "mul"
// integers a_zero_point, b_zero_point         as stored
// reals    a_multiplier                       add, sub: a's scale / the output's scale;
//                                             mul: the product of both scales / the output's
//          b_multiplier                       add, sub only: b's scale / the output's scale
// integers out_zero_point, out_min, out_max   as stored
#include "kernels/binary/binary.h"
#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 32 * 1024;  // elements per tile
constexpr int64_t kRunCost = 32;       // what a run costs beyond its elements, in elements
constexpr size_t kMaxRank = 8;

// One dimension of the joint walk, in bytes; a step of 0 repeats.
struct Dim {
  int64_t size = 1, a_step = 0, b_step = 0, out_step = 0;
};

// The step along each of `rank` dimensions of a tensor of rank <= `rank`, aligned at the last one.
std::vector<int64_t> steps_of(const TensorRef& tensor, size_t rank) {
  std::vector<int64_t> steps(rank, 0);
  int64_t step = 1;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    const int64_t dim = tensor.shape[tensor.shape.size() - 1 - i];
    if (i == 1) step = tensor.row_stride;
    if (dim != 1) steps[rank - 1 - i] = step;
    step *= dim;
  }
  return steps;
}

// The dimensions of the walk, innermost first, as few as possible. The first one is a run: the
// output's step is 1 there, and those of a and b are 0 or 1.
std::vector<Dim> merged_dims(const TensorRef& a, const TensorRef& b, const TensorRef& out) {
  const size_t rank = out.shape.size();
  const std::vector<int64_t> a_steps = steps_of(a, rank), b_steps = steps_of(b, rank),
                             out_steps = steps_of(out, rank);
  std::vector<Dim> dims;
  for (size_t i = rank; i-- > 0;) {
    if (out.shape[i] == 1) continue;
    const Dim dim = {out.shape[i], a_steps[i], b_steps[i], out_steps[i]};
    // Where the last dimension is 1 the next one may be more than a byte apart: a run of one comes
    // first.
    if (dims.empty() && (dim.out_step != 1 || dim.a_step > 1 || dim.b_step > 1)) dims.push_back({});
    Dim* inner = dims.empty() ? nullptr : &dims.back();
    if (inner != nullptr && inner->size > 1 && dim.a_step == inner->size * inner->a_step &&
        dim.b_step == inner->size * inner->b_step &&
        dim.out_step == inner->size * inner->out_step) {
      inner->size *= dim.size;
    } else {
      dims.push_back(dim);
    }
  }
  if (dims.empty()) dims.push_back({});
  return dims;
}

class BinaryOp : public Op {
 public:
  explicit BinaryOp(const StepSpec& spec)
      : a_(spec.inputs[0]), b_(spec.inputs[1]), output_(spec.outputs[0]) {
    const BinaryKernel& kernel = chosen_kernel(spec, binary_kernels());
    const std::string& kind = spec.attributes.text("kind");
    check(kind == "add" || kind == "sub" || kind == "mul",
          "binary: there is no kind called '" + kind + "'");
    run_ = kind == "mul" ? kernel.mul : kernel.add;
    args_.a_multiplier = static_cast<float>(read_multiplier(spec, "a_multiplier"));
    if (kind != "mul")
      args_.b_multiplier = static_cast<float>(read_multiplier(spec, "b_multiplier"));
    if (kind == "sub") args_.b_multiplier = -args_.b_multiplier;
    args_.a_signed = is_signed(a_);
    args_.b_signed = is_signed(b_);
    args_.a_zero_point = read_stored(spec, a_, "a_zero_point");
    args_.b_zero_point = read_stored(spec, b_, "b_zero_point");
    args_.range = read_output_range(spec, output_);

    const std::vector<Dim> dims = merged_dims(a_, b_, output_);
    inner_ = dims[0];
    if (inner_.a_step == 0 &&
        inner_.size > 1) {  // a is the scalar of the run: both operators commute
      std::swap(a_, b_);
      std::swap(args_.a_signed, args_.b_signed);
      std::swap(args_.a_zero_point, args_.b_zero_point);
      if (kind != "mul") std::swap(args_.a_multiplier, args_.b_multiplier);
      swapped_ = true;
    }
    args_.b_scalar = inner_.size > 1 && (swapped_ ? inner_.a_step : inner_.b_step) == 0;
    outer_.assign(dims.begin() + 1, dims.end());
    int64_t runs = 1;
    for (Dim& dim : outer_) {
      if (swapped_) std::swap(dim.a_step, dim.b_step);
      runs *= dim.size;
    }
    // A single long run is cut; many runs are dealt out whole.
    cut_ = runs == 1;
    tiling_ = cut_ ? Tiling(inner_.size, 1, kGrain) : Tiling(runs, inner_.size + kRunCost, kGrain);
    tiles_ = tiling_.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    const uint8_t* a = input_bytes(context, a_);
    const uint8_t* b = input_bytes(context, b_);
    uint8_t* out = output_bytes(context, output_);
    BinaryArgs args = args_;
    const int64_t first = tiling_.begin(begin), last = tiling_.begin(end);
    if (cut_) {
      args.a = a + first;
      args.b = args.b_scalar ? b : b + first;
      args.out = out + first;
      args.n = last - first;
      run_(args);
      return;
    }
    args.n = inner_.size;
    int64_t index[kMaxRank] = {};
    int64_t rest = first;
    for (size_t i = 0; i < outer_.size(); ++i) {
      index[i] = rest % outer_[i].size;
      rest /= outer_[i].size;
    }
    for (int64_t run = first; run < last; ++run) {
      int64_t a_at = 0, b_at = 0, out_at = 0;
      for (size_t i = 0; i < outer_.size(); ++i) {
        a_at += index[i] * outer_[i].a_step;
        b_at += index[i] * outer_[i].b_step;
        out_at += index[i] * outer_[i].out_step;
      }
      args.a = a + a_at;
      args.b = b + b_at;
      args.out = out + out_at;
      run_(args);
      for (size_t i = 0; i < outer_.size() && ++index[i] == outer_[i].size; ++i) index[i] = 0;
    }
  }

 private:
  void (*run_)(const BinaryArgs& args);
  TensorRef a_, b_, output_;
  BinaryArgs args_;
  Dim inner_;
  std::vector<Dim> outer_;
  bool swapped_ = false, cut_ = false;
  Tiling tiling_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa cap) {
  return kernel_candidates(binary_kernels(), cap);
}

void check_broadcast(const TensorRef& input, const TensorRef& output) {
  check(input.rank() <= output.rank(), "binary: an input has more dimensions than the output");
  for (int i = 1; i <= input.rank(); ++i) {
    const int64_t dim = input.dim(input.rank() - i);
    check(dim == 1 || dim == output.dim(output.rank() - i),
          "binary: an input of " + std::to_string(dim) + " cannot be broadcast to " +
              std::to_string(output.dim(output.rank() - i)));
  }
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 2, 1);
  for (const TensorRef& input : spec.inputs) check_8bit(spec, input);
  const TensorRef& output = spec.outputs[0];
  check_8bit(spec, output);
  check(output.shape.size() <= kMaxRank, "binary: more than 8 dimensions");
  for (const TensorRef& input : spec.inputs) check_broadcast(input, output);
  for (int i = 1; i <= output.rank(); ++i) {
    const auto dim_of = [i](const TensorRef& t) { return i <= t.rank() ? t.dim(t.rank() - i) : 1; };
    check(output.dim(output.rank() - i) == std::max(dim_of(spec.inputs[0]), dim_of(spec.inputs[1])),
          "binary: the output is not of the broadcast shape of the inputs");
  }
  return std::make_unique<BinaryOp>(spec);
}

}  // namespace

const Verb verb_binary = {"binary", candidates, nullptr, prepare};

}  // namespace edgerun
