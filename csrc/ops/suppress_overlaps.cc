// suppress_overlaps: non-maximum suppression of many classes. Of each batch and class the boxes whose scores
// are above a threshold, the best first, without those that overlap a better one too much.
//
// Equal scores come in the order of their index. Places beyond the number are 0.
//
// inputs   boxes: float32 [b, n, 4]; scores: float32 [b, classes, n]
// outputs  int64 [b * classes * most, 3] of batch, class and box; their number: int64, one element
// integers centred          0: two opposite corners; 1: the middle and the size
// reals    iou_threshold, score_threshold
#include "ops/common.h"

namespace edgerun {
namespace {

struct Box {
  float low[2], high[2];
  float area() const { return (high[0] - low[0]) * (high[1] - low[1]); }
};

Box box_of(const float* at, bool centred) {
  Box box;
  for (int i = 0; i < 2; ++i) {
    const float first = at[i], second = at[i + 2], half = second / 2.0f;
    box.low[i] = centred ? first - half : std::min(first, second);
    box.high[i] = centred ? first + half : std::max(first, second);
  }
  return box;
}

bool overlap(const Box& a, const Box& b, float threshold) {
  const float first = std::min(a.high[0], b.high[0]) - std::max(a.low[0], b.low[0]);
  const float second = std::min(a.high[1], b.high[1]) - std::max(a.low[1], b.low[1]);
  const float common = first * second, area_a = a.area(), area_b = b.area();
  const float all = area_a + area_b - common;
  return first > 0 && second > 0 && common > 0 && area_a > 0 && area_b > 0 && all > 0 &&
         common / all > threshold;
}

class SuppressOverlapsOp : public Op {
 public:
  explicit SuppressOverlapsOp(const StepSpec& spec)
      : boxes_(spec.inputs[0]),
        scores_(spec.inputs[1]),
        selected_(spec.outputs[0]),
        count_(spec.outputs[1]),
        centred_(spec.attributes.integer("centred", 0, 1) != 0),
        iou_threshold_(static_cast<float>(spec.attributes.real("iou_threshold"))),
        score_threshold_(static_cast<float>(spec.attributes.real("score_threshold"))) {
    check(boxes_.rank() == 3 && scores_.rank() == 3 && boxes_.dim(2) == 4 &&
              boxes_.dim(0) == scores_.dim(0) && boxes_.dim(1) == scores_.dim(2),
          "suppress_overlaps: boxes and scores do not fit each other");
    const int64_t lists = scores_.rows();
    check(selected_.rank() == 2 && selected_.dim(1) == 3 && selected_.dim(0) % lists == 0 &&
              count_.elements() == 1,
          "suppress_overlaps: the outputs do not fit");
    most_ = selected_.dim(0) / lists;
    check(most_ <= boxes_.dim(1), "suppress_overlaps: more results than boxes");
    scratch_bytes_ = boxes_.dim(1) * static_cast<int64_t>(sizeof(Box) + sizeof(int32_t));
  }

  // One tile: where the results of a class lie depends on those of all before.
  void run(const RunContext& context, int64_t, int64_t) const noexcept override {
    const int64_t n = boxes_.dim(1), classes = scores_.dim(1);
    auto* boxes = reinterpret_cast<Box*>(context.scratch);
    auto* order = reinterpret_cast<int32_t*>(boxes + n);
    uint8_t* selected = output_bytes(context, selected_);
    int64_t count = 0;
    for (int64_t list = 0; list < scores_.rows(); ++list) {
      if (list % classes == 0) {
        const int64_t first = list / classes * n;
        for (int64_t i = 0; i < n; ++i) {
          const uint8_t* at = input_bytes(context, boxes_) + (first + i) * boxes_.row_stride;
          boxes[i] = box_of(reinterpret_cast<const float*>(at), centred_);
        }
      }
      const auto* scores = reinterpret_cast<const float*>(input_bytes(context, scores_) +
                                                          list * scores_.row_stride);
      const int64_t kept = select(boxes, scores, order);
      for (int64_t k = 0; k < kept; ++k, ++count) {
        auto* row = reinterpret_cast<int64_t*>(selected + count * selected_.row_stride);
        row[0] = list / classes;
        row[1] = list % classes;
        row[2] = order[k];
      }
    }
    for (int64_t k = count; k < selected_.rows(); ++k) {
      auto* row = reinterpret_cast<int64_t*>(selected + k * selected_.row_stride);
      std::fill(row, row + 3, int64_t{0});
    }
    *reinterpret_cast<int64_t*>(output_bytes(context, count_)) = count;
  }

 private:
  // How many boxes of one class are kept; they become the first entries of `order`.
  int64_t select(const Box* boxes, const float* scores, int32_t* order) const noexcept {
    int64_t above = 0;
    for (int64_t i = 0; i < boxes_.dim(1); ++i) {
      if (scores[i] > score_threshold_) order[above++] = static_cast<int32_t>(i);
    }
    std::sort(order, order + above, [scores](int32_t a, int32_t b) {
      return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
    });
    int64_t kept = 0;
    for (int64_t k = 0; k < above && kept < most_; ++k) {
      const Box& box = boxes[order[k]];
      const bool covered = std::any_of(order, order + kept, [&](int32_t better) {
        return overlap(boxes[better], box, iou_threshold_);
      });
      if (!covered) order[kept++] = order[k];
    }
    return kept;
  }

  TensorRef boxes_, scores_, selected_, count_;
  bool centred_;
  float iou_threshold_, score_threshold_;
  int64_t most_ = 0;
};

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 2, 2);
  check_generic_kernel(spec);
  for (const TensorRef& tensor : spec.inputs) check_dtype(spec, tensor, {DType::kF32});
  for (const TensorRef& tensor : spec.outputs) check_dtype(spec, tensor, {DType::kS64});
  return std::make_unique<SuppressOverlapsOp>(spec);
}

}  // namespace

const Verb verb_suppress_overlaps = {"suppress_overlaps", generic_candidates, nullptr, prepare};

}  // namespace edgerun
