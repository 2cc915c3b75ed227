// memcpy for short runs of bytes known only at run time: a call costs more than the copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace edgerun {

// Copies n >= 0 bytes with overlapping loads and stores that stay inside of both ranges.
inline void small_copy(uint8_t* to, const uint8_t* from, size_t n) {
  if (n >= 16) {
    size_t i = 0;
    for (; i + 16 <= n; i += 16) std::memcpy(to + i, from + i, 16);
    std::memcpy(to + n - 16, from + n - 16, 16);
  } else if (n >= 8) {
    uint64_t head, tail;
    std::memcpy(&head, from, 8);
    std::memcpy(&tail, from + n - 8, 8);
    std::memcpy(to, &head, 8);
    std::memcpy(to + n - 8, &tail, 8);
  } else if (n >= 4) {
    uint32_t head, tail;
    std::memcpy(&head, from, 4);
    std::memcpy(&tail, from + n - 4, 4);
    std::memcpy(to, &head, 4);
    std::memcpy(to + n - 4, &tail, 4);
  } else {
    for (size_t i = 0; i < n; ++i) to[i] = from[i];
  }
}

// Copies `count` pieces of n bytes from places from_step apart to places to_step apart.
inline void copy_pieces(uint8_t* to, ptrdiff_t to_step, const uint8_t* from, ptrdiff_t from_step,
                        int64_t count, int64_t n) {
  const auto each = [&](auto copy) {
    for (int64_t i = 0; i < count; ++i) copy(to + i * to_step, from + i * from_step);
  };
  // Two overlapping pieces of a fixed size cover every length from that size to twice of it.
  const auto twice = [&](auto size) {
    constexpr size_t kSize = decltype(size)::value;
    const ptrdiff_t second = n - static_cast<ptrdiff_t>(kSize);
    each([second](uint8_t* t, const uint8_t* f) {
      uint8_t a[kSize], b[kSize];
      std::memcpy(a, f, kSize);
      std::memcpy(b, f + second, kSize);
      std::memcpy(t, a, kSize);
      std::memcpy(t + second, b, kSize);
    });
  };
  if (n > 64) {
    each([n](uint8_t* t, const uint8_t* f) { small_copy(t, f, static_cast<size_t>(n)); });
  } else if (n >= 32) {
    twice(std::integral_constant<size_t, 32>());
  } else if (n >= 16) {
    twice(std::integral_constant<size_t, 16>());
  } else if (n >= 8) {
    twice(std::integral_constant<size_t, 8>());
  } else if (n >= 4) {
    twice(std::integral_constant<size_t, 4>());
  } else {
    each([n](uint8_t* t, const uint8_t* f) { small_copy(t, f, static_cast<size_t>(n)); });
  }
}

}  // namespace edgerun
