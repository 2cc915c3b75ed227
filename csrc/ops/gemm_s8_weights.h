// The weights of the verbs that multiply with gemm_s8: who can run a step, and the packing.
#pragma once

#include "kernels/gemm_s8/gemm_s8.h"
#include "ops/window.h"

namespace edgerun {

// Of a convolution of the step's first input.
inline std::vector<Candidate> gemm_s8_candidates(const StepSpec& spec, Isa cap) {
  const TensorRef& x = spec.inputs[0];
  const TensorRef& y = spec.outputs[0];
  const auto& window = spec.attributes.integers("kernel", 2, 1, 1 << 16);
  std::vector<Candidate> found;
  for (const GemmS8Kernel* kernel : allowed_kernels(gemm_s8_kernels(), cap)) {
    if (kernel->pays != nullptr &&
        !kernel->pays(y.rows(), y.channels(), x.channels() * window[0] * window[1])) {
      continue;
    }
    found.push_back({kernel->info.name, std::string("gemm_s8/") + kernel->info.name,
                     storage_name(kernel->a_signedness)});
  }
  return found;
}

// int8 [outputs, depth] in the order of the kernel called `name`.
inline std::shared_ptr<const Blob> pack_gemm_s8(const char* verb, const std::string& name, const Blob& weights,
                                                const std::vector<int64_t>& shape) {
  StepSpec spec;
  spec.verb = verb, spec.kernel = name;
  const GemmS8Kernel& kernel = chosen_kernel(spec, gemm_s8_kernels());
  check(shape.size() == 2 && shape[0] > 0 && shape[1] > 0 && shape[0] <= (1 << 23) && shape[1] <= (1 << 23),
        spec.verb + ": weights to pack must have the shape [outputs, depth]");
  const int n = static_cast<int>(shape[0]), k = static_cast<int>(shape[1]);
  check(weights.size() >= static_cast<size_t>(n) * static_cast<size_t>(k), spec.verb + ": too few weights");
  auto packed = std::make_shared<Blob>(kernel.packed_bytes(n, k));
  kernel.pack(weights.data<int8_t>(), n, k, packed->data<std::byte>());
  packed->set_layout(layout_name("gemm_s8", kernel.info, shape));
  return packed;
}

}  // namespace edgerun
