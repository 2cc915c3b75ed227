// detection_postprocess: boxes from an SSD head, TFLite's custom operator
// TFLite_Detection_PostProcess.
//
// inputs   boxes [1, N, 4 or more]: y, x, h, w relative to the anchors; 8-bit or float32
//          scores [1, N, C]: 8-bit or float32; C = num_classes, or num_classes + 1 when the first
//          one is the background
// outputs  float32: boxes [1, M, 4] (ymin, xmin, ymax, xmax), classes [1, M], scores [1, M],
//          count [1]; M >= max_detections, without regular NMS even times
//          max_classes_per_detection; what is not found is 0
// blob     anchors                                 float32 [N][4]: y, x, h, w, centre form
// reals    box_scale, score_scale                  of 8-bit inputs; unused for float32
//          y_scale, x_scale, h_scale, w_scale
//          nms_score_threshold, nms_iou_threshold
// integers box_zero_point, score_zero_point        as stored; unused for float32
//          max_detections, max_classes_per_detection, detections_per_class, num_classes
//          use_regular_nms                         0 or 1
//
// Fast NMS runs once over all boxes by their best class and then lists each kept box's
// max_classes_per_detection best classes; regular NMS runs for each class and keeps the best
// max_detections of all. Boxes and classes of equal score come in the order of their index. NaN
// scores are never the best and never reach a threshold.
#include <cstring>

#include "base/table.h"
#include "ops/common.h"

namespace edgerun {
namespace {

struct Box {
  float ymin = 0, xmin = 0, ymax = 0, xmax = 0;
};

struct Scored {
  float score = 0;
  int32_t index = 0;  // of a box
  int32_t label = 0;
};

// By falling score, then by rising index; a strict order, because no score is NaN.
bool before(const Scored& a, const Scored& b) {
  return a.score != b.score ? a.score > b.score : a.index < b.index;
}

float area(const Box& box) { return (box.ymax - box.ymin) * (box.xmax - box.xmin); }

// 0 where either box is empty.
float intersection_over_union(const Box& a, const Box& b) {
  const float area_a = area(a), area_b = area(b);
  if (area_a <= 0 || area_b <= 0) return 0;
  const float height = std::min(a.ymax, b.ymax) - std::max(a.ymin, b.ymin);
  const float width = std::min(a.xmax, b.xmax) - std::max(a.xmin, b.xmin);
  const float common = std::max(height, 0.0f) * std::max(width, 0.0f);
  return common / (area_a + area_b - common);
}

// A float32 tensor, or an 8-bit one that is dequantised at each access.
class Reader {
 public:
  Reader(const TensorRef& ref, int32_t zero_point, float scale)
      : ref_(ref), zero_point_(zero_point), scale_(scale) {}

  float at(const uint8_t* bytes, int64_t row, int64_t channel) const noexcept {
    const uint8_t* p = bytes + row * ref_.row_stride + channel * size_of(ref_.dtype);
    switch (ref_.dtype) {
      case DType::kU8:
        return dequantize(*p);
      case DType::kS8:
        return dequantize(static_cast<int8_t>(*p));
      default:
        return *reinterpret_cast<const float*>(p);
    }
  }

  // The greatest of `count` values from `channel` on, -inf when all are NaN. The scale is positive,
  // so the greatest stored value is the greatest value.
  float max(const uint8_t* bytes, int64_t row, int64_t channel, int64_t count) const noexcept {
    const uint8_t* p = bytes + row * ref_.row_stride + channel * size_of(ref_.dtype);
    switch (ref_.dtype) {
      case DType::kU8:
        return dequantize(greatest(p, count, p[0]));
      case DType::kS8:
        return dequantize(
            greatest(reinterpret_cast<const int8_t*>(p), count, static_cast<int8_t>(p[0])));
      default:
        return greatest(reinterpret_cast<const float*>(p), count,
                        -std::numeric_limits<float>::infinity());
    }
  }

 private:
  float dequantize(int stored) const noexcept {
    return static_cast<float>(stored - zero_point_) * scale_;
  }

