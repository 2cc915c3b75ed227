// copy: a box of up to 8 dimensions from one tensor into another. Concat, pad, slice, split,
// transpose, space/depth, tile and reverse are all this.
//
// A tensor's rows are all its dimensions but the last one, its channels. In each tensor, the
// element at indices i_0 .. i_(D-1) of the box is at
//
//   row     = start_row     + sum_d i_d * row_steps[d]
//   channel = start_channel + sum_d i_d * channel_steps[d]
//
// inputs   any element type
// outputs  an element type of the same size
// integers shape[D]
//          input_row_steps[D], input_channel_steps[D], input_start [row, channel]
//          output_row_steps[D], output_channel_steps[D], output_start [row, channel]
//          fill   optional: the whole output is first set to this element (the number's low bits)
#include <cstdlib>
#include <cstring>

#include "kernels/copy_nd/copy_nd.h"
#include "ops/common.h"

namespace edgerun {
namespace {

constexpr int64_t kGrain = 64 * 1024;  // bytes per tile
constexpr int64_t kUnitCost = 4;       // what moving a unit costs at least, in bytes
constexpr size_t kMaxRank = 8;
constexpr int64_t kMaxStep = int64_t{1} << 40;

// One dimension of the box; steps in bytes.
struct Dim {
  int64_t size = 1, in_step = 0, out_step = 0;
};

// What one tensor contributes to the walk.
struct Side {
  int64_t start = 0;           // bytes from the tensor's first
  std::vector<int64_t> steps;  // bytes per dimension
};

// Every start + sum_d i_d * steps[d] must be an index below `count`. No single dimension may span
// more than that, so nothing overflows.
void check_extremes(const std::string& what, int64_t start, const std::vector<int64_t>& shape,
                    const std::vector<int64_t>& steps, int64_t count) {
  int64_t low = start, high = start;
  bool inside = start < count;
  for (size_t d = 0; d < shape.size() && inside; ++d) {
    if (shape[d] == 1) continue;
    inside = std::abs(steps[d]) <= (count - 1) / (shape[d] - 1);
    if (inside) (steps[d] < 0 ? low : high) += (shape[d] - 1) * steps[d];
  }
  check(inside && low >= 0 && high < count, "copy: the box leaves the " + what);
}

Side read_side(const StepSpec& spec, const std::string& name, const TensorRef& tensor,
               const std::vector<int64_t>& shape) {
  const auto& row_steps =
      spec.attributes.integers(name + "_row_steps", shape.size(), -kMaxStep, kMaxStep);
  const auto& channel_steps =
      spec.attributes.integers(name + "_channel_steps", shape.size(), -kMaxStep, kMaxStep);
  const auto& start = spec.attributes.integers(name + "_start", 2, 0, kMaxStep);
  check_extremes(name + "'s rows", start[0], shape, row_steps, tensor.rows());
  check_extremes(name + "'s channels", start[1], shape, channel_steps, tensor.channels());
  const int64_t size = size_of(tensor.dtype);
  const int64_t row_stride = tensor.rows() > 1 ? tensor.row_stride : 0;
  Side side;
  side.start = start[0] * row_stride + start[1] * size;
  for (size_t d = 0; d < shape.size(); ++d) {
    side.steps.push_back(shape[d] == 1 ? 0 : row_steps[d] * row_stride + channel_steps[d] * size);
  }
  return side;
}

class CopyOp : public Op {
 public:
  explicit CopyOp(const StepSpec& spec)
      : kernel_(chosen_kernel(spec, copy_nd_kernels())),
        input_(spec.inputs[0]),
        output_(spec.outputs[0]) {
    const std::vector<int64_t>& shape = spec.attributes.integers("shape");
    check(shape.size() <= kMaxRank, "copy: more than 8 dimensions");
    int64_t elements = 1;
    for (const int64_t size : shape) {
      check(size >= 1 && size <= kMaxStep / elements,
            "copy: the box is empty or has more than 2^40 elements");
      elements *= size;
    }
    const Side in = read_side(spec, "input", input_, shape),
               out = read_side(spec, "output", output_, shape);
    in_start_ = in.start;
    out_start_ = out.start;
    merge(shape, in, out);
    plan_tiles();
    if (spec.attributes.has("fill")) {
      fill_ = spec.attributes.integer("fill");
      filled_ = true;
      plan_fill(spec.attributes.integers("output_row_steps"), shape,
                spec.attributes.integers("output_start")[0]);
    }
    tiles_ = tiling_.tiles();
  }

  void run(const RunContext& context, int64_t begin, int64_t end) const noexcept override {
    const int64_t first = tiling_.begin(begin), last = tiling_.begin(end);
    uint8_t* out = output_bytes(context, output_);
    if (filled_) {
      fill_rows(out, first == 0 ? 0 : slab_start_ + first * slab_rows_,
                last == tiling_.count ? output_.rows() : slab_start_ + last * slab_rows_);
    }
    const uint8_t* in = input_bytes(context, input_) + in_start_;
    copy_box(in + first * outer_.in_step, out + out_start_ + first * outer_.out_step, last - first);
  }

 private:
  // The fewest dimensions that describe the walk, outermost first; contiguous bytes become the
  // unit.
  void merge(const std::vector<int64_t>& shape, const Side& in, const Side& out) {
    for (size_t d = shape.size(); d-- > 0;) {
      if (shape[d] == 1) continue;
      const Dim dim = {shape[d], in.steps[d], out.steps[d]};
      if (dims_.empty() && dim.in_step == unit_of_one() * unit_ && dim.out_step == dim.in_step) {
        unit_ *= dim.size;
      } else if (!dims_.empty() && dim.in_step == dims_.front().size * dims_.front().in_step &&
                 dim.out_step == dims_.front().size * dims_.front().out_step) {
        dims_.front().size *= dim.size;
      } else {
        dims_.insert(dims_.begin(), dim);
      }
    }
    unit_ *= unit_of_one();
  }

