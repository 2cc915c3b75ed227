"""Detection post-processing, a custom operator."""

from __future__ import annotations

from collections.abc import Mapping

from edgerun.errors import FormatError
from edgerun.formats import flexbuffer
from edgerun.frontends.tflite_ops.task import Import, Importer
from edgerun.ir.detection import DetectionPostProcess
from edgerun.ir.op import Op


def detection_post_process(task: Import) -> Op:
    options = flexbuffer.read(task.operator.custom_options)
    if not isinstance(options, dict):
        raise FormatError("The options of TFLite_Detection_PostProcess are not a map.")

    def number(name: str, default: float | None = None) -> float:
        value = options.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise FormatError(f"The option {name!r} must be a number, got {value!r}.")
        return value

    return DetectionPostProcess(
        max_detections=int(number("max_detections")),
        num_classes=int(number("num_classes")),
        scales=(number("y_scale"), number("x_scale"), number("h_scale"), number("w_scale")),
        score_threshold=float(number("nms_score_threshold")),
        iou_threshold=float(number("nms_iou_threshold")),
        max_classes_per_detection=int(number("max_classes_per_detection")),
        detections_per_class=int(number("detections_per_class", 100)),
        regular_nms=bool(options.get("use_regular_nms", False)),
    )


IMPORTERS: Mapping[str, Importer] = {
    "TFLite_Detection_PostProcess": detection_post_process,
}