  template <class T>
  static T greatest(const T* values, int64_t count, T best) noexcept {
    for (int64_t i = 0; i < count; ++i) best = values[i] > best ? values[i] : best;
    return best;
  }

  TensorRef ref_;
  int32_t zero_point_;
  float scale_;
};

Reader read_input(const StepSpec& spec, const TensorRef& tensor, const std::string& name) {
  const float scale = read_scale(spec, name + "_scale");
  const std::string zero_point = name + "_zero_point";
  if (!is_8bit(tensor.dtype)) {
    spec.attributes.integer(zero_point);
    return Reader(tensor, 0, 1);
  }
  return Reader(tensor, read_stored(spec, tensor, zero_point), scale);
}

class DetectionPostprocessOp : public Op {
 public:
  explicit DetectionPostprocessOp(const StepSpec& spec)
      : box_input_(spec.inputs[0]),
        score_input_(spec.inputs[1]),
        outputs_(spec.outputs),
        box_(read_input(spec, box_input_, "box")),
        score_(read_input(spec, score_input_, "score")),
        box_count_(box_input_.dim(1)),
        y_scale_(read_scale(spec, "y_scale")),
        x_scale_(read_scale(spec, "x_scale")),
        h_scale_(read_scale(spec, "h_scale")),
        w_scale_(read_scale(spec, "w_scale")),
        score_threshold_(static_cast<float>(spec.attributes.real("nms_score_threshold"))),
        iou_threshold_(static_cast<float>(spec.attributes.real("nms_iou_threshold"))) {
    constexpr int64_t kMany = 1 << 20;
    anchors_ = spec.attributes.blob("anchors", static_cast<size_t>(box_count_) * sizeof(Box));
    regular_ = spec.attributes.integer("use_regular_nms", 0, 1) == 1;
    max_detections_ = spec.attributes.integer("max_detections", 1, kMany);
    classes_per_box_ = spec.attributes.integer("max_classes_per_detection", 1, kMany);
    // Only regular NMS looks at it; a model without it may say 0.
    per_class_ = spec.attributes.integer("detections_per_class", regular_ ? 1 : 0,
                                         std::numeric_limits<int32_t>::max());
    class_count_ = spec.attributes.integer("num_classes", 1, score_input_.channels());
    check(iou_threshold_ > 0 && iou_threshold_ <= 1,
          "detection_postprocess: the overlap threshold must lie in (0, 1]");
    label_offset_ = score_input_.channels() - class_count_;
    check(label_offset_ <= 1,
          "detection_postprocess: there must be as many scores as classes, or one more");
    check(outputs_[0].dim(1) >= max_detections_ * (regular_ ? 1 : classes_per_box_),
          "detection_postprocess: the outputs have no room for all detections");

    boxes_ = reserve(box_count_, sizeof(Box));
    candidates_ = reserve(box_count_, sizeof(Scored));
    kept_ = reserve(max_detections_, sizeof(Scored));
    best_ = reserve(2 * max_detections_, sizeof(Scored));
    class_scores_ = reserve(class_count_, sizeof(Scored));
  }

  void run(const RunContext& context, int64_t, int64_t) const noexcept override {
    auto* boxes = scratch<Box>(context, boxes_);
    decode_boxes(context, boxes);
    clear_outputs(context);
    const int64_t found = regular_ ? regular_nms(context, boxes) : fast_nms(context, boxes);
    write(context, 3, 0, 0, static_cast<float>(found));
  }

 private:
  // A piece of scratch; returns where it starts.
  int64_t reserve(int64_t count, size_t size) {
    constexpr int64_t kAlignment = 64;
    const int64_t start = scratch_bytes_;
    scratch_bytes_ +=
        (count * static_cast<int64_t>(size) + kAlignment - 1) / kAlignment * kAlignment;
    return start;
  }

  template <class T>
  static T* scratch(const RunContext& context, int64_t start) {
    return reinterpret_cast<T*>(context.scratch + start);
  }

