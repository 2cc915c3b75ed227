// Compares the kernels of kernels/picture with the generic ones, bit by bit: rows of every size around
// the vector widths, weights at both ends, guard bytes. Prints a line per kernel; exits with 1 when any
// differs.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/picture/picture.h"
#include "tests/harness.h"

namespace edgerun {
namespace {

constexpr int kLongest = 77;  // pixels

// Not negative, together kPictureWeight; often one has it all.
std::vector<int16_t> some_weights(int count) {
  std::vector<int16_t> weights(static_cast<size_t>(count), 0);
  int left = kPictureWeight;
  for (int i = 0; i + 1 < count && random_source.between(0, 3) != 0; ++i) {
    const int part = random_source.between(0, left);
    weights[static_cast<size_t>(i)] = static_cast<int16_t>(part);
    left -= part;
  }
  weights[static_cast<size_t>(random_source.between(0, count - 1))] += static_cast<int16_t>(left);
  return weights;
}

// What may be written behind a row does not count.
template <class Run>
void compare(Report& report, size_t size, const std::string& what, const Run& run) {
  Output<uint8_t> expected(size + kPictureSlack), got(size + kPictureSlack);
  run(true, expected.get()), run(false, got.get());
  for (Output<uint8_t>* output : {&expected, &got}) std::memset(output->get() + size, 0, kPictureSlack);
  report.compare(expected, got, what);
}

void check_from_yuv(const PictureKernel& kernel, const PictureKernel& generic, Report& report) {
  struct Layout {
    int y_step, chroma_step, v_at;  // v_at: from u, 0 for a plane of its own
  };
  for (const Layout layout : {Layout{1, 1, 0}, Layout{1, 2, 1}, Layout{2, 4, 2}}) {
    for (int n = 1; n <= kLongest; ++n) {
      const auto size = static_cast<size_t>(n), pairs = (size + 1) / 2;
      // As large as the rows of a picture whose last row this is.
      Input<uint8_t> luma(layout.y_step == 2 ? pairs * 4 : size), u(pairs * 2), v(pairs);
      YuvRowArgs args;
      args.y = luma.get(), args.n = n, args.y_step = layout.y_step,
      args.chroma_step = layout.chroma_step;
      args.u = layout.y_step == 2 ? luma.get() + 1 : u.get();
      args.v = layout.v_at != 0 ? args.u + layout.v_at : v.get();
      Output<uint8_t> expected(3 * size), got(3 * size);
      args.out = expected.get(), generic.from_yuv(args);
      args.out = got.get(), kernel.from_yuv(args);
      report.compare(expected, got, "from_yuv, " + size_text(n));
    }
  }
}

void check_blend(const PictureKernel& kernel, const PictureKernel& generic, Report& report) {
  for (int n = 1; n <= kMaxSize; ++n) {
    for (const int count : {1, 2, 2, 2, 3, 4, 7}) {
      std::vector<Input<uint8_t>> rows;
      std::vector<const uint8_t*> pointers;
      for (int r = 0; r < count; ++r) rows.emplace_back(static_cast<size_t>(n), static_cast<size_t>(r));
      for (Input<uint8_t>& row : rows) pointers.push_back(row.get());
      const std::vector<int16_t> weights = some_weights(count);
      BlendArgs args;
      args.rows = pointers.data(), args.weights = weights.data(), args.count = count, args.n = n;
      Output<int16_t> expected(static_cast<size_t>(n)), got(static_cast<size_t>(n));
      args.out = expected.get(), generic.blend(args);
      args.out = got.get(), kernel.blend(args);
      report.compare(expected, got, "blend of " + std::to_string(count) + ", " + size_text(n));
    }
  }
}

void check_resample(const PictureKernel& kernel, const PictureKernel& generic, Report& report) {
  for (const int channels : {1, 3}) {
    for (const int taps : {2, 4, 8, 12}) {
      for (int n = 1; n <= kLongest; ++n) {
        const int pixels = taps + 40;
        Input<int16_t> row(static_cast<size_t>(pixels * channels) + kPictureSlack / 2);
        for (size_t i = 0; i < row.size(); ++i) row.get()[i] &= 0x7fff;
        for (int i = 0; i < pixels * channels; ++i)
          row.get()[i] = std::min<int16_t>(row.get()[i], 255 * 128);
        std::vector<int32_t> at;
        std::vector<int16_t> weights;
        for (int x = 0; x < n; ++x) {
          at.push_back(random_source.between(0, 40) * channels);
          for (const int16_t weight : some_weights(taps)) weights.push_back(weight);
        }
        ResampleArgs args;
        args.row = row.get(), args.at = at.data(), args.weights = weights.data();
        args.taps = taps, args.n = n, args.channels = channels;
        const std::string what = "resample of " + std::to_string(taps) + ", " + size_text(n);
        compare(report, static_cast<size_t>(n * channels), what, [&](bool first, uint8_t* out) {
          args.out = out;
          (first ? generic : kernel).resample(args);
        });
      }
    }
  }
}

void check_shrink(const PictureKernel& kernel, const PictureKernel& generic, Report& report) {
  for (int n = 1; n <= kLongest; ++n) {
    const int pixels = 3 * n + 1;
    Input<uint8_t> upper(static_cast<size_t>(3 * pixels)), lower(static_cast<size_t>(3 * pixels), 1);
    std::vector<int32_t> at;
    std::vector<int16_t> weights;
    for (int x = 0; x < n; ++x) {
      const bool last = x + 1 == n;
      at.push_back(last ? 3 * (pixels - 2) : 9 * x);
      for (const int16_t weight : some_weights(2)) weights.push_back(weight);
    }
    std::vector<int16_t> down = some_weights(2);
    if (down[0] == 0) std::swap(down[0], down[1]);
    ShrinkArgs args;
    args.rows[0] = upper.get(), args.rows[1] = lower.get(), args.row_bytes = 3 * pixels;
    args.row_weights[0] = down[0], args.row_weights[1] = down[1];
    args.at = at.data(), args.weights = weights.data(), args.n = n, args.ahead = 1 << 20;
    compare(report, static_cast<size_t>(3 * n), "shrink, " + size_text(n),
            [&](bool first, uint8_t* out) {
              args.out = out;
              (first ? generic : kernel).shrink(args);
            });
  }
}

void check_order(const PictureKernel& kernel, const PictureKernel& generic, Report& report) {
  for (int n = 1; n <= kLongest; ++n) {
    const auto size = static_cast<size_t>(n);
    Input<uint8_t> in(3 * size);
    Output<uint8_t> expected(3 * size), got(3 * size);
    generic.swap(in.get(), n, expected.get());
    kernel.swap(in.get(), n, got.get());
    report.compare(expected, got, "swap, " + size_text(n));
    Output<uint8_t> planes[6] = {Output<uint8_t>(size), Output<uint8_t>(size), Output<uint8_t>(size),
                                 Output<uint8_t>(size), Output<uint8_t>(size), Output<uint8_t>(size)};
    uint8_t* const first[3] = {planes[0].get(), planes[1].get(), planes[2].get()};
    uint8_t* const second[3] = {planes[3].get(), planes[4].get(), planes[5].get()};
    generic.split(in.get(), n, first);
    kernel.split(in.get(), n, second);
    for (int c = 0; c < 3; ++c) report.compare(planes[c], planes[c + 3], "split, " + size_text(n));
  }
}

void check_values(const PictureKernel& kernel, const PictureKernel& generic, Report& report) {
  for (int n = 1; n <= kMaxSize; ++n) {
    for (int variant = 0; variant < 6; ++variant) {
      const auto size = static_cast<size_t>(n);
      Input<uint8_t> in(size);
      QuantizeRowArgs args;
      args.in = in.get(), args.n = n, args.is_signed = (variant & 1) != 0;
      for (int c = 0; c < 3; ++c) {
        args.multiplier[c] = random_source.between(0, (1 << 22) - 1);
        args.offset[c] = random_source.between(-(1 << 29), 1 << 29) / (variant > 3 ? 1 : 64) * 2;
        if (variant < 2)
          args.multiplier[c] = 1 << 20,
          args.offset[c] = (args.is_signed ? -128 : 0) * (1 << 20) + (1 << 19);
      }
      Output<uint8_t> expected(size), got(size);
      args.out = expected.get(), generic.quantize(args);
      args.out = got.get(), kernel.quantize(args);
      report.compare(expected, got, "quantize, " + size_text(n));
    }
    NormalizeRowArgs args;
    Input<uint8_t> in(static_cast<size_t>(n));
    args.in = in.get(), args.n = n;
    for (int c = 0; c < 3; ++c)
      args.gain[c] = random_source.multiplier(), args.bias[c] = -random_source.multiplier();
    Output<float> expected(static_cast<size_t>(n)), got(static_cast<size_t>(n));
    args.out = expected.get(), generic.normalize(args);
    args.out = got.get(), kernel.normalize(args);
    report.compare(expected, got, "normalize, " + size_text(n));
  }
}

}  // namespace
}  // namespace edgerun

int main() {
  using namespace edgerun;
  for_each("picture", picture_kernels(),
           [](const PictureKernel& kernel, const PictureKernel& generic, Report& report) {
             check_from_yuv(kernel, generic, report);
             check_blend(kernel, generic, report);
             check_resample(kernel, generic, report);
             check_shrink(kernel, generic, report);
             check_order(kernel, generic, report);
             check_values(kernel, generic, report);
           });
  std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
