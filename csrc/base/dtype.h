// The element types that tensors have inside the engine.
#pragma once

#include <cstdint>
#include <string>

#include "base/check.h"

namespace edgerun {

enum class DType { kU8, kS8, kU16, kS16, kU32, kS32, kU64, kS64, kF16, kF32, kF64, kC64, kBool };

inline int64_t size_of(DType dtype) {
  switch (dtype) {
    case DType::kU8:
    case DType::kS8:
    case DType::kBool:
      return 1;
    case DType::kU16:
    case DType::kS16:
    case DType::kF16:
      return 2;
    case DType::kU32:
    case DType::kS32:
    case DType::kF32:
      return 4;
    case DType::kU64:
    case DType::kS64:
    case DType::kF64:
    case DType::kC64:
      return 8;
  }
  return 0;
}

inline bool is_8bit(DType dtype) { return dtype == DType::kU8 || dtype == DType::kS8; }

// numpy's names.
inline DType dtype_from_name(const std::string& name) {
  if (name == "uint8") return DType::kU8;
  if (name == "int8") return DType::kS8;
  if (name == "uint16") return DType::kU16;
  if (name == "int16") return DType::kS16;
  if (name == "uint32") return DType::kU32;
  if (name == "int32") return DType::kS32;
  if (name == "uint64") return DType::kU64;
  if (name == "int64") return DType::kS64;
  if (name == "float16") return DType::kF16;
  if (name == "float32") return DType::kF32;
  if (name == "float64") return DType::kF64;
  if (name == "complex64") return DType::kC64;
  if (name == "bool") return DType::kBool;
  throw Error("the engine has no element type called '" + name + "'");
}

}  // namespace edgerun
