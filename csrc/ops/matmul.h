// The geometry that batched matrix products share.
#pragma once

#include <algorithm>
#include <vector>

#include "ops/window.h"

namespace edgerun {

// y [..., m, n] = a [..., m, k] (or [..., k, m] with adjoint_a) times b [..., k, n] (or [..., n, k] with adjoint_b);
// the dimensions before the last two are broadcast against each other. A tile is one product, or some columns of
// one where there are few products.
class Matmul {
 public:
  Matmul(const StepSpec& spec, int64_t n_block)
      : adjoint_a(spec.attributes.integer("adjoint_a", 0, 1) != 0),
        adjoint_b(spec.attributes.integer("adjoint_b", 0, 1) != 0) {
    const TensorRef &a = spec.inputs[0], &b = spec.inputs[1], &y = spec.outputs[0];
    for (const TensorRef& each : {a, b, y}) {
      check(each.rank() >= 2, spec.verb + ": matrices have two dimensions");
      check(std::max(rows(each), columns(each)) <= (1 << 23), spec.verb + ": the matrices are too large");
    }
    check(a.rank() <= y.rank() && b.rank() <= y.rank(), spec.verb + ": an input has too many dimensions");
    m = static_cast<int>(rows(y)), n = static_cast<int>(columns(y));
    k = static_cast<int>(adjoint_a ? rows(a) : columns(a));
    check((adjoint_a ? columns(a) : rows(a)) == m && (adjoint_b ? columns(b) : rows(b)) == k &&
              (adjoint_b ? rows(b) : columns(b)) == n,
          spec.verb + ": the shapes do not fit each other");
    int64_t count = 1;
    for (int d = 0; d + 2 < y.rank(); ++d) count *= y.dim(d);
    check(count <= (1 << 24), spec.verb + ": too many products");
    for (int64_t i = 0; i < count; ++i) {
      products_.push_back({matrix(spec, a, i), matrix(spec, b, i), i * m});
    }
    constexpr int64_t kGrain = 400 << 10;  // multiply-adds worth handing to another thread
    const int64_t blocks = (n + n_block - 1) / n_block, work = static_cast<int64_t>(m) * n * k / kGrain;
    const int64_t parts = count >= 8 ? 1 : std::clamp<int64_t>(std::min(work, 8 / count), 1, blocks);
    part_columns = static_cast<int>(std::min<int64_t>((blocks + parts - 1) / parts * n_block, n));
    parts_ = (n + part_columns - 1) / part_columns;
    tiles = count * parts_;
  }

  // The first row of each matrix of a product, counted over the whole tensor.
  struct Product {
    int64_t a, b, y;
  };
  const Product& product(int64_t tile) const { return products_[static_cast<size_t>(tile / parts_)]; }
  int first_column(int64_t tile) const { return static_cast<int>(tile % parts_) * part_columns; }
  int column_count(int64_t tile) const { return std::min(part_columns, n - first_column(tile)); }

  bool adjoint_a, adjoint_b;
  int m = 0, n = 0, k = 0;
  int part_columns = 0;  // of a tile, at most
  int64_t tiles = 1;

 private:
  static int64_t rows(const TensorRef& t) { return t.dim(t.rank() - 2); }
  static int64_t columns(const TensorRef& t) { return t.dim(t.rank() - 1); }

  // The first row of the matrix of `t` that product i reads.
  static int64_t matrix(const StepSpec& spec, const TensorRef& t, int64_t i) {
    const TensorRef& y = spec.outputs[0];
    const int missing = y.rank() - t.rank();
    int64_t row = 0, step = rows(t);
    for (int d = y.rank() - 3; d >= 0; --d) {
      const int64_t size = d < missing ? 1 : t.dim(d - missing);
      check(size == 1 || size == y.dim(d), spec.verb + ": the batches do not fit each other");
      if (size != 1) row += i % y.dim(d) * step;
      step *= size;
      i /= y.dim(d);
    }
    return row;
  }

  std::vector<Product> products_;
  int64_t parts_ = 1;
};

}  // namespace edgerun
