"""Attributes with an entry for every spatial dimension."""

from __future__ import annotations

from edgerun.errors import FormatError
from edgerun.frontends.onnx_ops.task import Import
from edgerun.ir.types import Shape


def attribute(task: Import, name: str, count: int, default: int = 1) -> Shape:
    """The `count` entries of an attribute; raises FormatError where they do not fit."""
    values = tuple(int(v) for v in task.get(name, (default,) * count))
    if len(values) != count:
        raise FormatError(f"its {name} has {len(values)} entries, expected {count}")
    if default == 1 and min(values, default=1) < 1:
        raise FormatError(f"its {name} starts at 1, got {values}")
    return values


def same(auto: str, shape: Shape, extents: Shape, strides: Shape) -> tuple[Shape, Shape]:
    """The padding of SAME_UPPER or SAME_LOWER: as many windows as there are strides in the input."""
    sides = zip(shape, extents, strides, strict=True)
    total = [max((-(-n // s) - 1) * s + e - n, 0) for n, e, s in sides]
    less, more = tuple(t // 2 for t in total), tuple(t - t // 2 for t in total)
    return (less, more) if auto == "SAME_UPPER" else (more, less)


def padding(task: Import, shape: Shape, extents: Shape, strides: Shape) -> tuple[Shape, Shape]:
    """What `pads` or `auto_pad` add before and after each dimension."""
    auto, count = task.get("auto_pad", "NOTSET"), len(shape)
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        return same(auto, shape, extents, strides)
    pads = attribute(task, "pads", 2 * count, default=0) if auto != "VALID" else (0,) * (2 * count)
    return pads[:count], pads[count:]
