"""Resize and Upsample of images."""

from __future__ import annotations

from edgerun.frontends.onnx_ops.conv import on_channels_last
from edgerun.frontends.onnx_ops.task import Import, Importer, refuse
from edgerun.ir.graph import Value
from edgerun.ir.resize import ResizeBilinear, ResizeNearestNeighbor
from edgerun.ir.types import Shape


def _sizes(task: Import, scales_at: int) -> Shape:
    """The size of each dimension of the result."""
    shape = task.type(0).shape
    if task.has(scales_at + 1) and task.type(scales_at + 1).size:
        return task.integers(scales_at + 1, "sizes")
    given = task.constant(scales_at, "scales") if task.has(scales_at) else task.get("scales", ())
    exact = [d * float(s) for d, s in zip(shape, given, strict=True)]
    sizes = tuple(int(size + 1e-4) for size in exact)  # the scale is a float32
    if any(abs(size - whole) > 1e-4 for size, whole in zip(exact, sizes, strict=True)):
        raise refuse(
            "its scales are not the ratio of whole sizes"
        )  # and they, not the sizes, say what is read
    return sizes


def _resize(task: Import) -> Value:
    old = task.opset < 11
    sizes = _sizes(task, 1 if old or task.operator == "Upsample" else 2)
    x = task.value(0)
    shape = x.type.shape
    if len(shape) != 4 or sizes[:2] != shape[:2]:
        raise refuse("it does not resize the last two of four dimensions")
    if task.get("axes", None) is not None or task.get("antialias", 0):
        raise refuse("it has axes or antialiasing")
    old = old or task.operator == "Upsample"
    mode = task.get("mode", "nearest")
    where = "asymmetric" if old else task.get("coordinate_transformation_mode", "half_pixel")
    down = "floor" if old else task.get("nearest_mode", "round_prefer_floor")
    size = sizes[2], sizes[3]
    whole = all(s % d == 0 for s, d in zip(sizes, shape, strict=True))
    if mode == "nearest":
        # Enlarged by whole factors, each pixel is repeated: floor(x / factor), where half pixels say so too.
        simple = whole and (where, down) in (
            ("asymmetric", "floor"),
            ("half_pixel", "round_prefer_floor"),
            ("half_pixel", "round_prefer_ceil"),
            ("pytorch_half_pixel", "round_prefer_floor"),
            ("pytorch_half_pixel", "round_prefer_ceil"),
        )
        if not (simple or (where, down) == ("asymmetric", "floor")):
            raise refuse(f"it is nearest with {where}, {down}")
        return on_channels_last(task, ResizeNearestNeighbor(size), x)
    if mode == "linear" and where in ("asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel"):
        if where == "pytorch_half_pixel" and 1 in size:
            raise refuse("it makes one pixel of many")
        corners, half = where == "align_corners", "half_pixel" in where
        return on_channels_last(task, ResizeBilinear(size, corners, half), x)
    raise refuse(f"it is {mode} with {where}")


IMPORTERS: dict[str, Importer] = {"Resize": _resize, "Upsample": _resize}
