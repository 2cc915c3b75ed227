#include "kernels/registry.h"

#include "kernels/binary/binary.h"
#include "kernels/binary_f32/binary_f32.h"
#include "kernels/copy_nd/copy_nd.h"
#include "kernels/dwconv_f32/dwconv_f32.h"
#include "kernels/dwconv_s8/dwconv_s8.h"
#include "kernels/fft/fft.h"
#include "kernels/gemm_f32/gemm_f32.h"
#include "kernels/gemm_s8/gemm_s8.h"
#include "kernels/hybrid/hybrid.h"
#include "kernels/picture/picture.h"
#include "kernels/pool/pool.h"
#include "kernels/pool_f32/pool_f32.h"
#include "kernels/quantize/quantize.h"
#include "kernels/reduce_f32/reduce_f32.h"
#include "kernels/resize/resize.h"
#include "kernels/resize_f32/resize_f32.h"
#include "kernels/row_sum/row_sum.h"
#include "kernels/softmax/softmax.h"
#include "kernels/softmax_f32/softmax_f32.h"
#include "kernels/table/table.h"
#include "kernels/unary_f32/unary_f32.h"

namespace edgerun {

std::vector<RegisteredKernel> registered_kernels() {
  std::vector<RegisteredKernel> all;
  const auto add = [&all](const char* folder, const auto& kernels) {
    for (const auto* kernel : kernels) all.push_back({folder, kernel->info});
  };
  add("binary", binary_kernels());
  add("binary_f32", binary_f32_kernels());
  add("copy_nd", copy_nd_kernels());
  add("dwconv_f32", dwconv_f32_kernels());
  add("dwconv_s8", dwconv_s8_kernels());
  add("fft", fft_kernels());
  add("gemm_f32", gemm_f32_kernels());
  add("gemm_s8", gemm_s8_kernels());
  add("hybrid", hybrid_kernels());
  add("picture", picture_kernels());
  add("pool", pool_kernels());
  add("pool_f32", pool_f32_kernels());
  add("quantize", quantize_kernels());
  add("reduce_f32", reduce_f32_kernels());
  add("resize", resize_kernels());
  add("resize_f32", resize_f32_kernels());
  add("row_sum", row_sum_kernels());
  add("softmax", softmax_kernels());
  add("softmax_f32", softmax_f32_kernels());
  add("table", table_kernels());
  add("unary_f32", unary_f32_kernels());
  return all;
}

}  // namespace edgerun
