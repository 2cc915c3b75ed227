// Errors of the engine. prepare() may throw; run() never does.
#pragma once

#include <stdexcept>
#include <string>

namespace edgerun {

// Something that Python handed over is wrong. The binding turns it into edgerun.errors.ModelError.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// An argument of the caller is wrong. The binding turns it into edgerun.errors.InputError.
class InputError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline void check(bool ok, const char* message) {
  if (!ok) throw Error(message);
}
inline void check(bool ok, const std::string& message) {
  if (!ok) throw Error(message);
}

}  // namespace edgerun
