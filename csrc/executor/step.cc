#include "executor/step.h"

#include <algorithm>

#include "base/check.h"

namespace edgerun {

int64_t TensorRef::rows() const {
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  return rows;
}

int64_t TensorRef::end() const {
  const int64_t n = rows();
  return n == 0 ? offset : offset + (n - 1) * row_stride + row_bytes();
}

void check_shape(const TensorRef& ref) {
  check(ref.rank() <= 8, "a tensor has more than 8 dimensions");
  int64_t elements = 1;
  for (const int64_t size : ref.shape) {
    check(size >= 0 && size <= kMaxElements, "a tensor has an impossible dimension");
    check(elements <= kMaxElements / std::max<int64_t>(size, 1), "a tensor is too large");
    elements *= std::max<int64_t>(size, 1);
  }
}

template <class T>
const T& Attributes::get(const std::string& name, const char* type) const {
  const auto found = values_.find(name);
  check(found != values_.end(), "attribute '" + name + "' is missing");
  const T* value = std::get_if<T>(&found->second);
  check(value != nullptr, "attribute '" + name + "' is not " + type);
  read_.insert(name);
  return *value;
}

int64_t Attributes::integer(const std::string& name) const { return get<int64_t>(name, "an integer"); }

int64_t Attributes::integer(const std::string& name, int64_t low, int64_t high) const {
  const int64_t value = integer(name);
  check(low <= value && value <= high, "attribute '" + name + "' must lie in [" + std::to_string(low) + ", " +
                                           std::to_string(high) + "], got " + std::to_string(value));
  return value;
}

double Attributes::real(const std::string& name) const { return get<double>(name, "a number"); }

const std::string& Attributes::text(const std::string& name) const {
  return get<std::string>(name, "a text");
}

const std::vector<int64_t>& Attributes::integers(const std::string& name) const {
  return get<std::vector<int64_t>>(name, "a list of integers");
}

const std::vector<int64_t>& Attributes::integers(const std::string& name, size_t count, int64_t low,
                                                 int64_t high) const {
  const std::vector<int64_t>& values = integers(name);
  check(values.size() == count, "attribute '" + name + "' must have " + std::to_string(count) +
                                    " entries, got " + std::to_string(values.size()));
  for (const int64_t value : values) {
    check(low <= value && value <= high, "attribute '" + name + "' must lie in [" + std::to_string(low) +
                                             ", " + std::to_string(high) + "], got " +
                                             std::to_string(value));
  }
  return values;
}

std::shared_ptr<const Blob> Attributes::blob(const std::string& name, size_t bytes) const {
  const auto& value = get<std::shared_ptr<const Blob>>(name, "a constant");
  check(value != nullptr && value->size() >= bytes,
        "constant '" + name + "' must have " + std::to_string(bytes) + " bytes, got " +
            std::to_string(value == nullptr ? 0 : value->size()));
  return value;
}

void Attributes::check_all_read() const {
  std::string unread;
  for (const auto& [name, value] : values_) {
    if (read_.count(name) == 0) unread += (unread.empty() ? "'" : ", '") + name + "'";
  }
  check(unread.empty(), "attributes that this verb does not know: " + unread);
}

}  // namespace edgerun
