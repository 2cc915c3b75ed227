#include "executor/op.h"

#include <algorithm>

#include "base/check.h"

namespace edgerun {

const std::vector<const Verb*>& verbs() {
  static const std::vector<const Verb*> all = {
#define VERB(name) &verb_##name,
#include "executor/verbs.inc"
#undef VERB
  };
  return all;
}

const Verb& verb_by_name(const std::string& name) {
  for (const Verb* verb : verbs()) {
    if (name == verb->name) return *verb;
  }
  throw Error("the engine has no verb called '" + name + "'");
}

void check_operands(const StepSpec& spec, size_t inputs, size_t outputs) {
  check(spec.inputs.size() == inputs && spec.outputs.size() == outputs,
        spec.verb + ": expected " + std::to_string(inputs) + " inputs and " + std::to_string(outputs) +
            " outputs, got " + std::to_string(spec.inputs.size()) + " and " +
            std::to_string(spec.outputs.size()));
}

void check_dtype(const StepSpec& spec, const TensorRef& tensor, std::initializer_list<DType> allowed) {
  check(std::find(allowed.begin(), allowed.end(), tensor.dtype) != allowed.end(),
        spec.verb + ": a tensor has an element type that this verb does not take");
}

void check_same_shape(const StepSpec& spec, const TensorRef& a, const TensorRef& b) {
  check(a.shape == b.shape, spec.verb + ": two tensors must have the same shape");
}

}  // namespace edgerun
