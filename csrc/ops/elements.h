// What gather_elements and scatter_elements share: single elements along one dimension of a tensor, each at
// an index that a tensor of indices has for it.
#pragma once

#include <cstdint>
#include <cstring>

#include "ops/common.h"

namespace edgerun {

struct Elements {
  Elements() = default;
  // whole: [outer, size, inner], the tensor that the indices mean; indices, parts: [outer, n, inner].
  // Throws Error unless they fit each other.
  Elements(const StepSpec& spec, const TensorRef& whole_, const TensorRef& indices_,
           const TensorRef& parts_)
      : whole(whole_), indices(indices_), parts(parts_) {
    check_dtype(spec, indices, {DType::kS32, DType::kS64});
    check_same_shape(spec, indices, parts);
    check(whole.rank() == 3 && indices.rank() == 3 && whole.dim(0) == indices.dim(0) &&
              whole.dim(2) == indices.dim(2),
          spec.verb + ": the indices do not fit the tensor");
    check(size_of(whole.dtype) == size_of(parts.dtype),
          spec.verb + ": two tensors differ in the size of their elements");
    tiling = Tiling(whole.dim(0), indices.dim(1) * indices.dim(2), kGrain);
  }

  int64_t size() const { return whole.dim(1); }

  // Calls move(index, offset of the dimension's first element in `whole`, offset in `parts`), in order,
  // for the tiles begin .. end-1 of the outer dimension. Offsets are in bytes.
  template <class Move>
  void walk(const uint8_t* index_bytes, int64_t begin, int64_t end, const Move& move) const {
    const int64_t n = indices.dim(1), inner = indices.dim(2), bytes = size_of(whole.dtype);
    for (int64_t o = tiling.begin(begin); o < tiling.begin(end); ++o) {
      for (int64_t j = 0; j < n; ++j) {
        const int64_t row = o * n + j;
        const uint8_t* at = index_bytes + row * indices.row_stride;
        for (int64_t c = 0; c < inner; ++c) {
          const int64_t index = indices.dtype == DType::kS32
                                    ? reinterpret_cast<const int32_t*>(at)[c]
                                    : reinterpret_cast<const int64_t*>(at)[c];
          move(index, o * size() * whole.row_stride + c * bytes, row * parts.row_stride + c * bytes);
        }
      }
    }
  }

  TensorRef whole, indices, parts;
  Tiling tiling;

 private:
  static constexpr int64_t kGrain = 4 * 1024;  // elements per tile
};

// One element of 1, 2, 4 or 8 bytes.
inline void move_element(uint8_t* to, const uint8_t* from, int64_t bytes) {
  switch (bytes) {
    case 1:
      *to = *from;
      return;
    case 2:
      std::memcpy(to, from, 2);
      return;
    case 4:
      std::memcpy(to, from, 4);
      return;
    default:
      std::memcpy(to, from, 8);
  }
}

}  // namespace edgerun