  int64_t unit_of_one() const { return size_of(output_.dtype); }

  // Tiles are ranges of the outermost dimension; of bytes where all is one contiguous run.
  void plan_tiles() {
    flat_ = dims_.empty();
    outer_ = flat_ ? Dim{unit_, 1, 1} : dims_.front();
    if (!flat_) dims_.erase(dims_.begin());
    int64_t cost = flat_ ? 1 : unit_ + kUnitCost;
    for (const Dim& dim : dims_) cost *= dim.size;
    tiling_ = Tiling(outer_.size, cost, kGrain);
    // A transposition is fast in blocks of neighbours in the input.
    constexpr int64_t kBlock = 32;
    if (!dims_.empty() && std::abs(outer_.in_step) < std::abs(dims_.back().in_step)) {
      tiling_.per_tile = (tiling_.per_tile + kBlock - 1) / kBlock * kBlock;
    }
  }

  // A tile may fill only what no other tile copies into. That is so when each index of the
  // outermost dimension writes into rows of its own, slab after slab; otherwise one tile does all.
  void plan_fill(const std::vector<int64_t>& row_steps, const std::vector<int64_t>& shape,
                 int64_t start_row) {
    size_t d = 0;
    while (d < shape.size() && shape[d] == 1) ++d;
    if (d < shape.size() && outer_.size == shape[d] &&
        outer_.out_step == row_steps[d] * output_.row_stride && row_steps[d] > 0) {
      int64_t low = 0, high = 0;
      for (size_t inner = d + 1; inner < shape.size(); ++inner) {
        const int64_t extent = (shape[inner] - 1) * row_steps[inner];
        (extent < 0 ? low : high) += extent;
      }
      if (low == 0 && high < row_steps[d]) {
        slab_start_ = start_row;
        slab_rows_ = row_steps[d];
        return;
      }
    }
    tiling_ = Tiling(outer_.size, 1, outer_.size);
  }

  void fill_rows(uint8_t* out, int64_t begin, int64_t end) const noexcept {
    if (begin >= end) return;
    if (output_.contiguous()) {
      fill_run(out + begin * output_.row_bytes(), (end - begin) * output_.channels());
      return;
    }
    for (int64_t row = begin; row < end; ++row)
      fill_run(out + row * output_.row_stride, output_.channels());
  }

  void fill_run(uint8_t* out, int64_t elements) const noexcept {
    switch (size_of(output_.dtype)) {
      case 1:
        std::memset(out, static_cast<uint8_t>(fill_), static_cast<size_t>(elements));
        break;
      case 2:
        std::fill_n(reinterpret_cast<uint16_t*>(out), elements, static_cast<uint16_t>(fill_));
        break;
      case 4:
        std::fill_n(reinterpret_cast<uint32_t*>(out), elements, static_cast<uint32_t>(fill_));
        break;
      default:
        std::fill_n(reinterpret_cast<uint64_t*>(out), elements, static_cast<uint64_t>(fill_));
    }
  }

  // `count` indices of the outermost dimension, from in and out on. The kernel takes the last two
  // dimensions; those between are counted here.
  void copy_box(const uint8_t* in, uint8_t* out, int64_t count) const noexcept {
    CopyNdArgs args;
    args.unit = unit_;
    if (flat_) {
      args.in = in;
      args.out = out;
      args.unit = count;
      kernel_.run(args);
      return;
    }
    Dim walk[kMaxRank] = {{count, outer_.in_step, outer_.out_step}};
    size_t rank = 1;
    for (const Dim& dim : dims_) walk[rank++] = dim;
    for (size_t i = 2; i-- > 0 && rank > 0;) {
      const Dim& dim = walk[--rank];
      args.count[i] = dim.size;
      args.in_step[i] = dim.in_step;
      args.out_step[i] = dim.out_step;
    }
    int64_t index[kMaxRank] = {};
    while (true) {
      args.in = in;
      args.out = out;
      kernel_.run(args);
      size_t d = rank;
      for (; d > 0; --d) {
        const Dim& dim = walk[d - 1];
        in += dim.in_step;
        out += dim.out_step;
        if (++index[d - 1] < dim.size) break;
        in -= dim.size * dim.in_step;
        out -= dim.size * dim.out_step;
        index[d - 1] = 0;
      }
      if (d == 0) return;
    }
  }

  const CopyNdKernel& kernel_;
  TensorRef input_, output_;
  int64_t in_start_ = 0, out_start_ = 0;
  int64_t unit_ = 1;
  Dim outer_;              // the outermost dimension, dealt out as tiles
  std::vector<Dim> dims_;  // those inside of it, outermost first
  bool flat_ = false;
  bool filled_ = false;
  int64_t fill_ = 0;
  int64_t slab_start_ = 0, slab_rows_ = 0;
  Tiling tiling_;
};

std::vector<Candidate> candidates(const StepSpec&, Isa cap) {
  return kernel_candidates(copy_nd_kernels(), cap);
}

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 1, 1);
  check(size_of(spec.inputs[0].dtype) == size_of(spec.outputs[0].dtype),
        "copy: input and output differ in the size of their elements");
  return std::make_unique<CopyOp>(spec);
}

}  // namespace

const Verb verb_copy = {"copy", candidates, nullptr, prepare};

}  // namespace edgerun
