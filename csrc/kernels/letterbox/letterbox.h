// Picture to input tensor in one pass: crop, resize, place, mix channels, quantise.
//
// One axis of length n, cut from [start, start + length) of the source, with r = length / n:
//   r < 2   bilinear: destination i reads the point  start + (i + 0.5) * r - 0.5  between the two
//           nearest source pixels; points outside the crop take the crop's edge pixel;
//   r >= 2  area: destination i is the mean of [start + i * r, start + (i + 1) * r), each source
//           pixel k weighted by how much of [k, k + 1) lies inside.
// Each axis chooses for itself. The crop is cut first: pixels outside it never matter.
//
// With p[s] the resized source channels in float32, and no rounding in between:
//   v[c] = bias[c] + sum over s, ascending, of mix[c][s] * p[s]
//   float32 destination:       y = v
//   int8, uint8 destination:   y = round_half_even(clamp(v, qmin - zp, qmax - zp)) + zp
// Destination pixels outside `place` get the value of a source pixel whose channels are all `fill`.
//
// Sums run in one fixed order without FMA (the build sets -ffp-contract=off), so that every
// compiler and CPU gives the same bits.
#ifndef EDGERUN_KERNELS_LETTERBOX_LETTERBOX_H_
#define EDGERUN_KERNELS_LETTERBOX_LETTERBOX_H_

#include <cstddef>
#include <cstdint>

namespace edgerun {

constexpr int kMaxChannels = 3;

enum class PixelType { kInt8, kUint8, kFloat32 };

struct LetterboxTask {
  // Source: uint8, 1 or 3 channels, the pixels of a row dense; row_stride in bytes.
  const uint8_t* source;
  int source_height, source_width, source_channels;
  ptrdiff_t source_row_stride;
  // What is cut from the source, in source pixels; inside it and not empty.
  double crop_x, crop_y, crop_width, crop_height;

  // Destination: 1 or 3 channels; strides in elements of `type`.
  void* destination;
  PixelType type;
  int height, width, channels;
  ptrdiff_t row_stride, column_stride, channel_stride;
  // Where the cut goes in the destination; inside it and not empty.
  int place_x, place_y, place_width, place_height;

  float mix[kMaxChannels][kMaxChannels];  // [destination channel][source channel]
  float bias[kMaxChannels];               // by destination channel
  float fill;                             // a source value
  int zero_point;                         // not read for float32
};

// Bytes of scratch memory that letterbox() needs for this task, aligned to 4.
size_t letterbox_scratch_bytes(const LetterboxTask& task);

// Writes every element of the destination. The task must keep what is said above.
void letterbox(const LetterboxTask& task, void* scratch) noexcept;

}  // namespace edgerun

#endif  // EDGERUN_KERNELS_LETTERBOX_LETTERBOX_H_
