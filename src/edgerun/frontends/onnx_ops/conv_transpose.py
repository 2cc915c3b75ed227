"""ConvTranspose: of sequences, images and volumes, in groups."""

from __future__ import annotations

from edgerun.errors import FormatError
from edgerun.frontends.onnx_ops.conv import TO_FIRST, TO_LAST, as_before, as_image
from edgerun.frontends.onnx_ops.sides import attribute
from edgerun.frontends.onnx_ops.squares import fits, transposed
from edgerun.frontends.onnx_ops.task import FLOAT, Import, Importer, refuse
from edgerun.ir.elementwise import Add
from edgerun.ir.graph import Value
from edgerun.ir.quantize import Dequantize
from edgerun.ir.shape import Concat, Pad, Reshape, Slice
from edgerun.ir.transpose_conv import TransposeConv
from edgerun.ir.types import Quantization, Shape


def _conv_transpose(task: Import) -> Value:
    x, w = task.value(0), task.value(1)
    rank = len(x.type.shape)
    if rank not in (3, 4, 5):
        raise refuse(f"it works on {rank - 2} spatial dimensions, edgerun on 1 to 3")
    group = int(task.get("group", 1))
    if (
        group < 1
        or len(w.type.shape) != rank
        or w.type.shape[0] != x.type.shape[1]
        or x.type.shape[1] % group
    ):
        raise FormatError(f"{x.type} in {group} groups does not fit the weights {w.type}")
    strides, dilations = attribute(task, "strides", rank - 2), attribute(task, "dilations", rank - 2)
    kernel = tuple((k - 1) * d + 1 for k, d in zip(w.type.shape[2:], dilations, strict=True))
    before, sizes = _placed(task, x.type.shape[2:], kernel, strides)
    bias = task.value(2) if task.has(2) else None
    if rank == 3:
        image, w = as_image(task, x), as_image(task, _spread(task, w, dilations))
        y = _planes(task, image, w, bias, group, (1, *strides), (0, *before), (1, *sizes))
        return as_before(task, y, rank)
    if rank == 4:
        return _planes(task, x, _spread(task, w, dilations), bias, group, strides, before, sizes)
    return _volumes(task, x, _spread(task, w, (1, *dilations[1:])), bias, group, dilations[0], before, sizes)


