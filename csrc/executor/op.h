// A verb of the engine. prepare() validates a step, and may throw; what it returns runs without failing:
// run() allocates nothing, locks nothing, and touches only the bytes that prepare() proved to be inside.
//
// An op divides its work into tiles that may run in any order on any lane (a lane is one thread of a run).
// The executor hands out the tiles; the op never sees a thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/isa.h"
#include "executor/step.h"

namespace edgerun {

// What a run gives to its steps.
struct RunContext {
  std::byte* const* buffers = nullptr;  // by TensorRef::buffer
  std::byte* scratch = nullptr;         // this lane's own, aligned to 64, Op::scratch_bytes() long
};

class Op {
 public:
  virtual ~Op() = default;
  // Runs tiles begin .. end-1 of tiles().
  virtual void run(const RunContext& context, int64_t begin, int64_t end) const noexcept = 0;
  int64_t tiles() const { return tiles_; }
  int64_t scratch_bytes() const { return scratch_bytes_; }

 protected:
  int64_t tiles_ = 1;
  int64_t scratch_bytes_ = 0;
};

// One way to run a step on this machine. All candidates of a step give the same bits.
struct Candidate {
  std::string kernel;
  std::string layout;  // names the packed form of the step's constants; "" when nothing is packed
  // Storage of 8-bit inputs that the kernel reads: "uint8", "int8", or "any".
  std::string input_storage;
};

// A verb: its name, who can run it, how to pack its weights, how to prepare it.
struct Verb {
  const char* name;
  // All candidates under `cap`, best first; throws Error on a step that is malformed.
  std::vector<Candidate> (*candidates)(const StepSpec& spec, Isa cap);
  // Packs constant weights (shape and meaning depend on the verb) for `kernel`; null when there are none.
  std::shared_ptr<const Blob> (*pack)(const std::string& kernel, const Blob& weights,
                                      const std::vector<int64_t>& shape);
  // Every attribute of the step must be read.
  std::unique_ptr<Op> (*prepare)(const StepSpec& spec);
};

#define VERB(name) extern const Verb verb_##name;
#include "executor/verbs.inc"
#undef VERB

const std::vector<const Verb*>& verbs();
const Verb& verb_by_name(const std::string& name);

// Helpers for prepare(): how many operands, of which types. They throw Error with the verb's name.
void check_operands(const StepSpec& spec, size_t inputs, size_t outputs);
void check_dtype(const StepSpec& spec, const TensorRef& tensor, std::initializer_list<DType> allowed);
void check_same_shape(const StepSpec& spec, const TensorRef& a, const TensorRef& b);

// Pointers to a tensor's bytes within a run.
inline const uint8_t* input_bytes(const RunContext& context, const TensorRef& ref) {
  return reinterpret_cast<const uint8_t*>(context.buffers[ref.buffer]) + ref.offset;
}
inline uint8_t* output_bytes(const RunContext& context, const TensorRef& ref) {
  return reinterpret_cast<uint8_t*>(context.buffers[ref.buffer]) + ref.offset;
}

}  // namespace edgerun
