"""Resizing of images."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edgerun.frontends.tflite_ops.task import Import, Importer
from edgerun.ir.op import Op, expect
from edgerun.ir.resize import ResizeBilinear, ResizeNearestNeighbor


def _resize(op: type[ResizeBilinear] | type[ResizeNearestNeighbor]) -> Callable[[Import], Op]:
    def resize(task: Import) -> Op:
        size = task.integers("size")
        expect(len(size) == 2, f"The size must be two numbers, got {size}.")
        return op(
            (size[0], size[1]),
            bool(task.options["align_corners"]),
            bool(task.options["half_pixel_centers"]),
        )

    return resize


IMPORTERS: Mapping[str, Importer] = {
    "RESIZE_BILINEAR": _resize(ResizeBilinear),
    "RESIZE_NEAREST_NEIGHBOR": _resize(ResizeNearestNeighbor),
}