  void write(const RunContext& context, size_t output, int64_t row, int64_t channel,
             float value) const noexcept {
    const TensorRef& ref = outputs_[output];
    std::memcpy(output_bytes(context, ref) + row * ref.row_stride + channel * 4, &value,
                sizeof value);
  }

  void clear_outputs(const RunContext& context) const noexcept {
    for (const TensorRef& ref : outputs_) {
      for (int64_t row = 0; row < ref.rows(); ++row) {
        std::memset(output_bytes(context, ref) + row * ref.row_stride, 0,
                    static_cast<size_t>(ref.row_bytes()));
      }
    }
  }

  void write_detection(const RunContext& context, int64_t slot, const Box& box,
                       const Scored& found) const noexcept {
    write(context, 0, slot, 0, box.ymin);
    write(context, 0, slot, 1, box.xmin);
    write(context, 0, slot, 2, box.ymax);
    write(context, 0, slot, 3, box.xmax);
    write(context, 1, 0, slot, static_cast<float>(found.label));
    write(context, 2, 0, slot, found.score);
  }

  void decode_boxes(const RunContext& context, Box* boxes) const noexcept {
    const uint8_t* in = input_bytes(context, box_input_);
    const auto* anchors = anchors_->data<float>();
    for (int64_t i = 0; i < box_count_; ++i) {
      const double anchor_y = anchors[4 * i], anchor_x = anchors[4 * i + 1];
      const double anchor_h = anchors[4 * i + 2], anchor_w = anchors[4 * i + 3];
      const auto y = static_cast<float>(box_.at(in, i, 0) / y_scale_ * anchor_h + anchor_y);
      const auto x = static_cast<float>(box_.at(in, i, 1) / x_scale_ * anchor_w + anchor_x);
      const auto half_h =
          static_cast<float>(0.5 * poly_exp(box_.at(in, i, 2) / h_scale_) * anchor_h);
      const auto half_w =
          static_cast<float>(0.5 * poly_exp(box_.at(in, i, 3) / w_scale_) * anchor_w);
      boxes[i] = {y - half_h, x - half_w, y + half_h, x + half_w};
    }
  }

  // Sorts the candidates and keeps at most `limit` of those that no better one overlaps too much.
  int64_t suppress(const Box* boxes, Scored* candidates, int64_t count, int64_t limit,
                   Scored* kept) const noexcept {
    std::sort(candidates, candidates + count, before);
    int64_t kept_count = 0;
    for (int64_t i = 0; i < count && kept_count < limit; ++i) {
      const Box& box = boxes[candidates[i].index];
      bool keep = true;
      for (int64_t k = 0; k < kept_count && keep; ++k) {
        keep = !(intersection_over_union(boxes[kept[k].index], box) > iou_threshold_);
      }
      if (keep) kept[kept_count++] = candidates[i];
    }
    return kept_count;
  }

  int64_t fast_nms(const RunContext& context, const Box* boxes) const noexcept {
    const uint8_t* in = input_bytes(context, score_input_);
    auto* candidates = scratch<Scored>(context, candidates_);
    auto* kept = scratch<Scored>(context, kept_);
    int64_t count = 0;
    for (int64_t i = 0; i < box_count_; ++i) {
      const float best = score_.max(in, i, label_offset_, class_count_);
      if (best >= score_threshold_) candidates[count++] = {best, static_cast<int32_t>(i), 0};
    }
    const int64_t found = suppress(boxes, candidates, count, max_detections_, kept);
    for (int64_t k = 0; k < found; ++k)
      write_classes(context, in, k, boxes[kept[k].index], kept[k].index);
    return found;
  }

  // The best classes of box `index`, the k-th one kept.
  void write_classes(const RunContext& context, const uint8_t* in, int64_t k, const Box& box,
                     int32_t index) const noexcept {
    auto* classes = scratch<Scored>(context, class_scores_);
    const int64_t wanted = std::min(classes_per_box_, class_count_);
    for (int64_t c = 0; c < class_count_; ++c) {
      const float score = score_.at(in, index, label_offset_ + c);
      const auto label = static_cast<int32_t>(c);
      // A NaN would break the order of the sort; it comes last.
      classes[c] = {score == score ? score : -std::numeric_limits<float>::infinity(), label, label};
    }
    std::partial_sort(classes, classes + wanted, classes + class_count_, before);
    for (int64_t c = 0; c < wanted; ++c)
      write_detection(context, k * classes_per_box_ + c, box, classes[c]);
  }

