// From a picture of a camera to an input tensor: cut, resized, placed, quantised, row by row. The
// definition is in docs/preprocessing.md; the arithmetic is in kernels/picture/picture.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/picture/picture.h"

namespace edgerun {

enum class PixelFormat { kGrey, kBgr, kRgb, kNv12, kI420, kYuyv };
enum class Filter { kAuto, kBilinear, kArea };
enum class ElementType { kInt8, kUint8, kFloat32 };

// Where a picture lies. kGrey, kBgr, kRgb, kYuyv: one plane; kNv12: Y and interleaved Cb, Cr; kI420: Y,
// Cb, Cr.
struct Planes {
  const uint8_t* data[3] = {};
  ptrdiff_t stride[3] = {};  // bytes from row to row
};

struct PreprocessSpec {
  PixelFormat format = PixelFormat::kBgr;
  int width = 0,
      height = 0;  // of the picture, 1 .. 2^15; those of kNv12, kI420 and (width) kYuyv are even
  double crop_x = 0, crop_y = 0, crop_width = 0, crop_height = 0;  // inside the picture, not empty
  Filter filter = Filter::kAuto;

  ElementType type = ElementType::kUint8;
  int out_width = 0, out_height = 0, out_channels = 0;              // 1 .. 2^15; 1 or 3
  bool planar = false;                                              // [C][H][W], otherwise [H][W][C]
  int place_x = 0, place_y = 0, place_width = 0, place_height = 0;  // inside the output, not empty
  bool blue_first = false;                                          // the order of three output channels
  bool grey = false;  // three output channels have the same: the luma
  int fill = 0;       // value of the pixels around the place, 0 .. 255

  // float32: y = float32(p) * gain + bias by output channel. 8 bits: y = table[channel][p], which is
  // found faster where gain and bias, of quanta, give the same.
  double gain[3] = {1, 1, 1}, bias[3] = {};
  uint8_t table[3][256] = {};
};

// Makes what is the same for every picture of a size. One at a time may run.
class Preprocess {
 public:
  // isa: no kernel above this is used. Throws Error where the spec is not as said above.
  Preprocess(const PreprocessSpec& spec, Isa isa);

  // Fills all of the output, whose elements are dense but for the planes and rows, which are as many
  // bytes apart.
  void run(const Planes& planes, void* out, ptrdiff_t row_stride, ptrdiff_t plane_stride) noexcept;

  const char* kernel() const { return kernel_->info.name; }
  // Bytes that planes[i] must have: the rows that are read, and bytes of each.
  int plane_count() const;
  int plane_rows(int plane) const;
  int plane_row_bytes(int plane) const;

 private:
  // How one side is resized: what each destination index takes, from `first` of the crop's pixels on.
  struct Axis {
    int taps = 1;
    std::vector<int32_t> first;
    std::vector<int16_t> weights;  // [n][taps]
  };
  static Axis make_axis(double start, double length, int n, int low, int high, Filter filter);

  void prepare_columns();
  void prepare_map();
  const uint8_t* picture_row(const Planes& planes, int y) noexcept;
  void blend(const int16_t* weights, int count) noexcept;
  void shrink(int i, const int16_t* weights, ptrdiff_t stride) noexcept;
  void place_row(const Planes& planes, int i, uint8_t* const* out) noexcept;
  void map_row(const uint8_t* in, int n, int channel, uint8_t* out) const noexcept;
  void fill_columns(int begin, int end, uint8_t* const* out) const noexcept;
  int planes() const { return spec_.planar ? spec_.out_channels : 1; }
  int pixel_bytes() const { return element_bytes() * (spec_.planar ? 1 : spec_.out_channels); }
  int element_bytes() const { return spec_.type == ElementType::kFloat32 ? 4 : 1; }
  bool is_yuv() const { return spec_.format >= PixelFormat::kNv12; }

  PreprocessSpec spec_;
  const PictureKernel* kernel_;
  int channels_;                         // of a source row: 1, or 3 (blue first, but for kRgb)
  int low_x_, high_x_, low_y_, high_y_;  // the pixels that the crop touches
  Axis down_, along_;
  bool shrinks_ = false;  // no more is read than what `along_` and `down_` take
  std::vector<int32_t> at_;
  std::vector<uint8_t> yuv_rows_, pixels_, ordered_;
  std::vector<int> yuv_row_of_;  // which row of the picture a slot holds
  std::vector<const uint8_t*> rows_;
  std::vector<int16_t> blended_;
  // Of 8 bits: by multiplication where that gives each entry of the tables.
  bool multiplies_ = false;
  int32_t multiplier_[3] = {}, offset_[3] = {};
  std::vector<uint8_t> fill_;  // a row around the place, of each plane
};

}  // namespace edgerun
