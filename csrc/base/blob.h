// Constant bytes aligned to 64, shared by everything that reads them.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>

namespace edgerun {

class Blob {
 public:
  // Zeroed; throws std::bad_alloc. Rounded up by at least 64 readable bytes, so that a vector load that
  // starts inside never leaves the allocation.
  explicit Blob(size_t size) : size_(size) {
    const size_t bytes = (size + 2 * kAlignment - 1) / kAlignment * kAlignment;
    owned_.reset(static_cast<std::byte*>(std::aligned_alloc(kAlignment, bytes)));
    if (owned_ == nullptr) throw std::bad_alloc();
    data_ = owned_.get();
    std::memset(data_, 0, bytes);
  }
  // Bytes of a mapped file, which `file` keeps mapped: aligned and padded like the others, and only to read.
  Blob(std::shared_ptr<const void> file, const std::byte* data, size_t size)
      : size_(size), file_(std::move(file)), data_(const_cast<std::byte*>(data)) {}
  size_t size() const { return size_; }
  // Of packed weights: which kernel's form they are in, and their shape. Only pack() writes it, so that
  // prepare() can trust what a pack holds.
  const std::string& layout() const { return layout_; }
  void set_layout(std::string layout) { layout_ = std::move(layout); }
  template <class T>
  T* data() {
    return reinterpret_cast<T*>(data_);
  }
  template <class T>
  const T* data() const {
    return reinterpret_cast<const T*>(data_);
  }

  static constexpr size_t kAlignment = 64;

 private:
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  size_t size_;
  std::string layout_;
  std::unique_ptr<std::byte, Free> owned_;
  std::shared_ptr<const void> file_;
  std::byte* data_;
};

}  // namespace edgerun