  int64_t regular_nms(const RunContext& context, const Box* boxes) const noexcept {
    const uint8_t* in = input_bytes(context, score_input_);
    auto* candidates = scratch<Scored>(context, candidates_);
    auto* kept = scratch<Scored>(context, kept_);
    Scored* best = scratch<Scored>(context, best_);
    Scored* merged = best + max_detections_;
    int64_t found = 0;
    for (int64_t c = 0; c < class_count_; ++c) {
      int64_t count = 0;
      for (int64_t i = 0; i < box_count_; ++i) {
        const float score = score_.at(in, i, label_offset_ + c);
        if (score >= score_threshold_) {
          candidates[count++] = {score, static_cast<int32_t>(i), static_cast<int32_t>(c)};
        }
      }
      const int64_t kept_count =
          suppress(boxes, candidates, count, std::min(per_class_, max_detections_), kept);
      // Earlier classes win ties.
      int64_t from_best = 0, from_kept = 0, total = std::min(found + kept_count, max_detections_);
      for (int64_t i = 0; i < total; ++i) {
        const bool take_best =
            from_best < found &&
            (from_kept == kept_count || best[from_best].score >= kept[from_kept].score);
        merged[i] = take_best ? best[from_best++] : kept[from_kept++];
      }
      std::swap(best, merged);
      found = total;
    }
    for (int64_t i = 0; i < found; ++i) write_detection(context, i, boxes[best[i].index], best[i]);
    return found;
  }

  TensorRef box_input_, score_input_;
  std::vector<TensorRef> outputs_;
  Reader box_, score_;
  int64_t box_count_;
  double y_scale_, x_scale_, h_scale_, w_scale_;
  float score_threshold_, iou_threshold_;
  std::shared_ptr<const Blob> anchors_;
  bool regular_ = false;
  int64_t max_detections_ = 0, classes_per_box_ = 0, per_class_ = 0, class_count_ = 0,
          label_offset_ = 0;
  int64_t boxes_ = 0, candidates_ = 0, kept_ = 0, best_ = 0,
          class_scores_ = 0;  // places in the scratch
};

std::vector<Candidate> candidates(const StepSpec&, Isa) { return {{"generic", "", "any"}}; }

std::unique_ptr<Op> prepare(const StepSpec& spec) {
  check_tensors(spec, 2, 4);
  check(spec.kernel == "generic",
        "detection_postprocess: there is no kernel called '" + spec.kernel + "'");
  const TensorRef& boxes = spec.inputs[0];
  const TensorRef& scores = spec.inputs[1];
  for (const TensorRef& input : spec.inputs) {
    check_dtype(spec, input, {DType::kU8, DType::kS8, DType::kF32});
    check(input.rank() == 3 && input.dim(0) == 1,
          "detection_postprocess: an input must be [1, N, ...]");
  }
  check(boxes.dim(2) >= 4 && boxes.dim(1) == scores.dim(1),
        "detection_postprocess: boxes must be [1, N, 4] and scores [1, N, C]");
  const int64_t slots = spec.outputs[0].rank() == 3 ? spec.outputs[0].dim(1) : 0;
  const std::vector<std::vector<int64_t>> shapes = {{1, slots, 4}, {1, slots}, {1, slots}, {1}};
  for (size_t i = 0; i < shapes.size(); ++i) {
    check_dtype(spec, spec.outputs[i], {DType::kF32});
    check(spec.outputs[i].shape == shapes[i],
          "detection_postprocess: the outputs must be [1, M, 4], [1, M], [1, M] and [1]");
  }
  return std::make_unique<DetectionPostprocessOp>(spec);
}

}  // namespace

const Verb verb_detection_postprocess = {"detection_postprocess", candidates, nullptr, prepare};

}  // namespace edgerun