def _placed(task: Import, shape: Shape, kernel: Shape, strides: Shape) -> tuple[Shape, Shape]:
    """How much of the whole result is cut off in front, and the sizes of what is left."""
    count = len(shape)
    extra = attribute(task, "output_padding", count, default=0)
    sides = zip(strides, shape, extra, kernel, strict=True)
    whole = [s * (n - 1) + e + k for s, n, e, k in sides]
    wanted, auto = task.get("output_shape", None), task.get("auto_pad", "NOTSET")
    if not wanted and auto in ("SAME_UPPER", "SAME_LOWER"):
        wanted = [n * s for n, s in zip(shape, strides, strict=True)]
    if wanted:
        sizes = tuple(int(v) for v in wanted)[-count:]
        total = [max(full - size, 0) for full, size in zip(whole, sizes, strict=True)]
        before = tuple(t // 2 if auto == "SAME_UPPER" else t - t // 2 for t in total)
    else:
        pads = attribute(task, "pads", 2 * count, default=0) if auto == "NOTSET" else (0,) * (2 * count)
        before = pads[:count]
        sizes = tuple(f - b - a for f, b, a in zip(whole, before, pads[count:], strict=True))
    if min(before) < 0 or min(sizes) < 1:
        raise refuse(f"it cuts off {before} and leaves {sizes}")
    return before, sizes


def _spread(task: Import, w: Value, dilations: Shape) -> Value:
    """The weights with zeros between their taps."""
    count, shape = len(dilations), w.type.shape
    if max(dilations) == 1:
        return w
    if w.type.quantization is not None:
        raise refuse("its quantised weights are dilated")
    apart = (*shape[:2], *(v for k in shape[2:] for v in (k, 1)))
    zeros = (0, 0, *(v for d in dilations for v in (0, d - 1)))
    wide = task.emit(Pad((0,) * len(apart), zeros), task.emit(Reshape(apart), w))
    wide = task.emit(Reshape((*shape[:2], *(k * d for k, d in zip(shape[2:], dilations, strict=True)))), wide)
    sizes = (*shape[:2], *((k - 1) * d + 1 for k, d in zip(shape[2:], dilations, strict=True)))
    return task.emit(Slice((0,) * (2 + count), sizes, (1,) * (2 + count)), wide)


def _channels(task: Import, x: Value, axis: int, first: int, count: int) -> Value:
    rank = len(x.type.shape)
    starts = tuple(first if i == axis else 0 for i in range(rank))
    sizes = tuple(count if i == axis else d for i, d in enumerate(x.type.shape))
    return task.emit(Slice(starts, sizes, (1,) * rank), x)


def _of_group(task: Import, w: Value, first: int, count: int) -> Value:
    """Weights for so many input channels; of dequantised constants they stay such."""
    node = task.producer(w)
    quanta = node.inputs[0] if node is not None and isinstance(node.op, Dequantize) else None
    if quanta is None or quanta.data is None or quanta.type.quantization is None:
        return _channels(task, w, 0, first, count)
    q = quanta.type.quantization
    if not q.per_tensor and q.axis == 0:
        part = slice(first, first + count)
        q = Quantization(q.scale[part], q.zero_point[part], 0)
    return task.emit(Dequantize(), task.const(quanta.data[first : first + count], quantization=q))


def _planes(
    task: Import,
    x: Value,
    w: Value,
    bias: Value | None,
    group: int,
    strides: Shape,
    before: Shape,
    size: Shape,
) -> Value:
    """Of images: x [n, c, h, w], weights [c, channels of a group, kh, kw]."""
    kernel = w.type.shape[2:]
    direct = all(b < k for b, k in zip(before, kernel, strict=True))
    if direct and group > 1 and fits(task, w, bias):
        return transposed(task, x, w, bias, group, strides, before, size)
    made = size if direct else tuple(b + s for b, s in zip(before, size, strict=True))
    top, left = before if direct else (0, 0)
    op = TransposeConv(FLOAT, (made[0], made[1]), (strides[0], strides[1]), (top, left))
    last, each, outputs, parts = task.transpose(x, TO_LAST), x.type.shape[1] // group, w.type.shape[1], []
    for g in range(group):
        mine = last if group == 1 else _channels(task, last, 3, g * each, each)
        weights = w if group == 1 else _of_group(task, w, g * each, each)
        own = bias if group == 1 or bias is None else _channels(task, bias, 0, g * outputs, outputs)
        parts.append(task.emit(op, mine, task.transpose(weights, (1, 2, 3, 0)), own))
    y = parts[0] if group == 1 else task.emit(Concat(3), *parts)
    if not direct:
        n, _, _, c = y.type.shape
        y = task.emit(Slice((0, *before, 0), (n, *size, c), (1,) * 4), y)
    return task.transpose(y, TO_FIRST)


def _volumes(
    task: Import,
    x: Value,
    w: Value,
    bias: Value | None,
    group: int,
    dilation: int,
    before: Shape,
    size: Shape,
) -> Value:
    """The sum of what each plane of the kernel adds, planes `stride` apart."""
    strides = attribute(task, "strides", 3)
    n, c, depth, *image = x.type.shape
    planes = task.emit(Reshape((n * depth, c, *image)), task.transpose(x, (0, 2, 1, 3, 4)))
    taps, room = w.type.shape[2], strides[0] * depth + (w.type.shape[2] - 1) * dilation
    room = max(room, before[0] + size[0])
    total: Value | None = None
    for t in range(taps):
        tap = task.emit(Reshape((*w.type.shape[:2], *w.type.shape[3:])), _channels(task, w, 2, t, 1))
        y = _planes(task, planes, tap, None, group, strides[1:], before[1:], size[1:])
        m = y.type.shape[1]
        y = task.emit(Reshape((n, depth, 1, m, *size[1:])), y)
        y = task.emit(Pad((0,) * 6, (0, 0, strides[0] - 1, 0, 0, 0)), y)
        y = task.emit(Reshape((n, depth * strides[0], m, *size[1:])), y)
        behind = room - depth * strides[0] - t * dilation
        y = task.emit(Pad((0, t * dilation, 0, 0, 0), (0, behind, 0, 0, 0)), y)
        total = y if total is None else task.emit(Add(FLOAT), total, y)
    if total is None:
        raise FormatError(f"its weights are {w.type}")
    y = task.transpose(_channels(task, total, 1, before[0], size[0]), (0, 2, 1, 3, 4))
    if bias is None:
        return y
    return task.emit(Add(FLOAT), y, task.emit(Reshape((bias.type.size, 1, 1, 1)), bias))


IMPORTERS: dict[str, Importer] = {"ConvTranspose": _conv_transpose}
