#include "vision/preprocess.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/check.h"

namespace edgerun {
namespace {

constexpr int kMaxSide = 1 << 15;
constexpr int kShrinkFrom = 5;  // source pixels for each of the output from which it pays

const PictureKernel* best_kernel(Isa cap) { return allowed_kernels(picture_kernels(), cap).front(); }

void check_side(int side, const char* what) {
  check(side >= 1 && side <= kMaxSide,
        std::string(what) + " must be of 1 to 32768 pixels, got " + std::to_string(side));
}

void check_span(double start, double length, int size, const char* what) {
  check(std::isfinite(start) && std::isfinite(length) && start >= 0 && length > 0 &&
            start + length <= size + 1e-6,
        std::string(what) + " must lie inside the picture");
}

// OpenCV's cvtColor: 0.114, 0.587, 0.299 in units of 2^-15.
uint8_t grey_of(int blue, int green, int red) {
  return static_cast<uint8_t>((blue * 3735 + green * 19235 + red * 9798 + (1 << 14)) >> 15);
}

}  // namespace

Preprocess::Axis Preprocess::make_axis(double start, double length, int n, int low, int high,
                                       Filter filter) {
  const double ratio = length / n;
  const bool area = filter == Filter::kArea ? ratio > 1 : filter == Filter::kAuto && ratio >= 2;
  Axis axis;
  axis.first.resize(static_cast<size_t>(n));
  axis.taps = area ? static_cast<int>(std::ceil(ratio)) + 1 : 2;
  axis.taps = std::min(axis.taps, std::max(high - low, 2));
  axis.weights.assign(static_cast<size_t>(n) * static_cast<size_t>(axis.taps), 0);
  for (int i = 0; i < n; ++i) {
    int16_t* weights = &axis.weights[static_cast<size_t>(i) * static_cast<size_t>(axis.taps)];
    int32_t& first = axis.first[static_cast<size_t>(i)];
    if (!area) {
      const double point =
          std::min(std::max(start + (i + 0.5) * ratio - 0.5, double(low)), double(high - 1));
      int left = static_cast<int>(point);
      auto share = static_cast<int>(std::lround((point - left) * kPictureWeight));
      if (left + 1 >= high && left > low)
        --left, share = kPictureWeight;  // the last pixel: of a pair, too
      first = left - low;
      weights[0] = static_cast<int16_t>(kPictureWeight - share),
      weights[1] = static_cast<int16_t>(share);
      continue;
    }
    const double from = start + i * ratio;
    const int left = std::max(low, std::min(static_cast<int>(from), high - axis.taps));
    first = left - low;
    // Rounded sums, so that all together are what they must be.
    int32_t before = 0;
    for (int t = 0; t < axis.taps; ++t) {
      const double covered = std::min(std::max(left + t + 1 - from, 0.0), ratio) / ratio;
      const bool last = t + 1 == axis.taps;
      const auto until =
          last ? kPictureWeight : static_cast<int32_t>(std::lround(covered * kPictureWeight));
      weights[t] = static_cast<int16_t>(until - before);
      before = until;
    }
  }
  return axis;
}

Preprocess::Preprocess(const PreprocessSpec& spec, Isa isa) : spec_(spec), kernel_(best_kernel(isa)) {
  check_side(spec.width, "the width of a picture"), check_side(spec.height, "the height of a picture");
  check_side(spec.out_width, "the width of an input"),
      check_side(spec.out_height, "the height of an input");
  const bool halves_x = is_yuv(),
             halves_y = spec.format == PixelFormat::kNv12 || spec.format == PixelFormat::kI420;
  check((!halves_x || spec.width % 2 == 0) && (!halves_y || spec.height % 2 == 0),
        "a picture whose colours are of half its size must have even sides");
  check_span(spec.crop_x, spec.crop_width, spec.width, "the crop's columns");
  check_span(spec.crop_y, spec.crop_height, spec.height, "the crop's rows");
  check(spec.out_channels == 1 || spec.out_channels == 3, "an input has 1 or 3 channels");
  check(spec.place_x >= 0 && spec.place_width >= 1 &&
            spec.place_width <= spec.out_width - spec.place_x && spec.place_y >= 0 &&
            spec.place_height >= 1 && spec.place_height <= spec.out_height - spec.place_y,
        "the place must lie inside the input");
  check(spec.fill >= 0 && spec.fill <= 255, "the fill must be within 0 and 255");
  channels_ = spec.format == PixelFormat::kGrey ? 1 : 3;
  low_x_ = static_cast<int>(spec.crop_x), low_y_ = static_cast<int>(spec.crop_y);
  high_x_ = std::min(spec.width, static_cast<int>(std::ceil(spec.crop_x + spec.crop_width)));
  high_y_ = std::min(spec.height, static_cast<int>(std::ceil(spec.crop_y + spec.crop_height)));
  low_x_ = std::min(low_x_, high_x_ - 1), low_y_ = std::min(low_y_, high_y_ - 1);
  if (is_yuv()) low_x_ &= ~1;  // pixels come in pairs
  const int first_x = std::min(static_cast<int>(spec.crop_x), high_x_ - 1);
  down_ = make_axis(spec.crop_y, spec.crop_height, spec.place_height, low_y_, high_y_, spec.filter);
  along_ = make_axis(spec.crop_x, spec.crop_width, spec.place_width, first_x, high_x_, spec.filter);
  for (int32_t& first : along_.first) first += first_x - low_x_;
  prepare_columns();
  prepare_map();
}

void Preprocess::prepare_columns() {
  const int n = spec_.place_width, span = high_x_ - low_x_;
  shrinks_ = along_.taps == 2 && down_.taps == 2 && channels_ == 3 && span > kShrinkFrom * n;
  if (along_.taps > 2 && along_.taps % 4 != 0) {  // the kernel takes four at a time
    const int taps = (along_.taps + 3) / 4 * 4;
    std::vector<int16_t> padded(static_cast<size_t>(n) * static_cast<size_t>(taps), 0);
    for (int i = 0; i < n; ++i)
      std::copy_n(&along_.weights[static_cast<size_t>(i) * static_cast<size_t>(along_.taps)],
                  along_.taps, &padded[static_cast<size_t>(i) * static_cast<size_t>(taps)]);
    along_.taps = taps, along_.weights = std::move(padded);
  }
  at_.resize(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i)
    at_[static_cast<size_t>(i)] = along_.first[static_cast<size_t>(i)] * channels_;
  const size_t row = static_cast<size_t>(span) * static_cast<size_t>(channels_);
  blended_.assign(row + static_cast<size_t>(4 * along_.taps) + kPictureSlack, 0);
  rows_.resize(static_cast<size_t>(down_.taps));
  if (is_yuv()) {
    yuv_rows_.assign(row * rows_.size(), 0);
    yuv_row_of_.assign(rows_.size(), -1);
  }
  pixels_.assign(static_cast<size_t>(n) * 3 + kPictureSlack, 0);
  ordered_.assign(static_cast<size_t>(n) * 3 + kPictureSlack, 0);
}

void Preprocess::prepare_map() {
  constexpr double kUnit = 1 << 20;
  multiplies_ = spec_.type != ElementType::kFloat32;
  const int low = spec_.type == ElementType::kInt8 ? -128 : 0;
  for (int c = 0; c < spec_.out_channels && multiplies_; ++c) {
    const double multiplier = std::round(spec_.gain[c] * kUnit),
                 offset = std::round((spec_.bias[c] + 0.5) * kUnit);
    multiplies_ = multiplier >= 0 && multiplier < (1 << 22) && std::abs(offset) <= (1 << 30);
    if (!multiplies_) break;
    multiplier_[c] = static_cast<int32_t>(multiplier), offset_[c] = static_cast<int32_t>(offset);
    for (int p = 0; p < 256; ++p) {
      const int y = std::min(std::max((p * multiplier_[c] + offset_[c]) >> 20, low), low + 255);
      multiplies_ &= static_cast<uint8_t>(y) == spec_.table[c][p];
    }
  }
  const int n = planes() == 1 ? spec_.out_width * spec_.out_channels : spec_.out_width;
  const size_t bytes = static_cast<size_t>(n) * static_cast<size_t>(element_bytes());
  const std::vector<uint8_t> pixels(static_cast<size_t>(n), static_cast<uint8_t>(spec_.fill));
  fill_.resize(bytes * static_cast<size_t>(planes()));
  const bool interleaved = !spec_.planar && spec_.out_channels == 3;
  for (int p = 0; p < planes(); ++p)
    map_row(pixels.data(), n, interleaved ? -1 : p, &fill_[bytes * static_cast<size_t>(p)]);
}

int Preprocess::plane_count() const {
  return spec_.format == PixelFormat::kNv12 ? 2 : spec_.format == PixelFormat::kI420 ? 3 : 1;
}

int Preprocess::plane_rows(int plane) const { return plane == 0 ? spec_.height : spec_.height / 2; }

int Preprocess::plane_row_bytes(int plane) const {
  switch (spec_.format) {
    case PixelFormat::kGrey:
      return spec_.width;
    case PixelFormat::kYuyv:
      return spec_.width * 2;
    case PixelFormat::kNv12:
      return spec_.width;
    case PixelFormat::kI420:
      return plane == 0 ? spec_.width : spec_.width / 2;
    default:
      return spec_.width * 3;
  }
}

// The pixels of row y from low_x_ on, dense.
const uint8_t* Preprocess::picture_row(const Planes& planes, int y) noexcept {
  const uint8_t* first = planes.data[0] + y * planes.stride[0];
  if (!is_yuv()) return first + static_cast<ptrdiff_t>(low_x_) * channels_;
  const int slot = y % static_cast<int>(yuv_row_of_.size());
  const int n = high_x_ - low_x_;
  uint8_t* out = &yuv_rows_[static_cast<size_t>(slot) * static_cast<size_t>(n) * 3];
  if (yuv_row_of_[static_cast<size_t>(slot)] == y) return out;
  yuv_row_of_[static_cast<size_t>(slot)] = y;
  YuvRowArgs args;
  args.n = n, args.out = out;
  const int pair = low_x_ / 2;
  if (spec_.format == PixelFormat::kYuyv) {
    args.y = first + 4 * pair, args.u = args.y + 1, args.v = args.y + 3;
    args.y_step = 2, args.chroma_step = 4;
  } else {
    args.y = first + low_x_;
    const uint8_t* u = planes.data[1] + y / 2 * planes.stride[1];
    if (spec_.format == PixelFormat::kNv12) {
      args.u = u + 2 * pair, args.v = args.u + 1, args.chroma_step = 2;
    } else {
      args.u = u + pair, args.v = planes.data[2] + y / 2 * planes.stride[2] + pair;
    }
  }
  kernel_->from_yuv(args);
  return out;
}

void Preprocess::map_row(const uint8_t* in, int n, int channel, uint8_t* out) const noexcept {
  const bool all = channel < 0;  // interleaved
  const int of[3] = {all ? 0 : channel, all ? 1 : channel, all ? 2 : channel};
  if (spec_.type == ElementType::kFloat32) {
    NormalizeRowArgs args;
    args.in = in, args.n = n, args.out = reinterpret_cast<float*>(out);
    for (int c = 0; c < 3; ++c) {
      args.gain[c] = static_cast<float>(spec_.gain[of[c]]);
      args.bias[c] = static_cast<float>(spec_.bias[of[c]]);
    }
    kernel_->normalize(args);
  } else if (multiplies_) {
    QuantizeRowArgs args;
    args.in = in, args.n = n, args.out = out, args.is_signed = spec_.type == ElementType::kInt8;
    for (int c = 0; c < 3; ++c) args.multiplier[c] = multiplier_[of[c]], args.offset[c] = offset_[of[c]];
    kernel_->quantize(args);
  } else {
    const int step = all ? 3 : 1;
    for (int c = 0; c < step; ++c)
      for (int i = c; i < n; i += step) out[i] = spec_.table[of[c]][in[i]];
  }
}

// Columns begin .. end - 1 of a row get the value of a pixel that is `fill`. out: the row in each plane.
void Preprocess::fill_columns(int begin, int end, uint8_t* const* out) const noexcept {
  const auto pixel = static_cast<size_t>(pixel_bytes());
  const size_t row = pixel * static_cast<size_t>(spec_.out_width),
               at = pixel * static_cast<size_t>(begin);
  if (begin == end) return;
  for (int p = 0; p < planes(); ++p)
    std::memcpy(out[p] + at, &fill_[row * static_cast<size_t>(p)] + at,
                pixel * static_cast<size_t>(end - begin));
}

void Preprocess::blend(const int16_t* weights, int count) noexcept {
  BlendArgs blend;
  blend.rows = rows_.data(), blend.weights = weights, blend.count = count;
  blend.n = (high_x_ - low_x_) * channels_;
  blend.out = blended_.data();
  kernel_->blend(blend);
  ResampleArgs args;
  args.row = blended_.data(), args.at = at_.data(), args.weights = along_.weights.data();
  args.taps = along_.taps, args.n = spec_.place_width, args.channels = channels_,
  args.out = pixels_.data();
  kernel_->resample(args);
}

void Preprocess::shrink(int i, const int16_t* weights, ptrdiff_t stride) noexcept {
  const bool second = weights[0] == 0;
  ShrinkArgs args;
  args.rows[0] = rows_[second ? 1 : 0], args.rows[1] = rows_[1];
  args.row_weights[0] = weights[second ? 1 : 0], args.row_weights[1] = second ? int16_t{0} : weights[1];
  args.row_bytes = (high_x_ - low_x_) * channels_;
  args.at = at_.data(), args.weights = along_.weights.data(), args.n = spec_.place_width;
  if (!is_yuv() && i + 1 < spec_.place_height)
    args.ahead =
        (down_.first[static_cast<size_t>(i + 1)] - down_.first[static_cast<size_t>(i)]) * stride;
  args.out = pixels_.data();
  kernel_->shrink(args);
}

// Row i of the place. out: the output's row in each plane.
void Preprocess::place_row(const Planes& planes, int i, uint8_t* const* out) noexcept {
  const int n = spec_.place_width;
  const auto taps = static_cast<size_t>(down_.taps);
  const int first = low_y_ + down_.first[static_cast<size_t>(i)];
  const int16_t* weights = &down_.weights[static_cast<size_t>(i) * taps];
  int count = 0;
  for (int t = 0; t < down_.taps; ++t) {
    const int y = std::min(first + t, high_y_ - 1);  // beyond it weights are 0
    const bool counts = weights[t] != 0;
    rows_[static_cast<size_t>(t)] =
        counts || t == 0 ? picture_row(planes, y) : rows_[static_cast<size_t>(t - 1)];
    if (counts) count = t + 1;
  }
  if (shrinks_)
    shrink(i, weights, planes.stride[0]);
  else
    blend(weights, count);

  const int bytes = element_bytes(), x = spec_.place_x;
  const uint8_t* pixels = pixels_.data();
  const bool rgb = spec_.format == PixelFormat::kRgb;
  const bool grey = channels_ == 1 || spec_.out_channels == 1 || spec_.grey;
  if (grey && channels_ == 3) {
    for (int k = 0; k < n; ++k) {
      const uint8_t* p = pixels + 3 * k;
      pixels_[static_cast<size_t>(k)] = rgb ? grey_of(p[2], p[1], p[0]) : grey_of(p[0], p[1], p[2]);
    }
  }
  if (spec_.out_channels == 1) return map_row(pixels, n, 0, out[0] + x * bytes);
  if (spec_.planar) {
    if (grey) {
      for (int c = 0; c < 3; ++c) map_row(pixels, n, c, out[c] + x * bytes);
      return;
    }
    uint8_t* split[3] = {ordered_.data(), ordered_.data() + n, ordered_.data() + 2 * n};
    kernel_->split(pixels, n, split);
    const bool turned = rgb == spec_.blue_first;
    for (int c = 0; c < 3; ++c) map_row(split[turned ? 2 - c : c], n, c, out[c] + x * bytes);
    return;
  }
  if (grey) {
    for (int k = 0; k < n; ++k) std::memset(&ordered_[static_cast<size_t>(3 * k)], pixels[k], 3);
    pixels = ordered_.data();
  } else if (rgb == spec_.blue_first) {
    kernel_->swap(pixels, n, ordered_.data());
    pixels = ordered_.data();
  }
  map_row(pixels, 3 * n, -1, out[0] + 3 * x * bytes);
}

void Preprocess::run(const Planes& planes, void* out, ptrdiff_t row_stride,
                     ptrdiff_t plane_stride) noexcept {
  std::fill(yuv_row_of_.begin(), yuv_row_of_.end(), -1);
  const int right = spec_.place_x + spec_.place_width;
  for (int y = 0; y < spec_.out_height; ++y) {
    uint8_t* row = static_cast<uint8_t*>(out) + y * row_stride;
    uint8_t* const rows[3] = {row, row + plane_stride, row + 2 * plane_stride};
    const int i = y - spec_.place_y;
    if (i < 0 || i >= spec_.place_height) {
      fill_columns(0, spec_.out_width, rows);
      continue;
    }
    fill_columns(0, spec_.place_x, rows);
    place_row(planes, i, rows);
    fill_columns(right, spec_.out_width, rows);
  }
}

}  // namespace edgerun
