// What Python hands to prepare(): a verb, the tensors it reads and writes, and its attributes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/blob.h"
#include "base/dtype.h"

namespace edgerun {

// A tensor where it lies: rows of `channels` elements (the last dimension), row_stride bytes apart, from
// `offset` of buffer `buffer` on. All but the last dimension are walked with one stride, so a tensor may be
// a channel slice of a wider one; it is contiguous when row_stride == channels * size_of(dtype).
struct TensorRef {
  int buffer = -1;
  int64_t offset = 0;
  int64_t row_stride = 0;
  std::vector<int64_t> shape;
  DType dtype = DType::kU8;

  int rank() const { return static_cast<int>(shape.size()); }
  int64_t dim(int i) const { return shape[static_cast<size_t>(i)]; }
  int64_t channels() const { return shape.empty() ? 1 : shape.back(); }
  int64_t rows() const;
  int64_t elements() const { return rows() * channels(); }
  int64_t row_bytes() const { return channels() * size_of(dtype); }
  bool contiguous() const { return rows() <= 1 || row_stride == row_bytes(); }
  // One past the last byte, relative to the buffer.
  int64_t end() const;
};

constexpr int64_t kMaxElements = int64_t{1} << 40;

// Throws Error for a shape that the arithmetic above cannot walk: more than 8 dimensions, or 2^40 elements.
void check_shape(const TensorRef& ref);

// The attributes of a step. Every one must be read by prepare(): a leftover is an error, so that Python's
// lowering and the engine cannot drift apart. A getter throws Error when the attribute is missing or has
// another type.
class Attributes {
 public:
  using Value = std::variant<int64_t, double, std::string, std::vector<int64_t>, std::shared_ptr<const Blob>>;

  void set(const std::string& name, Value value) { values_[name] = std::move(value); }
  int64_t integer(const std::string& name) const;
  // An integer that must lie in [low, high].
  int64_t integer(const std::string& name, int64_t low, int64_t high) const;
  double real(const std::string& name) const;
  const std::string& text(const std::string& name) const;
  const std::vector<int64_t>& integers(const std::string& name) const;
  // A list of exactly `count` integers, each in [low, high].
  const std::vector<int64_t>& integers(const std::string& name, size_t count, int64_t low, int64_t high) const;
  // A constant of at least `bytes` bytes; kept alive by whoever holds the pointer.
  std::shared_ptr<const Blob> blob(const std::string& name, size_t bytes) const;
  bool has(const std::string& name) const { return values_.count(name) != 0; }
  // All of them, for who keeps a step on disk.
  const std::map<std::string, Value>& all() const { return values_; }
  // Throws Error naming every attribute that no getter asked for.
  void check_all_read() const;

 private:
  template <class T>
  const T& get(const std::string& name, const char* type) const;

  std::map<std::string, Value> values_;
  mutable std::set<std::string> read_;
};

struct StepSpec {
  std::string verb;
  std::string kernel;  // a name in the verb's kernel list; the candidates call names them
  std::vector<TensorRef> inputs;
  std::vector<TensorRef> outputs;
  Attributes attributes;
};

}  // namespace edgerun
