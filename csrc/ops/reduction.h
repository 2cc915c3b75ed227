// The two shapes of a reduction: of rows along the last dimension, [outer, taps] -> [outer, 1], and
// of columns along the middle one, [outer, taps, inner] -> [outer, inner].
#pragma once

#include "base/check.h"
#include "executor/op.h"
#include "ops/common.h"

namespace edgerun {

struct Reduction {
  Reduction() = default;
  // Throws Error unless the shapes are one of the two.
  explicit Reduction(const StepSpec& spec) : input(spec.inputs[0]), output(spec.outputs[0]) {
    const int rank = input.rank();
    check((rank == 2 || rank == 3) && output.rank() == 2,
          spec.verb + ": the input must have 2 or 3 dimensions, the output 2");
    outer = input.dim(0);
    taps = input.dim(1);
    inner = rank == 2 ? 1 : input.dim(2);
    check(output.dim(0) == outer && output.dim(1) == inner,
          spec.verb + ": the output is not the input without its second dimension");
    of_rows = rank == 2;
    const int64_t size = size_of(input.dtype);
    tap_step = of_rows ? size : input.rows() > 1 ? input.row_stride : 0;
    outer_step = of_rows ? input.row_stride : taps * tap_step;
    // Pieces of work: outer rows, or blocks of columns of them.
    blocks = of_rows ? 1 : (inner + kBlock - 1) / kBlock;
    tiling = Tiling(outer * blocks, taps * std::min(inner, kBlock), kGrain);
  }

  // Calls run(first input byte, first output byte, columns) for each piece of tiles begin .. end-1.
  template <class Run>
  void walk(const RunContext& context, int64_t begin, int64_t end, const Run& run) const {
    for (int64_t piece = tiling.begin(begin); piece < tiling.begin(end); ++piece) {
      const int64_t row = piece / blocks, column = piece % blocks * kBlock;
      run(input_bytes(context, input) + row * outer_step + column * size_of(input.dtype),
          output_bytes(context, output) + row * output.row_stride + column * size_of(output.dtype),
          std::min(kBlock, inner - column));
    }
  }

  TensorRef input, output;
  int64_t outer = 1, taps = 1, inner = 1;
  int64_t tap_step = 0, outer_step = 0;  // bytes
  bool of_rows = false;
  int64_t blocks = 1;
  Tiling tiling;

 private:
  static constexpr int64_t kGrain = 16 * 1024;  // elements read per tile
  static constexpr int64_t kBlock = 256;        // columns
};

}  // namespace edgerun
